//! docs/quickstart.md: every command of it is run here, in its order, in one shell.

use std::process::Command;
use std::time::Duration;

use crate::page;

#[test]
fn every_command_of_the_page_works() {
    if !doorward_testkit::skip::curl_is_here() {
        return;
    }
    let blocks: Vec<_> = page::blocks(&page::read("docs/quickstart.md"))
        .into_iter()
        .filter(|block| block.language == "sh")
        .map(|block| block.text)
        .collect();
    assert_eq!(blocks.len(), 5, "five commands");
    // The binary is built already, and the page's ports may be taken on this machine: these two
    // things, and only these, are replaced.
    let (port, admin) = (page::free_port(), page::free_port());
    let adapt = |block: &str| {
        block
            .replace(
                "cargo run --release -- dev",
                &format!("doorward dev --port {port} --admin-port {admin}"),
            )
            .replace("cargo run --release --", "doorward")
            .replace("localhost:3000", &format!("localhost:{port}"))
            .replace("localhost:3001", &format!("localhost:{admin}"))
    };
    let scratch = tempfile::tempdir().unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_doorward"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut server = Command::new("sh")
        .args(["-c", &format!("exec {}", adapt(blocks[0].trim()))])
        .env("PATH", &path)
        .current_dir(scratch.path())
        .stdout(std::fs::File::create(scratch.path().join("server.log")).unwrap())
        .spawn()
        .unwrap();
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let script: String = blocks[1..].iter().map(|block| adapt(block)).collect();
    let output = Command::new("sh")
        .args(["-e", "-u", "-c", &script])
        .env("PATH", &path)
        .current_dir(scratch.path())
        .output()
        .unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let last = said.lines().last().unwrap_or_default();
    let me: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{said}"));
    assert!(me["user_id"].is_string(), "{said}");
}
