//! What text messages may cost an app.

use doorward_domain::Code;
use doorward_domain::app::AppSettings;
use doorward_domain::otp::Purpose;
use doorward_domain::sms::{AlarmKind, PrefixBudget};
use doorward_service::messages::{self, SmsUsage};
use doorward_service::otp::{self, SendOtp, VerifyOtp};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp, contact};
use tokio::task::JoinSet;

/// Numbers of two countries, valid ones.
fn indian(n: u32) -> String {
    format!("+9198765{n:05}")
}

fn american(n: u32) -> String {
    format!("+1415555{n:04}")
}

async fn send(
    platform: &Platform,
    app: &TestApp,
    to: &str,
) -> Result<otp::OtpSent, (Code, Option<i64>)> {
    let context = platform.authenticate(app).await;
    let request = SendOtp {
        contact: contact(to),
        purpose: Purpose::Login,
        user_id: None,
        client_ip: None,
        language: None,
    };
    otp::send(&platform.core, &context, request)
        .await
        .map_err(|error| (error.code(), error.retry_after()))
}

async fn verify(platform: &Platform, app: &TestApp, to: &str, sent: &otp::OtpSent) {
    let context = platform.authenticate(app).await;
    let request = VerifyOtp {
        otp_request_id: sent.otp_request_id,
        code: platform.code(app.id, to, 0).await,
        purpose: Purpose::Login,
        client_ip: None,
        tenant_id: None,
    };
    otp::verify(&platform.core, &context, request)
        .await
        .unwrap();
}

async fn usage(platform: &Platform, app: &TestApp) -> SmsUsage {
    messages::sms_usage(&platform.core, &platform.operator(), app.id)
        .await
        .unwrap()
}

async fn alarms(platform: &Platform, app: &TestApp) -> Vec<serde_json::Value> {
    let events = platform.events(Some(app.id)).await;
    events
        .into_iter()
        .filter(|event| event.action == "delivery.alarm")
        .map(|event| {
            assert_eq!(event.actor_type, "system");
            assert!(event.ip.is_none());
            event.details.unwrap()
        })
        .collect()
}

async fn limited(platform: &Platform, change: impl FnOnce(&mut AppSettings)) -> TestApp {
    platform.app_with("shop", change).await
}

