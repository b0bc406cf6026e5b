//! Filling the disk, and hiding in the noise.

use doorward_domain::limit::LimitRule;
use doorward_domain::otp::Purpose;
use doorward_domain::secret::{AppSecret, SecretText};
use doorward_domain::{AppId, Code, OsRandom, OtpRequestId};
use doorward_service::maintenance::{self, Run};
use doorward_service::sessions::{self, Refresh};
use doorward_service::{admin_keys, apps, otp};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

use super::support::{code, to, with};

on_both_engines! {
    // Noise without credentials used up what may be written of refusals: a try at an admin key or
    // at another app's secret left no trace.
    async fn noise_does_not_hide_a_try_at_an_admin_key(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let secret = AppSecret::generate(&OsRandom);
        for n in 0..200 {
            let nobody = AppId::from_uuid(uuid::Uuid::from_u128(n));
            let context = platform.context();
            let refused = apps::authenticate(&platform.core, context, nobody, &secret).await;
            assert_eq!(code(refused), Some(Code::TokenInvalid));
        }
        let tried = admin_keys::authenticate(&platform.core, platform.context(), "dwa_x").await;
        assert_eq!(code(tried), Some(Code::TokenInvalid));
        let newest = platform.events(None).await;
        assert!(newest.iter().any(|event| event.action == "admin_key.refused"));
    }

    // An app's own noise (which its visitors can make) must not hide a try at its secret.
    async fn noise_inside_an_app_does_not_hide_a_try_at_its_secret(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        for _ in 0..200 {
            let request = Refresh {
                refresh_token: SecretText::new("dwr_nonsense"),
                idempotency_key: None,
                tenant_id: None,
            };
            let refused = sessions::refresh(&platform.core, &context, request).await;
            assert_eq!(code(refused), Some(Code::TokenInvalid));
        }
        let wrong = AppSecret::generate(&OsRandom);
        let tried = apps::authenticate(&platform.core, platform.context(), app.id, &wrong).await;
        assert_eq!(code(tried), Some(Code::TokenInvalid));
        let events = platform.events(Some(app.id)).await;
        assert!(events.iter().any(|event| event.action == "app.authentication_failed"));
    }

    // Contacts invented while the app's limit refuses them made one row each.
    async fn refused_sends_leave_nothing_behind(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform
            .app_with("shop", |settings| {
                settings.limits.otp_per_app = LimitRule { max: 1, seconds: 600 };
            })
            .await;
        let context = platform.authenticate(&app).await;
        for n in 0..20 {
            let request = to(&format!("u{n}@example.com"), Purpose::Login, None);
            let sent = otp::send(&platform.core, &context, request).await;
            assert_eq!(code(sent), (n > 0).then_some(Code::OtpRateLimited));
        }
        platform.advance(601);
        let Run::Done(purged) = maintenance::run(&platform.core, true).await.unwrap() else {
            panic!("maintenance has run")
        };
        assert_eq!(purged.rate_limits, 2);
    }

    // "Refusals that are audited are bounded in rate": a visitor who sends invented request ids
    // through an app's backend wrote one row each into a table that is never emptied.
    async fn invented_request_ids_do_not_fill_the_audit(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        for n in 0..300 {
            let invented = OtpRequestId::from_uuid(uuid::Uuid::from_u128(n));
            let request = with(invented, "123456", Purpose::Login);
            let refused = otp::verify(&platform.core, &context, request).await;
            assert_eq!(code(refused), Some(Code::OtpNotFound));
        }
        let written = platform.events(Some(app.id)).await.len();
        assert!((50..=150).contains(&written), "{written}");
    }
}
