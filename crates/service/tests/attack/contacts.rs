//! Two mailboxes that count as one person, and one mailbox that counts as many.

use doorward_domain::Code;
use doorward_domain::contact::EmailAddress;
use doorward_domain::otp::Purpose;
use doorward_service::otp;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

use super::support::{code, to};

on_both_engines! {
    // The Kelvin sign is not a k, but its lower case is: a code that signs in as kate@ went to
    // \u{212a}ate@, which may be somebody else's mailbox.
    async fn a_look_alike_mailbox_gets_no_code_of_somebody_else(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        platform.sign_in(&app, "kate@example.com").await;
        let context = platform.authenticate(&app).await;
        let request = to("\u{212a}ate@example.com", Purpose::Login, None);
        otp::send(&platform.core, &context, request).await.unwrap();
        platform.code(app.id, "kate@example.com", 1).await;
        assert_eq!(platform.outbox.list(None, Some(app.id)).len(), 2);
    }

    async fn invisible_characters_buy_no_further_codes(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        for _ in 0..3 {
            let request = to("zoë@example.com", Purpose::Login, None);
            otp::send(&platform.core, &context, request).await.unwrap();
        }
        for other in [
            "ZOË@example.com",
            "zoe\u{308}@example.com",
            "zoë\u{200b}@example.com",
            "z\u{ad}oë@example.com",
            "zoë@EXAMPLE.com",
            "zoë@example\u{3002}com",
            "zoë@ｅxample.com",
            "zoë@example.com.",
        ] {
            if EmailAddress::parse(other).is_ok() {
                let sent = otp::send(&platform.core, &context, to(other, Purpose::Login, None)).await;
                assert_eq!(code(sent), Some(Code::OtpRateLimited), "{other:?}");
            }
        }
    }
}
