//! What text messages may cost an app.

use doorward_domain::Code;
use doorward_domain::app::AppSettings;
use doorward_domain::otp::Purpose;
use doorward_domain::sms::{AlarmKind, PrefixBudget, SmsCounts};
use doorward_service::apps;
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
    messages::sms_usage(&platform.core, &platform.operator(), app.id, None, 100)
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
        assert!(shown.alarms[0].stops);
        // Lifted: nothing is stopped any more.
        let patch = serde_json::json!({ "sms": { "per_day": 0 } });
        let request = apps::UpdateApp {
            name: None,
            settings: patch.as_object().cloned(),
            expected_version: None,
        };
        apps::update(&platform.core, &platform.operator(), app.id, request).await.unwrap();
        assert!(!usage(&platform, &app).await.alarms[0].stops);
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
            "kind": "pumping", "prefix": "+91", "sent": 11, "failed": 0, "verified": 0, "stops": true,
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

    async fn a_test_message_costs_what_a_code_costs(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| s.sms.per_day = 3).await;
        let test = async |to: &str| {
            messages::test(&platform.core, &platform.operator(), app.id, contact(to))
                .await
                .map(|results| results.len())
                .map_err(|error| (error.code(), error.retry_after()))
        };
        assert_eq!(test(&indian(1)).await, Ok(1));
        assert!(send(&platform, &app, &indian(2)).await.is_ok());
        assert_eq!(test(&indian(3)).await, Ok(1));
        assert_eq!(alarms(&platform, &app).await.len(), 1, "the last one says so");
        let refused = Err((Code::SmsBudgetExhausted, Some(86_400)));
        assert_eq!(test(&indian(4)).await, refused);
        assert!(send(&platform, &app, &indian(5)).await.is_err());
        assert_eq!(test("ada@example.com").await, Ok(1), "mail costs nothing");
        assert!(platform.outbox.list(Some(&indian(4)), Some(app.id)).is_empty());
        let shown = usage(&platform, &app).await;
        assert_eq!((shown.total.day.sent, shown.total.month_sent), (3, 3));
        // Nobody types a test in: it says nothing about fraud.
        assert_eq!(shown.prefixes[0].window.unwrap().sent, 1);
    }

    async fn a_message_that_is_refused_uses_up_no_budget(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| {
            s.sms.per_day = 3;
            s.sms.prefix_budgets = vec![PrefixBudget {
                prefix: "+91".to_owned(),
                per_day: 2,
                per_month: 0,
            }];
        })
        .await;
        for n in 0..2 {
            assert!(send(&platform, &app, &indian(n)).await.is_ok());
        }
        let prefixes = async || {
            let raised = alarms(&platform, &app).await;
            raised.iter().map(|alarm| alarm["prefix"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(prefixes().await, [serde_json::json!("+91")]);
        // It would be the last of the app's three, but is not sent.
        for n in 2..5 {
            assert!(send(&platform, &app, &indian(n)).await.is_err());
        }
        assert_eq!(prefixes().await.len(), 1, "the app's own budget is not used up");
        assert!(send(&platform, &app, &american(1)).await.is_ok());
        assert_eq!(prefixes().await.len(), 2);
        assert_eq!(usage(&platform, &app).await.total.day.sent, 3);
    }

    async fn what_did_not_arrive_is_neither_fraud_nor_success(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = limited(&platform, |s| {
            s.sms.pumping_min_sends = 10;
            s.sms.pumping_verified_percent = 50;
            s.limits.otp_per_app.max = 1_000;
        })
        .await;
        let failed = async |prefix: &'static str, n: u32| {
            let (id, now) = (app.id, platform.context().now());
            let written = platform.core.store.write(move |tx| {
                for shard in 1..=n {
                    tx.app(id).count_sms_outcome(prefix, now, shard, SmsCounts::FAILED)?;
                }
                Ok::<_, doorward_store::StoreError>(())
            });
            written.await.unwrap();
        };
        // 20 to each country, 4 typed in. To one of them, 12 did not arrive: 4 of 8 are half.
        for n in 0..20 {
            for to in [indian(n), american(n)] {
                let sent = send(&platform, &app, &to).await.unwrap();
                if n < 4 {
                    verify(&platform, &app, &to, &sent).await;
                }
            }
        }
        // What waits when the clock jumps would count as not delivered, too.
        while platform.core.store.read(|tx| tx.platform().outbox_depth()).await.unwrap().queued > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        failed("+91", 12).await;
        platform.advance(600);
        assert!(send(&platform, &app, &indian(50)).await.is_ok());
        assert!(alarms(&platform, &app).await.is_empty(), "8 that may have arrived are too few");
        assert!(send(&platform, &app, &american(50)).await.is_ok());
        let raised = alarms(&platform, &app).await;
        assert_eq!(raised.len(), 1, "{raised:?}");
        let alarm = &raised[0];
        assert_eq!(
            (&alarm["prefix"], &alarm["sent"], &alarm["failed"], &alarm["verified"]),
            (&"+1".into(), &20.into(), &0.into(), &4.into())
        );
        let shown = usage(&platform, &app).await;
        let indian = shown.prefixes.iter().find(|usage| usage.prefix == "+91").unwrap();
        assert_eq!((indian.day.failed, indian.window.unwrap().failed), (12, 12));
    }
}