on_both_engines! {
    async fn a_test_message_goes_where_the_app_sends(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.countries = vec!["+91".to_owned()]).await;
        let test = async |to: &str| {
            messages::test(&platform.core, &platform.operator(), app.id, contact(to))
                .await
                .map_err(|error| error.code())
        };
        assert!(test(&indian(1)).await.unwrap()[0].accepted);
        assert_eq!(test(&american(1)).await.unwrap_err(), Code::ValidationError);
        assert!(platform.outbox.list(Some(&american(1)), Some(app.id)).is_empty());
    }

    async fn countries_are_a_setting(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.countries = vec!["+91".to_owned()]).await;
        assert!(send(&platform, &app, &indian(1)).await.is_ok());
        assert_eq!(
            send(&platform, &app, &american(1)).await.unwrap_err(),
            (Code::SmsCountryBlocked, None)
        );
        assert!(send(&platform, &app, "ada@example.com").await.is_ok());
    }

    async fn a_budget_of_the_day_is_exact_and_ends_with_the_day(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.per_day = 5).await;
        let platform = std::sync::Arc::new(platform);
        let mut callers = JoinSet::new();
        for n in 0..12 {
            let (platform, app) = (std::sync::Arc::clone(&platform), app.clone());
            callers.spawn(async move { send(&platform, &app, &indian(n)).await });
        }
        let answers = callers.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
        for refused in answers.into_iter().filter_map(Result::err) {
            // The clock stands at midnight.
            assert_eq!(refused, (Code::SmsBudgetExhausted, Some(86_400)));
        }
        assert!(send(&platform, &app, "ada@example.com").await.is_ok(), "e-mail costs nothing");
        let raised = alarms(&platform, &app).await;
        assert_eq!(raised.len(), 1, "{raised:?}");
        assert_eq!((&raised[0]["kind"], &raised[0]["budget"]), (&"day_budget".into(), &5.into()));
        platform.advance(86_400);
        for n in 0..5 {
            assert!(send(&platform, &app, &indian(n)).await.is_ok());
        }
        assert!(send(&platform, &app, &indian(9)).await.is_err());
        assert_eq!(alarms(&platform, &app).await.len(), 2, "once a day");
        let shown = usage(&platform, &app).await;
        assert_eq!((shown.total.day.sent, shown.total.month_sent, shown.total.per_day), (5, 10, 5));
        assert_eq!(shown.alarms[0].kind, AlarmKind::DayBudget);
    }

    async fn a_budget_of_the_month_outlives_the_day(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.per_month = 2).await;
        assert!(send(&platform, &app, &indian(1)).await.is_ok());
        platform.advance(86_400);
        assert!(send(&platform, &app, &indian(2)).await.is_ok());
        platform.advance(86_400);
        let refused = send(&platform, &app, &indian(3)).await.unwrap_err();
        assert_eq!(refused, (Code::SmsBudgetExhausted, Some(29 * 86_400)));
        platform.advance(29 * 86_400);
        assert!(send(&platform, &app, &indian(3)).await.is_ok());
    }

    async fn a_prefix_has_a_budget_of_its_own(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| {
            s.sms.prefix_budgets = vec![PrefixBudget {
                prefix: "+1415".to_owned(),
                per_day: 1,
                per_month: 0,
            }];
        })
        .await;
        assert!(send(&platform, &app, &american(1001)).await.is_ok());
        assert_eq!(send(&platform, &app, &american(1002)).await.unwrap_err().0, Code::SmsBudgetExhausted);
        assert!(send(&platform, &app, "+12125551001").await.is_ok());
        assert!(send(&platform, &app, &indian(1)).await.is_ok());
        let shown = usage(&platform, &app).await;
        let prefixes: Vec<_> = shown
            .prefixes
            .iter()
            .map(|usage| (usage.prefix.as_str(), usage.day.sent, usage.per_day))
            .collect();
        assert_eq!(prefixes, [("+1", 1, 0), ("+1415", 1, 1), ("+91", 1, 0)]);
        assert_eq!(shown.alarms[0].prefix, "+1415");
    }

    async fn nobody_learns_from_a_budget_who_is_known(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| {
            s.sms.per_day = 1;
            s.sign_up = false;
        })
        .await;
        // A number that nobody has: the decoy takes the place of a message.
        assert!(send(&platform, &app, &indian(1)).await.is_ok());
        assert_eq!(send(&platform, &app, &indian(2)).await.unwrap_err().0, Code::SmsBudgetExhausted);
        assert!(platform.outbox.list(None, Some(app.id)).is_empty());
    }

    async fn codes_that_nobody_types_in_raise_an_alarm_and_stop(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| {
            s.sms.pumping_min_sends = 10;
            s.sms.pumping_verified_percent = 50;
            s.sms.pumping_stop_seconds = 7_200;
        })
        .await;
        for n in 0..10 {
            assert!(send(&platform, &app, &indian(n)).await.is_ok());
            let sent = send(&platform, &app, &american(1000 + n)).await.unwrap();
            // Half of the Americans, and one Indian, are people.
            if n % 2 == 0 {
                verify(&platform, &app, &american(1000 + n), &sent).await;
            }
        }
        assert!(send(&platform, &app, &indian(50)).await.is_ok(), "they still have time");
        platform.advance(300);
        assert_eq!(
            send(&platform, &app, &indian(51)).await.unwrap_err(),
            (Code::SmsCountryBlocked, Some(7_200))
        );
        assert!(send(&platform, &app, &american(1051)).await.is_ok(), "half are typed in");
        platform.advance(100);
        assert_eq!(
            send(&platform, &app, &indian(52)).await.unwrap_err(),
            (Code::SmsCountryBlocked, Some(7_100))
        );
        let raised = alarms(&platform, &app).await;
        assert_eq!(raised.len(), 1, "{raised:?}");
        let wanted = serde_json::json!({
            "kind": "pumping", "prefix": "+91", "sent": 11, "verified": 0, "stops": true,
            "until": "2026-01-01T02:05:00.000Z",
        });
        assert_eq!(raised[0], wanted);
        // What came before the alarm is dealt with.
        platform.advance(7_100);
        assert!(send(&platform, &app, &indian(53)).await.is_ok());
        platform.advance(300);
        assert!(send(&platform, &app, &indian(54)).await.is_ok());
    }

    async fn an_alarm_alone_stops_nothing(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.pumping_min_sends = 10).await;
        for n in 0..10 {
            assert!(send(&platform, &app, &indian(n)).await.is_ok());
        }
        platform.advance(300);
        for n in 20..25 {
            assert!(send(&platform, &app, &indian(n)).await.is_ok());
        }
        let raised = alarms(&platform, &app).await;
        assert_eq!(raised.len(), 1, "once in a window");
        assert_eq!(raised[0]["stops"], false);
        let window = usage(&platform, &app).await.prefixes[0].window.unwrap();
        assert_eq!((window.sent, window.verified), (15, 0));
    }
}
