//! `If-Match`: what can be shown and changed is changed against what was read, or not at all.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Front, ask, get, meant, post};

/// PATCH, PUT and DELETE of the operator face that take no `If-Match`, and why. A PATCH or PUT needs a
/// very good reason.
const WITHOUT: &[(&str, &str)] = &[
    (
        "DELETE /admin/admin-keys/{id}",
        "a key does not change: it is there or revoked",
    ),
    (
        "DELETE /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}",
        "a slot has nothing that somebody could have changed; its licence is not touched",
    ),
    (
        "DELETE /admin/apps/{app_id}/tenants/{tenant_id}/members/{user_id}",
        "a membership ends with all that it has, whatever that is by then",
    ),
];

fn operations() -> Vec<(String, String, Value)> {
    let document: Value = serde_json::from_str(&doorward_http::openapi_operator()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let mut out = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            if matches!(method.as_str(), "patch" | "put" | "delete" | "post") {
                out.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
    }
    out
}

fn heeds(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "If-Match"))
}

#[test]
fn every_change_says_whether_it_heeds_if_match() {
    let mut without = Vec::new();
    for (method, path, operation) in operations() {
        if method == "POST" {
            continue;
        }
        let name = format!("{method} {path}");
        if !heeds(&operation) {
            without.push(name);
        } else if method != "DELETE" {
            let tag = &operation["responses"]["200"]["headers"]["ETag"];
            assert!(tag.is_object(), "{name} answers without the new ETag");
        }
    }
    without.sort();
    let mut known: Vec<_> = WITHOUT.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(without, known);
}

on_both_engines! {
    async fn what_does_not_heed_it_refuses_it(db: TestDatabase) {
        let front = Front::start(&db).await;
        let id = "0190aaaa-0000-7000-8000-000000000000";
        for (method, path, operation) in operations() {
            let mut at = path.clone();
            while let (Some(from), Some(to)) = (at.find('{'), at.find('}')) {
                at.replace_range(from..=to, id);
            }
            let answer = front.admin(ask(&method, at).header("if-match", "\"1\"").body(json!({}))).await;
            let refused = answer.status == 400 && answer.fields() == ["If-Match"];
            assert_eq!(refused, !heeds(&operation), "{method} {path}: {}", answer.text);
        }
    }

    async fn a_licence_and_a_role_carry_their_tags(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let admin = format!("/admin/apps/{}", app.id);
        let made = front.admin(post(format!("{admin}/licenses"), json!({}))).await.json();
        let id = made["license_id"].as_str().unwrap().to_owned();
        let one = format!("{admin}/licenses/{id}");
        assert_eq!(front.admin(get(one.as_str())).await.header("etag"), "\"1\"");
        let change = |tag: &str| ask("PATCH", one.as_str()).header("if-match", tag.to_owned()).body(json!({"label": tag}));
        let changed = front.admin(change("\"1\"")).await;
        assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
        let stale = front.admin(change("\"1\"")).await;
        assert_eq!(stale.brief(), (409, "CONFLICT".to_owned()));
        assert!(stale.json()["message"].as_str().unwrap().contains("changed meanwhile"), "{}", stale.text);
        assert_eq!(front.admin(change("\"99\"")).await.status, 409);
        assert_eq!(front.admin(change("*")).await.status, 200);
        for wrong in ["1", "W/\"1\"", "\"\"", "\"x\"", "\"1\", \"2\""] {
            assert_eq!(front.admin(change(wrong)).await.fields(), ["If-Match"], "{wrong}");
        }
        assert_eq!(front.admin(post(format!("{one}/revoke"), json!({}))).await.fields(), ["reason", "confirm"]);
        let other = front.admin(post(format!("{one}/revoke"), meant("another"))).await;
        assert_eq!(other.fields(), ["confirm"]);
        let revoked = front.admin(post(format!("{one}/revoke"), meant(&id))).await;
        assert_eq!((revoked.status, revoked.json()["status_reason"].clone()), (200, json!("a test")));
        let rotate = format!("{admin}/license-keys/rotate");
        assert_eq!(front.admin(post(rotate.as_str(), json!({}))).await.fields(), ["reason", "confirm"]);

        let role = format!("{admin}/roles/editor");
        let define = |tag: Option<&str>, body: Value| {
            let asked = ask("PUT", role.as_str()).body(body);
            match tag {
                Some(tag) => asked.header("if-match", tag.to_owned()),
                None => asked,
            }
        };
        assert_eq!(front.admin(define(Some("\"99\""), json!({"permissions": ["a"]}))).await.status, 409);
        let first = front.admin(define(None, json!({"permissions": ["a"]}))).await;
        let tag = first.header("etag").to_owned();
        let listed = front.admin(get(format!("{admin}/roles"))).await.json();
        assert_eq!(listed["items"][4]["etag"], tag.as_str());
        let second = front.admin(define(Some(&tag), json!({"permissions": ["a", "b"]}))).await;
        assert_eq!(second.status, 200);
        assert_ne!(second.header("etag"), tag);
        assert_eq!(front.admin(define(Some(&tag), json!({"permissions": ["a"]}))).await.status, 409);
        assert_eq!(front.admin(define(Some("99"), json!({"permissions": ["a"]}))).await.fields(), ["If-Match"]);
        let lost = front.admin(define(None, json!({"permissions": []}))).await;
        assert_eq!(lost.fields(), ["reason", "confirm"]);
        let half = front.admin(define(None, json!({"permissions": [], "reason": "tidying"}))).await;
        assert_eq!(half.fields(), ["confirm"]);
        let body = json!({"permissions": [], "reason": "tidying", "confirm": "editor"});
        let third = front.admin(define(Some("*"), body)).await;
        assert_eq!(third.status, 200);
        assert_eq!(front.admin(ask("DELETE", role.as_str())).await.fields(), ["reason", "confirm"]);
        let gone = ask("DELETE", format!("{role}?reason=tidying&confirm=editor"));
        assert_eq!(front.admin(gone.clone().header("if-match", tag)).await.status, 409);
        let now = third.header("etag").to_owned();
        assert_eq!(front.admin(gone.header("if-match", now)).await.status, 200);
    }
}
