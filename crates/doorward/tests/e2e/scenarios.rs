//! The pre-launch scenarios P1–P8 of the Auth Engine's checklist, as one story through the front
//! door of a running server, with its clock moved.

use doorward_testkit::database::Engine;
use serde_json::json;

use crate::support::{Server, on};

async fn story(server: Server) {
    let app = server.create_app("shop");
    let phone = "+919876543210";

    // P1: a code is sent.
    let (request, code) = server.send_login(&app, "phone", phone, 0).await;

    // P2: three wrong codes, then locked, even for the right one.
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for _ in 0..3 {
        let tried = server.verify(&app, &request, wrong).await;
        assert_eq!((tried.status, tried.code()), (400, "OTP_INVALID"));
    }
    let locked = server.verify(&app, &request, &code).await;
    assert_eq!((locked.status, locked.code()), (429, "OTP_LOCKED"));
    assert!(locked.body["retry_after"].is_u64(), "{locked:?}");

    // P3: an expired code.
    let (request, code) = server.send_login(&app, "phone", phone, 1).await;
    server.advance(301).await;
    let late = server.verify(&app, &request, &code).await;
    assert_eq!((late.status, late.code()), (400, "OTP_EXPIRED"));

    // P4: a valid token.
    let (request, code) = server.send_login(&app, "phone", phone, 2).await;
    let signed_in = server.verify(&app, &request, &code).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.body["is_new_user"], true);
    let access = signed_in.text("access_token");
    let first = signed_in.text("refresh_token");
    let me = server.me(&access).await;
    assert_eq!(me.status, 200);
    assert_eq!(me.text("user_id"), signed_in.text("user_id"));
    assert_eq!(me.text("app_id"), app.id);
    assert_eq!(me.text("app_slug"), app.slug);
    assert_eq!(
        (&me.body["tenant_id"], &me.body["roles"]),
        (&json!(null), &json!([]))
    );

    // P5: an expired token.
    server.advance(1800).await;
    let expired = server.me(&access).await;
    assert_eq!((expired.status, expired.code()), (401, "TOKEN_EXPIRED"));

    // P6: refreshed.
    let refreshed = server.refresh(&app, &first).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let second = refreshed.text("refresh_token");
    assert_ne!(first, second);
    assert_eq!(server.me(&refreshed.text("access_token")).await.status, 200);

    // P7: the rotated token again: reuse, and the family is dead.
    let reuse = server.refresh(&app, &first).await;
    assert_eq!((reuse.status, reuse.code()), (401, "TOKEN_REUSE"));
    let dead = server.refresh(&app, &second).await;
    assert_eq!((dead.status, dead.code()), (401, "TOKEN_REVOKED"));

    // P8: signed out, then refreshed.
    let (request, code) = server.send_login(&app, "phone", phone, 3).await;
    let again = server.verify(&app, &request, &code).await;
    assert_eq!(again.body["is_new_user"], false);
    let token = again.text("refresh_token");
    for _ in 0..2 {
        let out = server
            .call(&app, "/auth/revoke", json!({ "refresh_token": token }))
            .await;
        assert_eq!((out.status, &out.body), (200, &json!({ "success": true })));
    }
    let after = server.refresh(&app, &token).await;
    assert_eq!((after.status, after.code()), (401, "TOKEN_REVOKED"));

    // And the rest of the contract that a story passes by.
    let user = json!({ "user_id": again.text("user_id") });
    let none = server.call(&app, "/auth/revoke-user", user).await;
    assert_eq!(none.body, json!({ "success": true, "sessions_revoked": 0 }));
    let bare = server.me("").await;
    assert_eq!((bare.status, bare.code()), (401, "TOKEN_INVALID"));
}

#[test]
fn sqlite() {
    on(Engine::Sqlite, story);
}

#[test]
fn postgres() {
    on(Engine::Postgres, story);
}
