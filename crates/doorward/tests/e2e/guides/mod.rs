//! docs/guides: the programs of each page are taken out of it, run as it says, and tried.

mod backend;
mod story;

use std::path::PathBuf;

use doorward_testkit::database::Engine;

use crate::interop::program;
use crate::page::{self, Shell};
use crate::support::{Server, on};
use backend::Backend;

/// A page, and what of it is done in another way here.
struct Guide {
    page: &'static str,
    /// How the block begins that installs packages, and what is done instead: they are here.
    install: &'static str,
    installed: Box<dyn FnOnce(&Shell)>,
    /// How the block begins that starts the program.
    start: &'static str,
    /// Where the page's commands are.
    programs: PathBuf,
}

impl Guide {
    /// Does what the page says, from its first block to its last.
    async fn followed(self, server: &Server) -> (Shell, Backend) {
        let port = page::free_port();
        let shell = Shell::beside(server)
            .with_programs(&self.programs)
            .with_port("127.0.0.1:4000", port);
        let blocks = page::blocks(&page::read(self.page));
        for block in blocks.iter().filter(|block| !block.file.is_empty()) {
            let path = shell.dir.path().join(&block.file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &block.text).unwrap();
        }
        let (mut installed, mut backend) = (Some(self.installed), None);
        for block in blocks.iter().filter(|block| block.language == "sh") {
            if block.text.starts_with(self.install) {
                installed.take().expect("once")(&shell);
            } else if block.text.starts_with(self.start) {
                backend = Some(Backend::start(&shell, &block.text, port).await);
            } else if !block.text.starts_with("curl") {
                shell.run(&block.text);
            } else if doorward_testkit::skip::curl_is_here() {
                let said = shell.run(&block.text);
                assert!(said.contains("TOKEN_INVALID"), "{said}");
            }
        }
        assert!(installed.is_none(), "the page says what to install");
        (shell, backend.expect("the page says how to start"))
    }
}

#[test]
fn express() {
    let (Some(node), Some(modules)) = (
        program("DOORWARD_TEST_NODE"),
        program("DOORWARD_TEST_NODE_MODULES"),
    ) else {
        return;
    };
    on(Engine::Sqlite, |server| async move {
        let guide = Guide {
            page: "docs/guides/express.md",
            install: "npm install",
            installed: Box::new(move |shell| {
                std::os::unix::fs::symlink(modules, shell.dir.path().join("node_modules")).unwrap();
            }),
            start: "node ",
            programs: PathBuf::from(node).parent().unwrap().to_owned(),
        };
        story::of(guide, server).await;
    });
}

#[test]
fn fastapi() {
    let Some(python) = program("DOORWARD_TEST_PYTHON") else {
        return;
    };
    on(Engine::Sqlite, |server| async move {
        let guide = Guide {
            page: "docs/guides/fastapi.md",
            install: "pip install",
            installed: Box::new(|_| ()),
            start: "set -a && . ./shop.env && exec uvicorn",
            programs: PathBuf::from(python).parent().unwrap().to_owned(),
        };
        story::of(guide, server).await;
    });
}
