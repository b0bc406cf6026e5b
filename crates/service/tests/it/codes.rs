//! One-time codes: order of refusals, locking, voiding, limits, purposes.

use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;
use doorward_domain::{Code, OtpRequestId, UserId};
use doorward_service::otp::{self, OtpSent, OtpVerified, SendOtp, VerifyOtp};
use doorward_service::{AppContext, Result, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, contact};

const ADA: &str = "ada@example.com";

fn to(address: &str, purpose: Purpose, user_id: Option<UserId>) -> SendOtp {
    SendOtp {
        contact: contact(address),
        purpose,
        user_id,
        client_ip: None,
        language: None,
    }
}

async fn login(platform: &Platform, app: &AppContext, address: &str) -> OtpSent {
    otp::send(&platform.core, app, to(address, Purpose::Login, None))
        .await
        .unwrap()
}

async fn verify(
    platform: &Platform,
    app: &AppContext,
    id: OtpRequestId,
    code: &str,
    purpose: Purpose,
) -> Result<OtpVerified> {
    let request = VerifyOtp {
        otp_request_id: id,
        code: SecretText::new(code),
        purpose,
        client_ip: None,
        tenant_id: None,
    };
    otp::verify(&platform.core, app, request).await
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

fn wrong(right: &SecretText) -> String {
    let digit = if right.expose().starts_with('0') {
        '1'
    } else {
        '0'
    };
    format!("{digit}{}", right.expose().get(1..).unwrap())
}

on_both_engines! {
    async fn three_wrong_then_locked_for_good(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let sent = login(&platform, &context, ADA).await;
        let right = platform.code(app.id, ADA, 0).await;
        for _ in 0..3 {
            let tried =
                verify(&platform, &context, sent.otp_request_id, &wrong(&right), Purpose::Login).await;
            assert_eq!(code(tried), Some(Code::OtpInvalid));
        }
        for _ in 0..2 {
            let locked =
                verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::Login)
                    .await
                    .unwrap_err();
            assert_eq!((locked.code(), locked.retry_after()), (Code::OtpLocked, Some(1)));
        }
        // With the sends used up, the wait is that of the limit.
        login(&platform, &context, ADA).await;
        login(&platform, &context, ADA).await;
        let locked = verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::Login)
            .await
            .unwrap_err();
        assert_eq!(locked.retry_after(), Some(600));
    }

    async fn a_code_outlives_the_rotation_of_the_master_key(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let sent = login(&platform, &context, ADA).await;
        let code = platform.code(app.id, ADA, 0).await;
        let rotated = platform.node_with_new_master_key().await;
        let context = platform.authenticate_at(&rotated, &app).await.unwrap();
        let wrong = if code.expose() == "000000" { "111111" } else { "000000" };
        let show = async |code: &str| {
            let request = VerifyOtp {
                otp_request_id: sent.otp_request_id,
                code: SecretText::new(code),
                purpose: Purpose::Login,
                client_ip: None,
                tenant_id: None,
            };
            otp::verify(&rotated, &context, request).await.err().map(|error| error.code())
        };
        assert_eq!(show(wrong).await, Some(Code::OtpInvalid));
        assert_eq!(show(code.expose()).await, None);
        assert_eq!(show(code.expose()).await, Some(Code::OtpAlreadyUsed));
    }

    async fn order_of_refusals(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let other = platform.app("other").await;
        let other = platform.authenticate(&other).await;
        let sent = login(&platform, &context, ADA).await;
        let right = platform.code(app.id, ADA, 0).await;
        let id = sent.otp_request_id;
        let unknown = OtpRequestId::from_uuid(uuid::Uuid::from_u128(7));
        let tried = verify(&platform, &context, unknown, right.expose(), Purpose::Login).await;
        assert_eq!(code(tried), Some(Code::OtpNotFound));
        let foreign = verify(&platform, &other, id, right.expose(), Purpose::EmailVerify).await;
        assert_eq!(code(foreign), Some(Code::OtpWrongApp));
        let purpose = verify(&platform, &context, id, right.expose(), Purpose::PasswordReset).await;
        assert_eq!(code(purpose), Some(Code::OtpWrongPurpose));
        verify(&platform, &context, id, right.expose(), Purpose::Login).await.unwrap();
        let used = verify(&platform, &context, id, right.expose(), Purpose::Login).await;
        assert_eq!(code(used), Some(Code::OtpAlreadyUsed));
        platform.advance(301);
        let used = verify(&platform, &context, id, right.expose(), Purpose::Login).await;
        assert_eq!(code(used), Some(Code::OtpAlreadyUsed));
    }

    async fn codes_expire_after_five_minutes_and_a_new_one_voids_the_old(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let first = login(&platform, &context, ADA).await;
        let first_code = platform.code(app.id, ADA, 0).await;
        let second = login(&platform, &context, ADA).await;
        let second_code = platform.code(app.id, ADA, 1).await;
        let voided =
            verify(&platform, &context, first.otp_request_id, first_code.expose(), Purpose::Login).await;
        assert_eq!(code(voided), Some(Code::OtpExpired));
        platform.advance(300);
        let late =
            verify(&platform, &context, second.otp_request_id, second_code.expose(), Purpose::Login).await;
        assert_eq!(code(late), Some(Code::OtpExpired));
    }

    async fn three_sends_per_contact_whatever_the_purpose(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        for purpose in [Purpose::Login, Purpose::PasswordReset, Purpose::Login] {
            otp::send(&platform.core, &context, to("Ada@Example.com", purpose, None)).await.unwrap();
            platform.advance(100);
        }
        let refused = otp::send(&platform.core, &context, to(ADA, Purpose::Login, None))
            .await
            .unwrap_err();
        assert_eq!((refused.code(), refused.retry_after()), (Code::OtpRateLimited, Some(300)));
        // Another app's limit for the same address is its own.
        let other = platform.app("other").await;
        let other = platform.authenticate(&other).await;
        login(&platform, &other, ADA).await;
        platform.advance(300);
        login(&platform, &context, ADA).await;
    }

    async fn limits_per_address_and_app(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform
            .app_with("shop", |settings| {
                settings.limits.otp_per_address.max = 2;
                settings.limits.otp_per_app.max = 4;
            })
            .await;
        let context = platform.authenticate(&app).await;
        let send = |n: u8, ip: u8| {
            let request = SendOtp {
                client_ip: Some([198, 51, 100, ip].into()),
        language: None,
                ..to(&format!("user{n}@example.com"), Purpose::Login, None)
            };
            otp::send(&platform.core, &context, request)
        };
        send(1, 1).await.unwrap();
        send(2, 1).await.unwrap();
        assert_eq!(code(send(3, 1).await), Some(Code::OtpRateLimited));
        send(3, 2).await.unwrap();
        send(4, 2).await.unwrap();
        assert_eq!(code(send(5, 3).await), Some(Code::OtpRateLimited));
        // What was refused was not counted against the contact.
        platform.advance(600);
        for _ in 0..3 {
            otp::send(&platform.core, &context, to("user5@example.com", Purpose::Login, None))
                .await
                .unwrap();
        }
    }

    async fn a_guesser_does_not_start_anew_with_each_code(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform
            .app_with("shop", |settings| settings.limits.otp_failures_per_contact.max = 5)
            .await;
        let context = platform.authenticate(&app).await;
        for round in 0..2 {
            let sent = login(&platform, &context, ADA).await;
            let right = platform.code(app.id, ADA, round).await;
            for _ in 0..3 {
                drop(
                    verify(&platform, &context, sent.otp_request_id, &wrong(&right), Purpose::Login)
                        .await,
                );
            }
            platform.advance(700);
        }
        let refused = otp::send(&platform.core, &context, to(ADA, Purpose::Login, None))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::OtpRateLimited);
        assert!(refused.retry_after().unwrap() > 3600);
    }

    async fn sign_up_and_sign_in_by_mail_and_sms(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        for address in [ADA, "+14155552671"] {
            let mut seen = Vec::new();
            for round in 0..2 {
                let sent = login(&platform, &context, address).await;
                let right = platform.code(app.id, address, round).await;
                match verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::Login)
                    .await
                    .unwrap()
                {
                    OtpVerified::SignedIn { user_id, is_new_user, .. } => {
                        seen.push((user_id, is_new_user));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(seen[0].0, seen[1].0);
            assert_eq!((seen[0].1, seen[1].1), (true, false));
        }
        // The same address in another app is another user.
        let other = platform.app("other").await;
        let (there, _) = platform.sign_in(&other, ADA).await;
        platform.advance(600);
        let (here, _) = platform.sign_in(&app, ADA).await;
        assert_ne!(here, there);
    }

    async fn closed_sign_up_answers_alike(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        platform.sign_in(&app, ADA).await;
        let operator = platform.operator();
        let mut patch = serde_json::Map::new();
        patch.insert("sign_up".to_owned(), false.into());
        let change = doorward_service::apps::UpdateApp {
            settings: Some(patch),
            ..Default::default()
        };
        doorward_service::apps::update(&platform.core, &operator, app.id, change).await.unwrap();
        let context = platform.authenticate(&app).await;
        login(&platform, &context, ADA).await;
        let decoy = login(&platform, &context, "nobody@example.com").await;
        for guess in ["000000", "123456", "999999"] {
            let tried =
                verify(&platform, &context, decoy.otp_request_id, guess, Purpose::Login).await;
            assert_eq!(code(tried), Some(Code::OtpInvalid));
        }
        platform.code(app.id, ADA, 1).await;
        assert!(platform.outbox.list(Some("nobody@example.com"), None).is_empty());
    }

    async fn address_changes_need_a_known_user_and_a_free_address(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let (ada, _) = platform.sign_in(&app, ADA).await;
        let (bob, _) = platform.sign_in(&app, "bob@example.com").await;
        let core = &platform.core;
        let nobody = otp::send(core, &context, to("new@example.com", Purpose::EmailVerify, None)).await;
        assert_eq!(code(nobody), Some(Code::ValidationError));
        let stranger = Some(UserId::from_uuid(uuid::Uuid::from_u128(9)));
        let unknown =
            otp::send(core, &context, to("new@example.com", Purpose::EmailVerify, stranger)).await;
        assert_eq!(code(unknown), Some(Code::UserNotFound));
        let mixed = otp::send(core, &context, to(ADA, Purpose::PhoneChange, Some(ada))).await;
        assert_eq!(code(mixed), Some(Code::ValidationError));
        // A free number.
        let sent = otp::send(core, &context, to("+14155552671", Purpose::PhoneChange, Some(ada)))
            .await
            .unwrap();
        let right = platform.code(app.id, "+14155552671", 0).await;
        let done =
            verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::PhoneChange)
                .await
                .unwrap();
        assert!(matches!(done, OtpVerified::ContactVerified { user_id } if user_id == ada));
        let user = users::show(core, &platform.operator(), app.id, ada).await.unwrap();
        assert_eq!(user.phone.unwrap().value.as_str(), "+14155552671");
        assert!(user.email.unwrap().verified_at.is_some());
        // One that is taken.
        let sent = otp::send(core, &context, to("+14155552671", Purpose::PhoneChange, Some(bob)))
            .await
            .unwrap();
        let right = platform.code(app.id, "+14155552671", 1).await;
        let taken =
            verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::PhoneChange)
                .await;
        assert_eq!(code(taken), Some(Code::AddressTaken));
    }

    async fn reset_token_for_known_users_only_with_one_answer(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let (ada, _) = platform.sign_in(&app, ADA).await;
        let core = &platform.core;
        let sent = otp::send(core, &context, to(ADA, Purpose::PasswordReset, None)).await.unwrap();
        let right = platform.code(app.id, ADA, 1).await;
        let done =
            verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::PasswordReset)
                .await
                .unwrap();
        match done {
            OtpVerified::PasswordReset { reset_token, user_id, .. } => {
                assert_eq!(user_id, ada);
                assert!(reset_token.expose().starts_with("dwp_"));
            }
            other => panic!("{other:?}"),
        }
        otp::send(core, &context, to("nobody@example.com", Purpose::PasswordReset, None))
            .await
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(platform.outbox.list(Some("nobody@example.com"), None).is_empty());
    }

    async fn inactive_account_is_told_only_after_the_proof(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let (ada, _) = platform.sign_in(&app, ADA).await;
        let operator = platform.operator();
        users::delete(&platform.core, &operator, app.id, ada, platform.delete_user(ada)).await.unwrap();
        let sent = login(&platform, &context, ADA).await;
        let right = platform.code(app.id, ADA, 1).await;
        let guess =
            verify(&platform, &context, sent.otp_request_id, &wrong(&right), Purpose::Login).await;
        assert_eq!(code(guess), Some(Code::OtpInvalid));
        let refused =
            verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::Login).await;
        assert_eq!(code(refused), Some(Code::UserDeleted));
        let used =
            verify(&platform, &context, sent.otp_request_id, right.expose(), Purpose::Login).await;
        assert_eq!(code(used), Some(Code::OtpAlreadyUsed));
    }
}
