//! One app's things in another app's hands.

use doorward_domain::Code;
use doorward_domain::otp::Purpose;
use doorward_service::sessions::{self, Refresh};
use doorward_service::{apps, otp};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

use super::support::{code, to, with};

on_both_engines! {
    async fn nothing_of_an_app_works_at_another(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (a, b) = (platform.app("a-shop").await, platform.app("b-shop").await);
        let (user, tokens) = platform.sign_in(&a, "ada@example.com").await;
        let at_b = platform.authenticate(&b).await;
        let at_a = platform.authenticate(&a).await;
        // The secret.
        let mixed = apps::authenticate(&platform.core, platform.context(), b.id, &a.secret).await;
        assert_eq!(code(mixed), Some(Code::TokenInvalid));
        // The refresh token: neither used nor revoked there.
        let request =
            || Refresh { refresh_token: tokens.refresh_token.clone(), idempotency_key: None, tenant_id: None };
        let refreshed = sessions::refresh(&platform.core, &at_b, request()).await;
        assert_eq!(code(refreshed), Some(Code::TokenInvalid));
        sessions::revoke(&platform.core, &at_b, &tokens.refresh_token).await.unwrap();
        // The user, by id, and by its own access token.
        let ended = sessions::revoke_user(&platform.core, &at_b, user).await;
        assert_eq!(code(ended), Some(Code::UserNotFound));
        let spoken_for =
            sessions::bearer_user(&platform.core, b.id, tokens.access_token.expose()).await;
        assert_eq!(code(spoken_for), Some(Code::TokenInvalid));
        let change = to("thief@example.com", Purpose::EmailVerify, Some(user));
        assert_eq!(code(otp::send(&platform.core, &at_b, change).await), Some(Code::UserNotFound));
        // A code: another app can neither use it nor spend its tries.
        let login = to("ada@example.com", Purpose::Login, None);
        let sent = otp::send(&platform.core, &at_a, login).await.unwrap();
        let right = platform.code(a.id, "ada@example.com", 1).await;
        for _ in 0..5 {
            let stolen = with(sent.otp_request_id, right.expose(), Purpose::Login);
            let stolen = otp::verify(&platform.core, &at_b, stolen).await;
            assert_eq!(code(stolen), Some(Code::OtpWrongApp));
        }
        otp::verify(
            &platform.core,
            &at_a,
            with(sent.otp_request_id, right.expose(), Purpose::Login),
        )
        .await
        .unwrap();
        sessions::refresh(&platform.core, &at_a, request()).await.unwrap();
    }

    // Authenticated on one node from its cache, switched off meanwhile by another.
    async fn an_old_copy_of_an_app_authorises_nothing(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let (user, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let stale = platform.authenticate_at(&second, &app).await.unwrap();
        let operator = platform.operator();
        apps::rotate_secret(&platform.core, &operator, app.id, None, platform.deliberate(app.id)).await.unwrap();
        let request = Refresh {
            refresh_token: tokens.refresh_token.clone(),
            idempotency_key: Some("k".to_owned()),
            tenant_id: None,
        };
        let tried = sessions::refresh(&second, &stale, request).await;
        assert_eq!(code(tried), Some(Code::TokenInvalid));
        let ended = sessions::revoke_user(&second, &stale, user).await;
        assert_eq!(code(ended), Some(Code::TokenInvalid));
        let sent = otp::send(&second, &stale, to("ada@example.com", Purpose::Login, None)).await;
        assert_eq!(code(sent), Some(Code::TokenInvalid));
    }
}
