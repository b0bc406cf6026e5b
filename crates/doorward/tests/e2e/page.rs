//! Pages of the documentation: what is in their code blocks, and a shell that runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::Server;

/// A code block. What follows the language in its first line is the name of a file.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) file: String,
    pub(crate) text: String,
}

/// The text of a page, by its path in the repository.
pub(crate) fn read(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::read_to_string(format!("{root}/{path}"))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let (language, file) = info.split_once(' ').unwrap_or((info, ""));
        let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(Block {
            language: language.to_owned(),
            file: file.to_owned(),
            text: text.join("\n") + "\n",
        });
    }
    blocks
}

/// A shell in a directory of its own, beside a running `doorward dev`.
pub(crate) struct Shell {
    pub(crate) dir: TempDir,
    replaced: Vec<(String, String)>,
    data: PathBuf,
    programs: Vec<PathBuf>,
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Shell {
    pub(crate) fn beside(server: &Server) -> Self {
        let authority = |url: &str| url.trim_start_matches("http://").to_owned();
        let mut replaced = Vec::new();
        for host in ["localhost", "127.0.0.1"] {
            replaced.push((format!("{host}:3000"), authority(&server.url)));
            replaced.push((format!("{host}:3001"), authority(&server.admin)));
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_doorward"));
        Self {
            dir: tempfile::tempdir().unwrap(),
            replaced,
            data: server.data.path().to_owned(),
            programs: vec![binary.parent().unwrap().to_owned()],
        }
    }

    /// Has the programs of a directory in its path.
    pub(crate) fn with_programs(mut self, directory: &Path) -> Self {
        self.programs.push(directory.to_owned());
        self
    }

    /// Something of the page that is another here.
    pub(crate) fn replacing(mut self, there: &str, here: impl Into<String>) -> Self {
        self.replaced.push((there.to_owned(), here.into()));
        self
    }

    /// Replaces what is another here: the ports of the page may be taken on this machine.
    pub(crate) fn adapt(&self, text: &str) -> String {
        self.replaced
            .iter()
            .fold(text.to_owned(), |text, (there, here)| {
                text.replace(there, here)
            })
    }

    /// A command with the binary in its path, about the server's deployment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let inherited = std::env::var_os("PATH").unwrap();
        let inherited = std::env::split_paths(&inherited);
        let path = std::env::join_paths(self.programs.iter().cloned().chain(inherited)).unwrap();
        let mut command = Command::new(program);
        command
            .env("PATH", path)
            .env("DOORWARD_DATA_DIR", &self.data)
            .current_dir(self.dir.path());
        command
    }

    /// Runs a script to its end; gives what it printed.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> String {
        let mut command = self.command("sh");
        command.args(["-e", "-u", "-c", &self.adapt(script)]);
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let said = String::from_utf8(stdout).unwrap();
        let complaint = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{said}\n{complaint}");
        said
    }
}
