//! The account that PostgreSQL runs as.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, workspace};

/// Whom the server runs as when we are root, which it refuses to be.
pub(super) struct Account {
    name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    switch: Option<PathBuf>,
}

impl Account {
    /// `None` when we are not root and need nobody else.
    pub(super) fn for_server() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd =
            fs::read_to_string("/etc/passwd").map_err(|error| format!("passwd: {error}"))?;
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|wanted| passwd.lines().find_map(|line| Self::parse(line, wanted)))
            .map(Some)
            .ok_or_else(|| "PostgreSQL refuses to run as root and no other account is there".into())
    }

    fn parse(line: &str, wanted: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self {
            name: name.to_owned(),
            uid,
            gid,
            switch: workspace::find_program("setpriv", &[]),
        })
    }

    /// A command that runs as this account.
    pub(super) fn command(account: Option<&Self>, program: &Path) -> Command {
        let Some(account) = account else {
            return Command::new(program);
        };
        let mut command;
        if let Some(setpriv) = &account.switch {
            command = Command::new(setpriv);
            command
                .arg(format!("--reuid={}", account.uid))
                .arg(format!("--regid={}", account.gid))
                .arg("--clear-groups");
        } else {
            command = Command::new("runuser");
            command.args(["-u", &account.name]);
        }
        command.arg("--").arg(program);
        command
    }
}
