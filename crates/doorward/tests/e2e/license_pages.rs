//! docs/licenses.md and docs/named-users.md: every command of them is run here, as it is written.

use doorward_testkit::database::Engine;
use serde_json::{Value, json};

use crate::page::{self, Shell};
use crate::support::{Server, claims, on};

/// Runs the shell blocks of a page in one shell, and then `end`; what they print.
fn run(server: &Server, page: &str, variables: &[(&str, &str)], end: &str) -> String {
    let variables: String = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let blocks: String = page::blocks(&page::read(page))
        .into_iter()
        .filter(|block| block.language == "sh")
        .map(|block| block.text)
        .collect();
    // Every answer must be a good one, and ends its line.
    let blocks = blocks.replace("curl -sS", "curl -sS --fail-with-body -w '\\n'");
    Shell::beside(server).run(&format!("{variables}{blocks}{end}"))
}

/// The JSON objects among the lines.
fn answers(said: &str) -> Vec<Value> {
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(Value::is_object)
        .collect()
}

async fn licence_keys(server: Server) {
    let app = server.create_app("my-shop");
    let variables = [
        ("APP_ID", app.id.as_str()),
        ("APP_SECRET", app.secret.as_str()),
    ];
    let said = run(&server, "docs/licenses.md", &variables, "");
    let answers = answers(&said);
    let has = |field: &str, value: &Value| answers.iter().any(|a| a[field] == *value);
    assert!(has("already_activated", &json!(false)), "{said}");
    assert!(has("valid", &json!(true)), "{said}");
    assert!(
        has("entitlements", &json!({"export": true, "seats": 5})),
        "{said}"
    );
    assert!(has("max_activations", &json!(5)), "{said}");
    let successes = answers.iter().filter(|a| a["success"] == true).count();
    assert_eq!(
        successes, 5,
        "released, deactivated, suspended, resumed, revoked: {said}"
    );
    assert!(
        said.contains("revoked") && said.contains("Order 4711"),
        "{said}"
    );
}

async fn named_users(server: Server) {
    let app = server.create_app("my-shop");
    let (request, code) = server.send_login(&app, "email", "ada@example.com", 0).await;
    let ada = server.verify(&app, &request, &code).await;
    let (user, token) = (ada.text("user_id"), ada.text("refresh_token"));
    let variables = [
        ("APP_ID", app.id.as_str()),
        ("APP_SECRET", app.secret.as_str()),
        ("USER_ID", user.as_str()),
        ("REFRESH_TOKEN", token.as_str()),
    ];
    // The page ends with a refund; the token of its second step still says what was sold.
    let end = "echo \"$ACCESS_TOKEN\"\n";
    let said = run(&server, "docs/named-users.md", &variables, end);
    let answers = answers(&said);
    let upgraded = json!({"export": true, "projects": 50, "sso": true});
    assert!(
        answers.iter().any(|a| a["entitlements"] == upgraded),
        "{said}"
    );
    assert_eq!(answers.last().unwrap(), &json!({"success": true}), "{said}");
    let token = said.lines().last().unwrap();
    let claims = claims(token);
    assert_eq!(
        claims["entitlements"],
        json!({"export": true, "projects": 20})
    );
}

#[test]
fn every_command_about_licence_keys_works() {
    if doorward_testkit::skip::curl_is_here() {
        on(Engine::Sqlite, licence_keys);
    }
}

#[test]
fn every_command_about_named_users_works() {
    if doorward_testkit::skip::curl_is_here() {
        on(Engine::Sqlite, named_users);
    }
}
