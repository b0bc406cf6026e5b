//! Tokens that nobody can use, and tokens used after their end.

use doorward_domain::Code;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::otp::Purpose;
use doorward_domain::role::RoleName;
use doorward_service::licenses::{self, Asker, LicenseFilter, Patch, Terms, UpdateLicense, Which};
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::roles::{self, DefineRole, RoleChange};
use doorward_service::sessions::{self, Refresh};
use doorward_service::{Caller, otp, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;
use serde_json::{Map, json};

use super::support::{code, to, with};

on_both_engines! {
    // Sixteen roles with 64 permissions each, twenty licences with 50 entitlements each: all was
    // accepted, and the token was so long that everybody refused it, Doorward included.
    async fn no_member_has_so_much_that_its_token_is_refused(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (user_id, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let operator = platform.operator();
        let caller = Caller::Operator(&operator, app.id);
        let request = CreateOrganization { name: "Acme".to_owned(), owner: None };
        let tenant_id = organizations::create(&platform.core, caller, request).await.unwrap().id;
        let long = |kind: &str, one: usize, many: usize| format!("{kind}{one:0>30}{many:0>33}");
        let mut refused = 0;
        for role in 0..16 {
            let name = format!("role-{role}");
            let mut permissions: Vec<String> = (0..64).map(|n| long("p", role, n)).collect();
            loop {
                let request = DefineRole {
                    name: name.clone(),
                    description: String::new(),
                    permissions: permissions.clone(),
                    ..DefineRole::default()
                };
                match roles::define(&platform.core, &operator, app.id, request).await {
                    Ok(_) => break,
                    Err(error) => {
                        assert_eq!(error.code(), Code::Conflict);
                        refused += 1;
                        permissions.pop().unwrap();
                    }
                }
            }
            let role = RoleName::parse(&name).ok();
            let change = RoleChange { user_id, tenant_id, role };
            roles::assign(&platform.core, caller, change).await.unwrap();
        }
        assert!(refused > 0);
        let asker = Asker::Operator(platform.operator(), app.id);
        let mut first = None;
        let all = || LicenseFilter { limit: 10, ..LicenseFilter::default() };
        for licence in 0..2 {
            let entitlements: Map<_, _> =
                (0..50).map(|n| (long("e", licence, n), json!(9_007_199_254_740_991_i64))).collect();
            let terms = Terms {
                user_id: Some(user_id),
                entitlements: Entitlements::parse(&entitlements.into()).unwrap(),
                ..Terms::default()
            };
            if let Some(first) = first {
                // What was bought first must not be gone with the second: the seller hears it.
                let second = licenses::generate(&platform.core, &asker, terms.clone(), 1).await;
                assert_eq!(code(second), Some(Code::Conflict));
                let owned = licenses::list(&platform.core, &asker, all()).await.unwrap();
                assert_eq!(owned.licenses.len(), 1, "nothing was written");
                let change = UpdateLicense {
                    entitlements: Patch::Set(Map::from_iter([("one_more".to_owned(), json!(true))])),
                    ..UpdateLicense::default()
                };
                let small = Terms { user_id: Some(user_id), ..Terms::default() };
                let small = licenses::generate(&platform.core, &asker, small, 1).await.unwrap();
                let small = Which::Id(small[0].license.id);
                let grown = licenses::update(&platform.core, &asker, small, change).await;
                assert_eq!(code(grown), Some(Code::Conflict));
                // Round that by suspending, and the token guards itself.
                licenses::suspend(&platform.core, &asker, Which::Id(first), None).await.unwrap();
                licenses::generate(&platform.core, &asker, terms, 1).await.unwrap();
                licenses::resume(&platform.core, &asker, Which::Id(first)).await.unwrap();
                continue;
            }
            let made = licenses::generate(&platform.core, &asker, terms, 1).await.unwrap();
            first = Some(made[0].license.id);
            // One licence with all it may have rides in the token, beside every role.
            let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
            let me = sessions::me(&platform.core, tokens.access_token.expose()).await.unwrap();
            assert_eq!((me.user_id, me.roles.len()), (user_id, 16));
            assert!(tokens.access_token.expose().len() < doorward_verify::MAX_TOKEN_LEN - 1_024);
        }
        let context = platform.authenticate(&app).await;
        let request = Refresh {
            refresh_token: tokens.refresh_token,
            idempotency_key: None,
            tenant_id: None,
        };
        let tokens = sessions::refresh(&platform.core, &context, request).await.unwrap();
        let me = sessions::me(&platform.core, tokens.access_token.expose()).await.unwrap();
        assert_eq!((me.user_id, me.roles.len()), (user_id, 16));
    }

    // Signed out everywhere; the thief's access token lived on, and asked for a code to an address
    // of the thief's, which stays the account's for good.
    async fn a_token_of_an_ended_session_changes_no_address(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (user, stolen) = platform.sign_in(&app, "ada@example.com").await;
        let named = || sessions::bearer_user(&platform.core, app.id, stolen.access_token.expose());
        assert_eq!(named().await.unwrap(), user);
        let context = platform.authenticate(&app).await;
        sessions::revoke_user(&platform.core, &context, user).await.unwrap();
        assert_eq!(code(named().await), Some(Code::TokenInvalid));
        // Whoever signs in again is heard.
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let again = sessions::bearer_user(&platform.core, app.id, tokens.access_token.expose()).await;
        let request = to("ada2@example.com", Purpose::EmailVerify, Some(again.unwrap()));
        otp::send(&platform.core, &context, request).await.unwrap();
    }

    // The thief's code for a new address was on its way when the user signed out everywhere; used
    // afterwards, it made the account the thief's.
    async fn a_code_for_a_new_address_ends_with_the_sessions(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (user, _) = platform.sign_in(&app, "ada@example.com").await;
        let context = platform.authenticate(&app).await;
        let thiefs = "thief@example.com";
        let request = to(thiefs, Purpose::EmailVerify, Some(user));
        let sent = otp::send(&platform.core, &context, request).await.unwrap();
        let right = platform.code(app.id, thiefs, 0).await;
        sessions::revoke_user(&platform.core, &context, user).await.unwrap();
        let request = with(sent.otp_request_id, right.expose(), Purpose::EmailVerify);
        let verified = otp::verify(&platform.core, &context, request).await;
        assert_eq!(code(verified), Some(Code::OtpExpired));
        let found = users::show(&platform.core, &platform.operator(), app.id, user).await.unwrap();
        assert_eq!(found.email.unwrap().value.original(), "ada@example.com");
    }
}
