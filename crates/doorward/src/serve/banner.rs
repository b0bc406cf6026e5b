//! What `doorward dev` prints when it is ready, on stdout: the log never holds a secret.

use std::path::Path;

use serde::Serialize;

use super::demo::Demo;
use super::node::Running;
use crate::output::{Report, labels};

/// The words of the first screen.
#[derive(Serialize)]
pub(super) struct Banner {
    public_url: String,
    operator_url: String,
    issuer: String,
    data_dir: String,
    ready_ms: u64,
    first_start: bool,
    #[serde(flatten)]
    credentials: Option<Credentials>,
}

#[derive(Serialize)]
struct Credentials {
    app_id: String,
    app_secret: String,
    app_slug: String,
    jwt_public_key: String,
    admin_key: String,
}

impl Banner {
    pub(super) fn new(running: &Running, demo: Option<Demo>, dir: &Path, ready_ms: u64) -> Self {
        Self {
            public_url: format!("http://{}", running.public),
            operator_url: format!("http://{}", running.operator),
            issuer: running.issuer.clone(),
            data_dir: dir.display().to_string(),
            ready_ms,
            first_start: demo.is_some(),
            credentials: demo.map(|demo| Credentials {
                app_id: demo.app_id,
                app_secret: demo.app_secret.expose().to_owned(),
                app_slug: demo.app_slug,
                jwt_public_key: demo.jwt_public_key,
                admin_key: demo.admin_key.expose().to_owned(),
            }),
        }
    }

    fn again(&self) -> String {
        let dir = &self.data_dir;
        format!(
            "The credentials of the apps here were shown when they were made. New ones:\n  \
             doorward app list --data-dir {dir}\n  \
             doorward app rotate-secret demo --reason new --data-dir {dir}\n  \
             doorward admin-key create --name me --data-dir {dir}\n"
        )
    }

    /// Three lines for a shell, each of which takes what the one before has found.
    fn lines(&self, credentials: &Credentials) -> String {
        let Self {
            public_url,
            operator_url,
            ..
        } = self;
        let Credentials {
            app_id, app_secret, ..
        } = credentials;
        let curl = format!("curl -sS -u {app_id}:{app_secret} -H 'Content-Type: application/json'");
        format!(
            r#"Sign somebody in, with three lines for your shell:

REQUEST=$({curl} {public_url}/auth/send-otp -d '{{"email":"ada@example.com","purpose":"LOGIN"}}' | sed -E 's/.*"otp_request_id":"([^"]+)".*/\1/'); echo "request $REQUEST"; sleep 1

CODE=$(curl -sS '{operator_url}/dev/outbox?to=ada@example.com' | grep -oE '"code":"[0-9]+"' | head -n 1 | tr -cd 0-9); echo "code $CODE"

{curl} {public_url}/auth/verify-otp -d '{{"otp_request_id":"'$REQUEST'","otp":"'$CODE'","purpose":"LOGIN"}}'
"#
        )
    }
}

impl Report for Banner {
    fn human(&self) -> String {
        let mut out = labels(&[
            ("public face", self.public_url.clone()),
            ("operator face", self.operator_url.clone()),
            ("data", self.data_dir.clone()),
        ]);
        if self.issuer != self.public_url {
            out.push_str(&format!("issuer         {}\n", self.issuer));
        }
        out.push('\n');
        match &self.credentials {
            None => out.push_str(&self.again()),
            Some(credentials) => {
                out.push_str(
                    "A demo app and an admin key were made. They are shown this once:\n\n",
                );
                out.push_str(&labels(&[
                    ("app_id", credentials.app_id.clone()),
                    ("app_secret", credentials.app_secret.clone()),
                    ("app_slug", credentials.app_slug.clone()),
                    ("jwt_public_key", credentials.jwt_public_key.clone()),
                    ("admin_key", credentials.admin_key.clone()),
                ]));
                out.push('\n');
                out.push_str(&self.lines(credentials));
            }
        }
        out.push_str(&format!("\nready in {} ms (Ctrl-C stops)\n", self.ready_ms));
        out
    }
}
