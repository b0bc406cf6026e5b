//! Pages whose commands are run here, in their order, in one shell.

use doorward_testkit::database::Engine;
use serde_json::Value;

use crate::page::{self, Shell};
use crate::support::{claims, on};

#[test]
fn organizations() {
    if !doorward_testkit::skip::curl_is_here() {
        return;
    }
    on(Engine::Sqlite, |server| async move {
        let blocks = page::blocks(&page::read("docs/organizations.md"));
        let script: String = blocks
            .iter()
            .filter(|block| block.language == "sh")
            .map(|block| block.text.as_str())
            .collect();
        let shell = Shell::beside(&server);
        let said = shell.run(&script);
        assert!(said.contains("refused, as it should be"), "{said}");
        assert!(said.contains("orders:read, orders:ship"), "{said}");
        assert!(said.contains("archived 2"), "{said}");
        assert!(said.contains(r#""sessions_revoked":1"#), "{said}");

        // What the page says of the token is in the token.
        let token = |file: &str| {
            let text = std::fs::read_to_string(shell.dir.path().join(file)).unwrap();
            let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
            claims(answer["access_token"].as_str().unwrap())
        };
        let shown = blocks
            .iter()
            .find(|block| block.language == "json")
            .unwrap();
        let shown: Value = serde_json::from_str(&shown.text).unwrap();
        let before = token("ben-2.json");
        for (claim, value) in shown.as_object().unwrap() {
            if value == "…" {
                assert!(before[claim].is_string(), "{claim} in {before}");
            } else {
                assert_eq!(&before[claim], value, "{claim}");
            }
        }
        let after = token("ben-3.json");
        assert_ne!(after["tenant_id"], before["tenant_id"]);
        assert_eq!(after["roles"], serde_json::json!(["viewer"]));
        assert!(after.get("permissions").is_none(), "{after}");
    });
}
