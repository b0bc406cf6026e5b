//! Calls 7, 8 and 9 of the Auth Engine's API, as one story: a team from its creation on the operator
//! port to what its members' tokens say.

use doorward_testkit::database::Engine;
use serde_json::{Value, json};

use crate::support::{Answer, App, Server, on};

/// Calls the operator face.
async fn admin(server: &Server, key: &str, method: &str, path: &str, body: Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = server
        .http
        .request(method, format!("{}{path}", server.admin))
        .header("X-Admin-Key", key)
        .json(&body);
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        body: answer.json().await.unwrap(),
    }
}

/// Somebody who is signed in.
struct Person {
    id: String,
    refresh: String,
}

impl Person {
    async fn sign_in(server: &Server, app: &App, email: &str) -> Self {
        let (request, code) = server.send_login(app, "email", email, 0).await;
        let tokens = server.verify(app, &request, &code).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        Self {
            id: tokens.text("user_id"),
            refresh: tokens.text("refresh_token"),
        }
    }

    /// Organization and roles that a refreshed token names.
    async fn seen(&mut self, server: &Server, app: &App) -> (Value, Value) {
        self.seen_in(server, app, None).await
    }

    async fn seen_in(
        &mut self,
        server: &Server,
        app: &App,
        tenant: Option<&str>,
    ) -> (Value, Value) {
        let mut body = json!({ "refresh_token": self.refresh });
        if let Some(tenant) = tenant {
            body["tenant_id"] = tenant.into();
        }
        let tokens = server.call(app, "/auth/refresh", body).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        self.refresh = tokens.text("refresh_token");
        let me = server.me(&tokens.text("access_token")).await;
        assert_eq!(me.status, 200, "{me:?}");
        (me.body["tenant_id"].clone(), me.body["roles"].clone())
    }
}

