//! What needs no app: health, keys, and the user's own token.

use doorward_testkit::on_both_engines;
use serde_json::json;

use crate::front::{Front, HEALTH_SECRET, get};

on_both_engines! {
    async fn health_shows_details_only_for_the_secret(db: TestDatabase) {
        let front = Front::start(&db).await;
        let plain = front.send(get("/health")).await;
        assert_eq!((plain.status, plain.json()), (200, json!({"status": "ok"})));
        for wrong in ["", "x", "a-health-secret-for-test"] {
            let answer = front.send(get("/health").header("x-health-secret", wrong)).await;
            assert_eq!(answer.json(), json!({"status": "ok"}));
        }
        let told = front.send(get("/health").header("x-health-secret", HEALTH_SECRET)).await.json();
        assert_eq!(told["status"], "ok");
        assert_eq!(told["database"]["reachable"], true);
        assert_eq!(told["migrations"]["current"], told["migrations"]["latest"]);
        assert_eq!(told["signing_key"]["age_seconds"], 0);
        assert!(told.as_object().unwrap().contains_key("maintenance"));
        assert_eq!(told["outbox"]["queued"], 0);
    }

    async fn health_is_503_when_the_database_is_gone(db: TestDatabase) {
        let front = Front::start(&db).await;
        front.platform.core.store.close().await;
        let plain = front.send(get("/health")).await;
        assert_eq!((plain.status, plain.json()), (503, json!({"status": "unavailable"})));
        assert_eq!(plain.header("retry-after"), "1");
        let told = front.send(get("/health").header("x-health-secret", HEALTH_SECRET)).await;
        assert_eq!(told.status, 503);
        assert_eq!(told.json()["database"]["reachable"], false);
    }

    async fn keys_are_cacheable_by_anybody(db: TestDatabase) {
        let front = Front::start(&db).await;
        let path = "/.well-known/jwks.json";
        let answer = front.send(get(path)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 1);
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(keys[0].get(private).is_none(), "{private}");
        }
        let etag = answer.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'));
        for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let kept = front.send(get(path).header("if-none-match", tag.clone())).await;
            assert_eq!((kept.status, kept.text.as_str()), (304, ""), "{tag}");
            assert_eq!(kept.header("etag"), etag);
            assert_eq!(kept.header("cache-control"), "public, max-age=300");
        }
        let rotate = crate::front::ask("POST", "/admin/keys/rotate");
        assert_eq!(front.admin(rotate).await.status, 200);
        let fresh = front.send(get(path).header("if-none-match", etag.clone())).await;
        assert_eq!(fresh.status, 200);
        assert_ne!(fresh.header("etag"), etag);
        assert_eq!(fresh.json()["keys"].as_array().unwrap().len(), 3);
    }

    async fn me_says_what_the_token_says(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (user_id, tokens) = front.platform.sign_in(&app, "ada@example.com").await;
        let token = tokens.access_token.expose();
        let answer = front.send(get("/auth/me").bearer(token)).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({
                "user_id": user_id, "app_id": app.id, "app_slug": "shop", "tenant_id": null, "roles": []
            }))
        );
        assert_eq!(answer.header("cache-control"), "no-store");

        let missing = front.send(get("/auth/me")).await;
        assert_eq!(missing.brief(), (401, "TOKEN_INVALID".to_owned()));
        // RFC 6750 §3: no error code when no token was sent.
        assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="doorward""#);
        for bad in ["", "x", &token[..token.len() - 2], tokens.refresh_token.expose()] {
            let answer = front.send(get("/auth/me").bearer(bad)).await;
            assert_eq!(answer.brief(), (401, "TOKEN_INVALID".to_owned()));
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
        // A token in the query is no token (RFC 9700 §4.3.2).
        let query = front.send(get(format!("/auth/me?access_token={token}"))).await;
        assert_eq!(query.status, 401);
        let twice = get("/auth/me").bearer(token).bearer(token);
        assert_eq!(front.send(twice).await.brief(), (400, "VALIDATION_ERROR".to_owned()));

        front.platform.advance(30 * 60);
        let answer = front.send(get("/auth/me").bearer(token)).await;
        assert_eq!(answer.brief(), (401, "TOKEN_EXPIRED".to_owned()));
        assert!(answer.header("www-authenticate").contains("invalid_token"));
    }
}
