//! docs/guides/desktop.md: a program sold with a key, online and offline, and to named users.

use doorward_testkit::database::Engine;
use serde_json::Value;

use super::backend::Backend;
use crate::interop::program;
use crate::page::{self, Block, Shell};
use crate::support::{Server, claims, on};

/// The page, taken apart: files are written, and the rest is run where the story is there.
struct Page {
    shell: Shell,
    blocks: Vec<Block>,
}

impl Page {
    fn new(server: &Server, port: u16) -> Self {
        let shell = Shell::beside(server).replacing("127.0.0.1:8080", format!("127.0.0.1:{port}"));
        let blocks = page::blocks(&page::read("docs/guides/desktop.md"));
        for block in &blocks {
            if block.file.ends_with(".mjs") || block.file.ends_with(".py") {
                let path = shell.dir.path().join(&block.file);
                std::fs::write(path, shell.adapt(&block.text)).unwrap();
            }
        }
        Self { shell, blocks }
    }

    /// The commands of a step, by its name (the first block has none).
    fn step(&self, name: &str) -> &str {
        let found = |block: &&Block| block.language == "sh" && block.file == name;
        &self
            .blocks
            .iter()
            .find(found)
            .expect("the page has it")
            .text
    }

    /// The program, run by a customer; what it printed, and whether it went on.
    fn start(&self, step: &str, key: &str) -> (bool, String) {
        let output = self
            .shell
            .command("sh")
            .args(["-e", "-u", "-c", self.step(step)])
            .env("LICENSE_KEY", key)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        (
            output.status.success(),
            format!("{said}{complaint}").trim().to_owned(),
        )
    }

    fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.shell.dir.path().join("state.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn set_state(&self, state: &Value) {
        let path = self.shell.dir.path().join("state.json");
        std::fs::write(path, state.to_string()).unwrap();
    }
}

const ENTITLEMENTS: &str = r#"{"export": true, "layers": 20}"#;

#[test]
fn desktop() {
    let (Some(_), Some(python)) = (
        program("DOORWARD_TEST_NODE"),
        program("DOORWARD_TEST_PYTHON"),
    ) else {
        return;
    };
    on(Engine::Sqlite, |server| async move {
        let port = page::free_port();
        let page = Page::new(&server, port);
        page.shell.run(page.step(""));
        let sold = std::fs::read_to_string(page.shell.dir.path().join("license.json")).unwrap();
        let sold: Value = serde_json::from_str(&sold).unwrap();
        let key = sold["license_key"].as_str().unwrap().to_owned();
        // What the page installs is here already.
        let venv = std::path::Path::new(&python).ancestors().nth(2).unwrap();
        std::os::unix::fs::symlink(venv, page.shell.dir.path().join("env")).unwrap();

        let backend = Backend::start(&page.shell, page.step("run"), port).await;
        assert_eq!(
            page.start("activate", "PAINTER-0000-0000-0000-0001"),
            (false, "LICENSE_INVALID".to_owned())
        );
        let online = (true, format!("online {ENTITLEMENTS}"));
        assert_eq!(page.start("activate", &key), online);
        // A typing error later costs nothing.
        let (runs, said) = page.start("activate", "PAINTER-0000-0000-0000-0001");
        assert_eq!((runs, said.as_str()), (false, "LICENSE_INVALID"));
        assert_eq!(page.start("start", ""), online);
        let good = page.state();

        // Another computer: the one slot is taken, and a copied file helps nobody.
        let mut copied = good.clone();
        copied["device_id"] = "00000000-0000-4000-8000-000000000007".into();
        page.set_state(&copied);
        let (runs, said) = page.start("activate", &key);
        assert_eq!((runs, said.as_str()), (false, "LICENSE_MAX_ACTIVATIONS"));
        drop(backend);
        page.set_state(&copied);
        let (runs, said) = page.start("start", "");
        assert_eq!(
            (runs, said.as_str()),
            (false, "The licence file is of another device.")
        );

        // On a train.
        page.set_state(&good);
        assert_eq!(
            page.start("start", ""),
            (true, format!("offline {ENTITLEMENTS}"))
        );
        let offline = page.state();
        let mut wrong_clock = offline.clone();
        wrong_clock["seen"] = (offline["seen"].as_f64().unwrap() + 86_400.0).into();
        page.set_state(&wrong_clock);
        let (runs, said) = page.start("start", "");
        assert_eq!(
            (runs, said.as_str()),
            (false, "The clock of this device was set back.")
        );
        let mut edited = offline.clone();
        let file = offline["file"].as_str().unwrap();
        let (head, rest) = file.split_at(file.len() / 2);
        let flipped = if rest.starts_with('A') { 'B' } else { 'A' };
        edited["file"] = format!("{head}{flipped}{}", rest.get(1..).unwrap()).into();
        page.set_state(&edited);
        let (runs, said) = page.start("start", "");
        assert!(!runs && said.contains("can be trusted"), "{said}");

        // The vendor acts; online it holds at the next start.
        page.set_state(&offline);
        let changes = page
            .blocks
            .iter()
            .find(|block| block.text.contains("license suspend"))
            .expect("the page has it");
        page.shell.run(&changes.text);
        let _backend = Backend::start(&page.shell, page.step("run"), port).await;
        assert_eq!(
            page.start("start", ""),
            (false, "LICENSE_SUSPENDED".to_owned())
        );

        named_user(&server, &page).await;
    });
}

/// A user's own licence is in the token, without any key.
async fn named_user(server: &Server, page: &Page) {
    let env = std::fs::read_to_string(page.shell.dir.path().join("painter.env")).unwrap();
    let value = |name: &str| {
        let line = env
            .lines()
            .find(|line| line.starts_with(&format!("{name}=")));
        let (_, value) = line.unwrap().split_once('=').unwrap();
        value.trim_matches(['"', '\'']).to_owned()
    };
    let app = crate::support::App {
        id: value("APP_ID"),
        secret: value("APP_SECRET"),
        slug: value("APP_SLUG"),
        jwt_public_key: value("JWT_PUBLIC_KEY"),
    };
    let sign_in = async |older| {
        let email = "ada@example.com";
        let (request, code) = server.send_login(&app, "email", email, older).await;
        server.verify(&app, &request, &code).await
    };
    let before = sign_in(0).await;
    assert!(
        claims(&before.text("access_token"))
            .get("entitlements")
            .is_none()
    );
    page.shell.run(page.step("named"));
    let after = sign_in(1).await;
    assert_eq!(
        claims(&after.text("access_token"))["entitlements"],
        serde_json::json!({"export": true, "layers": 50})
    );
}
