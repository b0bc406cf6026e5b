//! docs/guides: the programs of each page are taken out of it, run as it says, and tried.

mod backend;
mod desktop;
mod story;

use std::path::{Path, PathBuf};

use doorward_testkit::database::Engine;

use crate::interop::program;
use crate::page::{self, Shell};
use crate::support::{Server, on};
use backend::Backend;

/// A page, and what of it is done in another way here.
struct Guide {
    page: &'static str,
    /// How the block begins that installs packages. They are here already.
    install: &'static str,
    /// How the block begins that starts the program.
    start: &'static str,
    /// Makes what was installed known to the shell.
    prepare: Box<dyn FnOnce(Shell) -> Shell + Send>,
}

impl Guide {
    /// Does what the page says, from its first block to its last.
    async fn followed(self, server: &Server) -> (Shell, Backend) {
        let port = page::free_port();
        let shell = Shell::beside(server).replacing("127.0.0.1:4000", format!("127.0.0.1:{port}"));
        let shell = (self.prepare)(shell);
        let blocks = page::blocks(&page::read(self.page));
        for block in blocks.iter().filter(|block| !block.file.is_empty()) {
            let path = shell.dir.path().join(&block.file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &block.text).unwrap();
        }
        let mut backend = None;
        for block in blocks.iter().filter(|block| block.language == "sh") {
            if block.text.starts_with(self.start) {
                backend = Some(Backend::start(&shell, &block.text, port).await);
            } else if block.text.starts_with("curl") {
                if doorward_testkit::skip::curl_is_here() {
                    let said = shell.run(&block.text);
                    assert!(said.contains("TOKEN_INVALID"), "{said}");
                }
            } else if !block.text.starts_with(self.install) {
                shell.run(&block.text);
            }
        }
        (shell, backend.expect("the page says how to start"))
    }
}

/// The directory of a program.
fn beside(program: &str) -> PathBuf {
    Path::new(program).parent().unwrap().to_owned()
}

fn express_guide() -> Option<Guide> {
    let node = program("DOORWARD_TEST_NODE")?;
    let modules = program("DOORWARD_TEST_NODE_MODULES")?;
    Some(Guide {
        page: "docs/guides/express.md",
        install: "npm install",
        start: "node ",
        prepare: Box::new(move |shell| {
            std::os::unix::fs::symlink(modules, shell.dir.path().join("node_modules")).unwrap();
            shell.with_programs(&beside(&node))
        }),
    })
}

fn fastapi_guide() -> Option<Guide> {
    let python = program("DOORWARD_TEST_PYTHON")?;
    Some(Guide {
        page: "docs/guides/fastapi.md",
        install: "pip install",
        start: "set -a && . ./shop.env && exec uvicorn",
        prepare: Box::new(move |shell| shell.with_programs(&beside(&python))),
    })
}

/// What is run is an example of the verifier's crate, so that the house's checks are made on it.
fn axum_guide() -> Option<Guide> {
    let example = beside(env!("CARGO_BIN_EXE_doorward")).join("examples/axum_guide");
    if !example.exists() {
        let required = std::env::var_os("DOORWARD_REQUIRE_INTEROP").is_some();
        assert!(!required, "{} is missing", example.display());
        println!("skipped: the example is not built (cargo xtask test builds it)");
        return None;
    }
    Some(Guide {
        page: "docs/guides/axum.md",
        install: "cargo add",
        start: "set -a && . ./shop.env && exec cargo",
        prepare: Box::new(move |shell| {
            shell.replacing("cargo run --release", example.display().to_string())
        }),
    })
}

#[test]
fn express() {
    if let Some(guide) = express_guide() {
        on(Engine::Sqlite, |server| story::told(guide, server));
    }
}

#[test]
fn fastapi() {
    if let Some(guide) = fastapi_guide() {
        on(Engine::Sqlite, |server| story::told(guide, server));
    }
}

#[test]
fn axum() {
    if let Some(guide) = axum_guide() {
        on(Engine::Sqlite, |server| story::told(guide, server));
    }
}

/// It takes a minute and a half, so all do it at the same time.
#[test]
fn expired_tokens() {
    let guides = [express_guide(), fastapi_guide(), axum_guide()];
    std::thread::scope(|scope| {
        for guide in guides.into_iter().flatten() {
            scope.spawn(|| on(Engine::Sqlite, |server| story::expired(guide, server)));
        }
    });
}

#[test]
fn the_axum_guide_is_the_example() {
    const EXAMPLE: &str = "crates/verify/examples/axum_guide";
    let blocks = page::blocks(&page::read("docs/guides/axum.md"));
    let block = |file: &str| blocks.iter().find(|block| block.file == file).unwrap();
    for file in ["auth.rs", "session.rs", "main.rs"] {
        let source = page::read(&format!("{EXAMPLE}/{file}"));
        let source = match file {
            "main.rs" => source.split_once("\n\n").unwrap().1,
            _ => source.as_str(),
        };
        assert_eq!(
            block(&format!("src/{file}")).text,
            source,
            "{file} of {EXAMPLE}"
        );
    }
    // The page asks for the versions that were compiled.
    let parse = |text: &str| text.parse::<toml::Table>().unwrap();
    let asked = parse(&block("Cargo.toml").text);
    let ours = parse(&page::read("Cargo.toml"));
    let version = |dependency: &toml::Value| {
        let version = dependency.get("version").unwrap_or(dependency).as_str();
        version.map(|text| text.split('.').map(str::to_owned).collect::<Vec<_>>())
    };
    for (name, dependency) in asked["dependencies"].as_table().unwrap() {
        let here = version(&ours["workspace"]["dependencies"][name]);
        let there = version(dependency).or_else(|| here.clone());
        let same = there.iter().flatten().zip(here.iter().flatten());
        assert!(same.clone().all(|(there, here)| there == here), "{name}");
    }
}
