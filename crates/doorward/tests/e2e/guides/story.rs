//! What a consumer's API has to do, whatever it is written in.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::Guide;
use super::backend::{Backend, Browser};
use crate::support::{Server, claims};

/// Follows a guide, and tries what came of it.
pub(super) async fn told(guide: Guide, mut server: Server) {
    let (shell, backend) = guide.followed(&server).await;
    let app = app_id(&server);
    strangers(&server, &backend).await;
    let mut ada = Browser::sign_in(&server, &backend, &app, "ada@example.com").await;
    altered(&backend, &ada.access).await;
    roles(&server, &backend, &mut ada).await;
    organizations(&server, &backend, &mut ada).await;
    end(&server, &backend, ada, &app).await;

    // Without Doorward, who is signed in goes on, and nobody is thrown out.
    let stays = Browser::sign_in(&server, &backend, &app, "eve@example.com").await;
    assert_eq!(
        backend.orders(&stays.access).await,
        (403, "FORBIDDEN".into())
    );
    server.kill();
    assert_eq!(
        backend.orders(&stays.access).await,
        (403, "FORBIDDEN".into())
    );
    let (away, cleared) = stays.try_refresh(&backend, json!({})).await;
    assert_eq!((away.status, away.code()), (503, "SERVICE_UNAVAILABLE"));
    assert!(!cleared, "the session may be well");
    // A program that has no keys cannot say that a token is bad.
    let backend = backend.restarted(&shell).await;
    let unknown = (503, "SERVICE_UNAVAILABLE".to_owned());
    assert_eq!(backend.orders(&stays.access).await, unknown);
}

fn app_id(server: &Server) -> String {
    let shown = server.cli(&["app", "show", "my-shop"]);
    shown["app_id"].as_str().unwrap().to_owned()
}

/// A token that lives a minute is accepted for it, and refused after it and the tolerance of 30
/// seconds. The programs have the machine's clock, which nobody moves.
pub(super) async fn expired(guide: Guide, server: Server) {
    let (_shell, backend) = guide.followed(&server).await;
    let change = [
        "app",
        "update",
        "my-shop",
        "--set",
        "access_token_seconds=60",
    ];
    server.cli(&change);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let moth = Browser::sign_in(&server, &backend, &app_id(&server), "moth@example.com").await;
    let born = Instant::now();
    let token = claims(&moth.access);
    let life = token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
    assert_eq!(life, 60);
    loop {
        let (status, code) = backend.orders(&moth.access).await;
        let age = born.elapsed().as_secs();
        if status == 401 {
            assert_eq!(code, "TOKEN_EXPIRED");
            assert!((85..100).contains(&age), "expired after {age} s");
            return;
        }
        assert_eq!(code, "FORBIDDEN", "it is good, but has no role");
        assert!(age < 100, "still accepted after {age} s");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn strangers(server: &Server, backend: &Backend) {
    let invalid = (401, "TOKEN_INVALID".to_owned());
    for header in [None, Some("Basic YTpi"), Some("Bearer"), Some("Bearer ")] {
        let headers: Vec<_> = header
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        let (answer, headers) = backend.ask("GET", "/orders", &headers, None).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "TOKEN_INVALID"),
            "{header:?}"
        );
        assert_eq!(answer.body["status"], 401);
        assert_eq!(headers["www-authenticate"], "Bearer");
    }
    for garbage in ["garbage", "a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"] {
        assert_eq!(backend.orders(garbage).await, invalid, "{garbage}");
    }
    // Somebody's good token, of another app.
    let other = server.create_app("other");
    let (request, code) = server
        .send_login(&other, "email", "ada@example.com", 0)
        .await;
    let foreign = server.verify(&other, &request, &code).await;
    assert_eq!(backend.orders(&foreign.text("access_token")).await, invalid);
    // Another document, signed with the keys of access tokens.
    let feed = format!("{}/apps/{}/revocations", server.url, app_id(server));
    let feed = server.http.get(feed).send().await.unwrap();
    assert_eq!(feed.status(), 200);
    let feed = feed.text().await.unwrap();
    assert_eq!(backend.orders(feed.trim()).await, invalid);
    // Too many codes to one mailbox: when to come back is passed on.
    for attempt in 0..4 {
        let body = Some(json!({ "email": "mallory@example.com" }));
        let (sent, headers) = backend.ask("POST", "/session/start", &[], body).await;
        if attempt < 3 {
            assert_eq!(sent.status, 200, "{sent:?}");
        } else {
            assert_eq!((sent.status, sent.code()), (429, "OTP_RATE_LIMITED"));
            let seconds = sent.body["retry_after"].as_u64().unwrap();
            assert_eq!(headers["retry-after"], seconds.to_string());
        }
    }
    let (bad, _) = backend
        .ask("POST", "/session/start", &[], Some(json!({ "email": 7 })))
        .await;
    assert_eq!((bad.status, bad.code()), (400, "VALIDATION_ERROR"));
    let (none, _) = backend
        .ask("POST", "/session/refresh", &[], Some(json!({})))
        .await;
    assert_eq!((none.status, none.code()), (401, "TOKEN_INVALID"));
}

