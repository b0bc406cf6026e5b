//! Refresh, revoke, revoke-user, me.

use doorward_domain::secret::SecretText;
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, UserId};
use doorward_service::sessions::{self, Refresh, Tokens};
use doorward_service::{AppContext, Result, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp};

pub(crate) async fn refresh(
    platform: &Platform,
    app: &AppContext,
    token: &SecretText,
    key: Option<&str>,
) -> Result<Tokens> {
    let request = Refresh {
        refresh_token: token.clone(),
        idempotency_key: key.map(str::to_owned),
        tenant_id: None,
    };
    sessions::refresh(&platform.core, app, request).await
}

async fn signed_in(platform: &Platform, slug: &str) -> (TestApp, AppContext, UserId, Tokens) {
    let app = platform.app(slug).await;
    let (user, tokens) = platform.sign_in(&app, "ada@example.com").await;
    let context = platform.authenticate(&app).await;
    (app, context, user, tokens)
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

on_both_engines! {
    async fn rotation_reuse_and_revocation(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, context, user, first) = signed_in(&platform, "shop").await;
        let second = refresh(&platform, &context, &first.refresh_token, None).await.unwrap();
        assert_ne!(second.refresh_token.expose(), first.refresh_token.expose());
        let me = sessions::me(&platform.core, second.access_token.expose()).await.unwrap();
        assert_eq!((me.user_id, me.app.id), (user, app.id));
        // The used one comes back: the family dies, and with it the successor.
        let reuse = refresh(&platform, &context, &first.refresh_token, None).await;
        assert_eq!(code(reuse), Some(Code::TokenReuse));
        for token in [&first, &second] {
            let again = refresh(&platform, &context, &token.refresh_token, None).await;
            assert_eq!(code(again), Some(Code::TokenRevoked));
        }
        let actions: Vec<_> =
            platform.events(Some(app.id)).await.into_iter().map(|event| event.action).collect();
        assert!(actions.contains(&"session.reuse_detected".to_owned()), "{actions:?}");
    }

    async fn lost_answer_is_given_again_to_the_same_key_only(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (_, context, _, first) = signed_in(&platform, "shop").await;
        let answer = refresh(&platform, &context, &first.refresh_token, Some("k1")).await.unwrap();
        platform.advance(59);
        let again = refresh(&platform, &context, &first.refresh_token, Some("k1")).await.unwrap();
        assert_eq!(answer.refresh_token.expose(), again.refresh_token.expose());
        // Even after the successor was used, the stored answer stays the stored answer.
        let next = refresh(&platform, &context, &answer.refresh_token, Some("k2")).await.unwrap();
        let old = refresh(&platform, &context, &first.refresh_token, Some("k1")).await.unwrap();
        assert_eq!(old.refresh_token.expose(), answer.refresh_token.expose());
        let other_key = refresh(&platform, &context, &first.refresh_token, Some("k3")).await;
        assert_eq!(code(other_key), Some(Code::TokenReuse));
        let dead = refresh(&platform, &context, &next.refresh_token, Some("k4")).await;
        assert_eq!(code(dead), Some(Code::TokenRevoked));
    }

    async fn stored_answer_dies_after_a_minute_and_with_the_session(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, context, _, first) = signed_in(&platform, "shop").await;
        refresh(&platform, &context, &first.refresh_token, Some("k")).await.unwrap();
        platform.advance(60);
        let late = refresh(&platform, &context, &first.refresh_token, Some("k")).await;
        assert_eq!(code(late), Some(Code::TokenReuse));

        let (_, other) = platform.sign_in(&app, "bob@example.com").await;
        refresh(&platform, &context, &other.refresh_token, Some("k")).await.unwrap();
        sessions::revoke(&platform.core, &context, &other.refresh_token).await.unwrap();
        let ended = refresh(&platform, &context, &other.refresh_token, Some("k")).await;
        assert_eq!(code(ended), Some(Code::TokenRevoked));
    }

    async fn sliding_and_absolute_end(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform
            .app_with("shop", |settings| {
                settings.refresh_token_seconds = 10 * 86_400;
                settings.session_seconds = 25 * 86_400;
            })
            .await;
        let context = platform.authenticate(&app).await;
        let (_, idle) = platform.sign_in(&app, "idle@example.com").await;
        let (_, mut busy) = platform.sign_in(&app, "busy@example.com").await;
        for _ in 0..3 {
            platform.advance(8 * 86_400);
            busy = refresh(&platform, &context, &busy.refresh_token, None).await.unwrap();
        }
        let late = refresh(&platform, &context, &idle.refresh_token, None).await;
        assert_eq!(code(late), Some(Code::TokenExpired));
        platform.advance(86_400);
        let absolute = refresh(&platform, &context, &busy.refresh_token, None).await;
        assert_eq!(code(absolute), Some(Code::TokenExpired));
    }

    async fn logout_is_idempotent_and_stays_in_its_app(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (_, context, _, tokens) = signed_in(&platform, "shop").await;
        let other = platform.app("other").await;
        let other = platform.authenticate(&other).await;
        // Another app can neither use nor revoke it, and learns nothing from trying.
        let foreign = refresh(&platform, &other, &tokens.refresh_token, None).await;
        assert_eq!(code(foreign), Some(Code::TokenInvalid));
        sessions::revoke(&platform.core, &other, &tokens.refresh_token).await.unwrap();
        let tokens = refresh(&platform, &context, &tokens.refresh_token, None).await.unwrap();
        for _ in 0..2 {
            sessions::revoke(&platform.core, &context, &tokens.refresh_token).await.unwrap();
        }
        let nonsense = SecretText::new("dwr_nonsense");
        sessions::revoke(&platform.core, &context, &nonsense).await.unwrap();
        let after = refresh(&platform, &context, &tokens.refresh_token, None).await;
        assert_eq!(code(after), Some(Code::TokenRevoked));
    }

    async fn revoke_user_counts_live_families(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, context, user, first) = signed_in(&platform, "shop").await;
        platform.advance(601);
        let (_, second) = platform.sign_in(&app, "ada@example.com").await;
        let (_, bystander) = platform.sign_in(&app, "bob@example.com").await;
        let other = platform.app("other").await;
        let other = platform.authenticate(&other).await;
        let foreign = sessions::revoke_user(&platform.core, &other, user).await;
        assert_eq!(code(foreign), Some(Code::UserNotFound));
        assert_eq!(sessions::revoke_user(&platform.core, &context, user).await.unwrap(), 2);
        assert_eq!(sessions::revoke_user(&platform.core, &context, user).await.unwrap(), 0);
        for token in [&first, &second] {
            let dead = refresh(&platform, &context, &token.refresh_token, None).await;
            assert_eq!(code(dead), Some(Code::TokenRevoked));
        }
        refresh(&platform, &context, &bystander.refresh_token, None).await.unwrap();
    }

    async fn inactive_user_is_shut_out(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, context, user, tokens) = signed_in(&platform, "shop").await;
        let operator = platform.operator();
        users::set_status(&platform.core, &operator, app.id, user, UserStatus::Deactivated, users::SetStatus::default())
            .await
            .unwrap();
        let refused = refresh(&platform, &context, &tokens.refresh_token, None).await;
        assert_eq!(code(refused), Some(Code::UserDeleted));
        users::set_status(&platform.core, &operator, app.id, user, UserStatus::Active, users::SetStatus::default())
            .await
            .unwrap();
        let ended = refresh(&platform, &context, &tokens.refresh_token, None).await;
        assert_eq!(code(ended), Some(Code::TokenRevoked));
    }

    async fn access_token_expires_and_dies_with_its_app(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, _, _, tokens) = signed_in(&platform, "shop").await;
        let token = tokens.access_token.expose();
        assert_eq!(tokens.expires_in, 1800);
        platform.advance(1799);
        sessions::me(&platform.core, token).await.unwrap();
        platform.advance(1);
        let late = sessions::me(&platform.core, token).await;
        assert_eq!(code(late), Some(Code::TokenExpired));
        platform.clock.advance_seconds(-1800);
        doorward_service::apps::deactivate(&platform.core, &platform.operator(), app.id, platform.deliberate(app.id))
            .await
            .unwrap();
        let dead = sessions::me(&platform.core, token).await;
        assert_eq!(code(dead), Some(Code::TokenInvalid));
    }
}