async fn story(server: Server) {
    let app = server.create_app("shop");
    let other = server.create_app("other");
    let made = server.cli(&[
        "admin-key",
        "create",
        "--name",
        "ci",
        "--scope",
        "orgs:write",
    ]);
    let key = made["admin_key"].as_str().unwrap().to_owned();
    let path = format!("/admin/apps/{}/tenants", app.id);

    // 9: on the operator port only, and with a key only.
    let elsewhere = server
        .http
        .post(format!("{}{path}", server.url))
        .header("X-Admin-Key", &key)
        .json(&json!({ "name": "Acme" }));
    assert_eq!(elsewhere.send().await.unwrap().status(), 404);
    let refused = admin(
        &server,
        "dwa_nobody",
        "POST",
        &path,
        json!({ "name": "Acme" }),
    )
    .await;
    assert_eq!((refused.status, refused.code()), (401, "TOKEN_INVALID"));
    let acme = admin(&server, &key, "POST", &path, json!({ "name": "Acme" })).await;
    assert_eq!(acme.status, 201, "{acme:?}");
    assert_eq!(
        (acme.text("app_id"), acme.text("name")),
        (app.id.clone(), "Acme".into())
    );
    assert!(acme.text("created_at").ends_with('Z'), "{acme:?}");
    let acme = acme.text("id");
    let globex = admin(&server, &key, "POST", &path, json!({ "name": "Globex" }))
        .await
        .text("id");

    let mut ada = Person::sign_in(&server, &app, "ada@example.com").await;
    let mut bob = Person::sign_in(&server, &app, "bob@example.com").await;
    assert_eq!(ada.seen(&server, &app).await, (json!(null), json!([])));
    let role = |who: &Person, tenant: &str, role: &str| json!({ "user_id": who.id, "tenant_id": tenant, "role": role });
    let success = json!({ "success": true });

    // 7: given, and in the token from the next refresh on; twice is no error.
    for _ in 0..2 {
        let given = server
            .call(&app, "/auth/roles/assign", role(&ada, &acme, "owner"))
            .await;
        assert_eq!((given.status, &given.body), (200, &success));
    }
    server
        .call(&app, "/auth/roles/assign", role(&bob, &acme, "viewer"))
        .await;
    server
        .call(&app, "/auth/roles/assign", role(&bob, &acme, "staff"))
        .await;
    server
        .call(&app, "/auth/roles/assign", role(&bob, &globex, "admin"))
        .await;
    assert_eq!(
        ada.seen(&server, &app).await,
        (json!(acme), json!(["owner"]))
    );
    assert_eq!(
        bob.seen(&server, &app).await,
        (json!(acme), json!(["staff", "viewer"]))
    );

    // The organization of one's choice stays chosen; a foreign one costs nothing.
    let chosen = bob.seen_in(&server, &app, Some(&globex)).await;
    assert_eq!(chosen, (json!(globex), json!(["admin"])));
    assert_eq!(bob.seen(&server, &app).await, chosen);
    let body = json!({ "refresh_token": ada.refresh, "tenant_id": globex });
    let foreign = server.call(&app, "/auth/refresh", body).await;
    assert_eq!((foreign.status, foreign.code()), (404, "TENANT_NOT_FOUND"));
    assert_eq!(
        ada.seen(&server, &app).await,
        (json!(acme), json!(["owner"]))
    );

    // What is not there, or is another app's, is the same.
    let nobody = "01890000-0000-7000-8000-000000000000";
    let stranger = Person {
        id: nobody.into(),
        refresh: String::new(),
    };
    for (who, body, code) in [
        (&app, role(&ada, nobody, "admin"), "TENANT_NOT_FOUND"),
        (&other, role(&ada, &acme, "admin"), "TENANT_NOT_FOUND"),
        (&app, role(&stranger, &acme, "admin"), "USER_NOT_FOUND"),
        (&app, role(&ada, &acme, "lector"), "ROLE_NOT_FOUND"),
    ] {
        let refused = server.call(who, "/auth/roles/assign", body).await;
        assert_eq!((refused.status, refused.code()), (404, code));
    }

    // 8: one role, then all; none there is told, and the last owner stays.
    let taken = server
        .call(&app, "/auth/roles/revoke", role(&bob, &acme, "staff"))
        .await;
    assert_eq!((taken.status, &taken.body), (200, &success));
    let again = server
        .call(&app, "/auth/roles/revoke", role(&bob, &acme, "staff"))
        .await;
    assert_eq!((again.status, again.code()), (404, "ROLE_NOT_FOUND"));
    let all = json!({ "user_id": bob.id, "tenant_id": globex });
    let taken = server.call(&app, "/auth/roles/revoke", all).await;
    assert_eq!((taken.status, &taken.body), (200, &success));
    assert_eq!(
        bob.seen(&server, &app).await,
        (json!(acme), json!(["viewer"]))
    );
    let last = server
        .call(&app, "/auth/roles/revoke", role(&ada, &acme, "owner"))
        .await;
    assert_eq!((last.status, last.code()), (409, "LAST_OWNER"));

    // Archived: in no token any more, and back with everybody who was in it.
    let place = format!("{path}/{acme}");
    admin(&server, &key, "PATCH", &place, json!({ "archived": true })).await;
    assert_eq!(ada.seen(&server, &app).await, (json!(null), json!([])));
    admin(&server, &key, "PATCH", &place, json!({ "archived": false })).await;
    assert_eq!(
        ada.seen(&server, &app).await,
        (json!(acme), json!(["owner"]))
    );

    // At once: every session ends, and a new sign-in says what holds.
    let ended = server
        .call(&app, "/auth/revoke-user", json!({ "user_id": bob.id }))
        .await;
    assert_eq!(
        ended.body,
        json!({ "success": true, "sessions_revoked": 1 })
    );
    let dead = server.refresh(&app, &bob.refresh).await;
    assert_eq!((dead.status, dead.code()), (401, "TOKEN_REVOKED"));
}

#[test]
fn sqlite() {
    on(Engine::Sqlite, story);
}

#[test]
fn postgres() {
    on(Engine::Postgres, story);
}
