//! The OpenAPI documents and the page that shows them.

use doorward_testkit::on_both_engines;
use serde_json::Value;

use crate::front::{Front, documents, get, operations};

#[test]
fn the_committed_documents_are_current() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/");
    for (name, made) in [
        ("openapi.json", doorward_http::openapi_public()),
        ("openapi-operator.json", doorward_http::openapi_operator()),
    ] {
        let committed = std::fs::read_to_string(format!("{root}{name}")).unwrap();
        assert!(
            committed == made,
            "{name} is old: run `cargo xtask generate`"
        );
    }
}

#[test]
fn documents_are_the_same_every_time() {
    assert_eq!(
        doorward_http::openapi_public(),
        doorward_http::openapi_public()
    );
    assert_eq!(
        doorward_http::openapi_operator(),
        doorward_http::openapi_operator()
    );
}

fn references(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                out.push(reference.clone());
            }
            object.values().for_each(|inner| references(inner, out));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, out)),
        _ => {}
    }
}

#[test]
fn documents_are_whole() {
    for document in documents() {
        assert_eq!(document["openapi"], "3.1.0");
        let mut found = Vec::new();
        references(document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(
                document.pointer(pointer).is_some(),
                "{reference} leads nowhere"
            );
        }
        let mut ids = std::collections::BTreeSet::new();
        for (method, path, operation) in operations(document) {
            let named = format!("{method} {path}");
            assert!(
                operation["summary"].is_string() && operation["description"].is_string(),
                "{named}"
            );
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{named}"
            );
            assert!(
                operation["security"].is_array(),
                "{named} says nothing of credentials"
            );
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.contains_key("500") && responses.contains_key("503"),
                "{named}"
            );
        }
    }
}

on_both_engines! {
    async fn both_faces_serve_their_document_and_the_page(db: TestDatabase) {
        let front = Front::start(&db).await;
        for (router, index) in [(&front.public, 0), (&front.operator, 1)] {
            let answer = crate::front::send_to(router.clone(), &get("/openapi.json")).await;
            assert_eq!(answer.json(), documents()[index]);
            let redirect = crate::front::send_to(router.clone(), &get("/docs")).await;
            assert_eq!((redirect.status, redirect.header("location")), (308, "/docs/"));
            let page = crate::front::send_to(router.clone(), &get("/docs/")).await;
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            let csp = page.header("content-security-policy");
            assert!(csp.contains("script-src 'self';") && !csp.contains("unsafe-eval"));
            // What the page loads is here, and nothing of it is elsewhere or inline.
            assert!(!page.text.contains("http://") && !page.text.contains("https://"));
            assert!(!page.text.contains("<script>"));
            let loaded = page.text.split(['"', '\'']).filter(|part| part.starts_with("./"));
            let mut count = 0;
            for part in loaded {
                let path = format!("/docs/{}", part.trim_start_matches("./"));
                if path.ends_with(".png") { continue; }
                let file = crate::front::send_to(router.clone(), &get(path.clone())).await;
                assert_eq!(file.status, 200, "{path}");
                count += 1;
            }
            assert!(count >= 3, "{}", page.text);
            let start = crate::front::send_to(router.clone(), &get("/docs/swagger-initializer.js")).await;
            assert!(start.text.contains("/openapi.json"), "{}", start.text);
            let none = crate::front::send_to(router.clone(), &get("/docs/../Cargo.toml")).await;
            assert_eq!(none.status, 404);
        }
    }
}