/// A good token with anything changed is none.
async fn altered(backend: &Backend, token: &str) {
    let invalid = (401, "TOKEN_INVALID".to_owned());
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts")
    };
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let mut claims = claims(token);
    claims["roles"] = json!(["owner"]);
    let promoted = URL_SAFE_NO_PAD.encode(claims.to_string());
    for forged in [
        format!("{header}.{payload}.{flipped}{}", &signature[1..]),
        format!("{none}.{payload}."),
        format!("{header}.{promoted}.{signature}"),
        format!("{header}.{payload}"),
    ] {
        assert_eq!(backend.orders(&forged).await, invalid);
    }
}

async fn roles(server: &Server, backend: &Backend, ada: &mut Browser) {
    let made = server.cli(&["org", "create", "--name", "Acme", "--app", "my-shop"]);
    let org = made["id"].as_str().unwrap();
    let role = |verb: &str, role: &str| {
        let whose = [
            "--user",
            "ada@example.com",
            "--org",
            org,
            "--app",
            "my-shop",
        ];
        server.cli(&[["role", verb, role].as_slice(), &whose].concat());
    };
    let forbidden = (403, "FORBIDDEN".to_owned());
    let allowed = (200, String::new());
    assert_eq!(backend.orders(&ada.access).await, forbidden, "no role yet");

    // A viewer may look, and no more. It shows at the refresh, not before.
    role("assign", "viewer");
    assert_eq!(backend.orders(&ada.access).await, forbidden);
    ada.refresh(backend, json!({})).await;
    assert_eq!(backend.orders(&ada.access).await, allowed);
    let refused = backend.refund(&ada.access).await;
    assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN"));

    // An admin may more, from the next refresh on.
    role("assign", "admin");
    assert_eq!(backend.refund(&ada.access).await.status, 403);
    ada.refresh(backend, json!({})).await;
    let refunded = backend.refund(&ada.access).await;
    assert_eq!(refunded.status, 200, "{refunded:?}");
    assert_eq!(refunded.text("tenant_id"), org);
    assert_eq!(refunded.text("refunded"), "7");
    assert_eq!(refunded.text("by"), claims(&ada.access)["sub"]);

    // And no more when it is taken away.
    role("revoke", "admin");
    ada.refresh(backend, json!({})).await;
    assert_eq!(backend.refund(&ada.access).await.status, 403);
    assert_eq!(backend.orders(&ada.access).await, allowed);
}

async fn organizations(server: &Server, backend: &Backend, ada: &mut Browser) {
    let create = [
        "org",
        "create",
        "--name",
        "Globex",
        "--owner",
        "ada@example.com",
    ];
    let made = server.cli(&[create.as_slice(), &["--app", "my-shop"]].concat());
    let org = made["id"].as_str().unwrap();
    ada.refresh(backend, json!({})).await;
    assert_eq!(
        backend.refund(&ada.access).await.status,
        403,
        "still the first one"
    );
    ada.refresh(backend, json!({ "tenant_id": org })).await;
    let refunded = backend.refund(&ada.access).await;
    assert_eq!(
        (refunded.status, refunded.text("tenant_id").as_str()),
        (200, org)
    );
    // One where she is no member costs her nothing.
    let nowhere = json!({ "tenant_id": "01890000-0000-7000-8000-000000000000" });
    let (refused, cleared) = ada.try_refresh(backend, nowhere).await;
    assert_eq!(
        (refused.status, refused.code(), cleared),
        (404, "TENANT_NOT_FOUND", false)
    );
    ada.refresh(backend, json!({})).await;
    assert_eq!(backend.refund(&ada.access).await.status, 200);
}

async fn end(server: &Server, backend: &Backend, mut ada: Browser, app: &str) {
    // An answer got lost: the same key gets it again.
    let first = ada.keyed_refresh(backend, "one").await;
    let again = ada.keyed_refresh(backend, "one").await;
    assert_eq!(first.cookie, again.cookie);
    ada = again;

    // A used cookie ends the session, and the browser loses it.
    let old = ada.cookie.clone();
    ada.refresh(backend, json!({})).await;
    let thief = Browser {
        access: String::new(),
        cookie: old,
    };
    let (reuse, cleared) = thief.try_refresh(backend, json!({})).await;
    assert_eq!(
        (reuse.status, reuse.code(), cleared),
        (401, "TOKEN_REUSE", true)
    );
    let (dead, cleared) = ada.try_refresh(backend, json!({})).await;
    assert_eq!(
        (dead.status, dead.code(), cleared),
        (401, "TOKEN_REVOKED", true)
    );

    let bob = Browser::sign_in(server, backend, app, "bob@example.com").await;
    let headers = [("cookie", bob.cookie.as_str())];
    let (out, set) = backend.ask("POST", "/session/end", &headers, None).await;
    assert_eq!((out.status, &out.body), (200, &json!({ "success": true })));
    assert!(
        set["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with("refresh_token=")
    );
    let (dead, _) = bob.try_refresh(backend, json!({})).await;
    assert_eq!((dead.status, dead.code()), (401, "TOKEN_REVOKED"));
}
