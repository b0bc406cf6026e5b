//! Delivery receipts: providers are real servers, which are asked and then report.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use doorward_delivery::apps::Policy;
use doorward_delivery::sender::Networks;
use doorward_domain::OutboxId;
use doorward_domain::app::AppSettings;
use doorward_domain::outbox::OutboxState;
use doorward_domain::secret::hex;
use doorward_domain::signing::SigningAlg;
use doorward_service::PlatformSettings;
use doorward_store::StoreError;
use doorward_store::app::MessageStanding;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{ISSUER, Platform, TestApp};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::front::{Answer, Ask, Front, ask, get, post};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PHONE: &str = "+919876543210";

/// A provider: takes every message, or answers as it was told.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Bytes>>>,
    pub(crate) answers: Arc<Mutex<VecDeque<(Duration, u16)>>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            port: listener.local_addr().unwrap().port(),
            ..Self::default()
        };
        let router = Router::new().fallback(take).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// The message that it took as number `at`, as soon as it has.
    pub(crate) async fn message(&self, at: usize) -> Value {
        let body = self.body(at).await;
        serde_json::from_slice(&body).unwrap()
    }

    async fn body(&self, at: usize) -> Bytes {
        for _ in 0..500 {
            if let Some(body) = self.taken.lock().unwrap().get(at) {
                return body.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no message {at} came")
    }
}

async fn take(State(provider): State<Provider>, body: Bytes) -> StatusCode {
    provider.taken.lock().unwrap().push(body);
    let answer = provider.answers.lock().unwrap().pop_front();
    let (wait, status) = answer.unwrap_or((Duration::ZERO, 201));
    tokio::time::sleep(wait).await;
    StatusCode::from_u16(status).unwrap()
}

pub(crate) struct World {
    pub(crate) front: Front,
    pub(crate) app: TestApp,
    first: Provider,
    second: Provider,
}

impl World {
    /// An app whose SMS two webhooks carry.
    pub(crate) async fn new(db: &doorward_testkit::database::TestDatabase) -> Self {
        Self::with(db, |_| ()).await
    }

    pub(crate) async fn with(
        db: &doorward_testkit::database::TestDatabase,
        change: impl FnOnce(&mut AppSettings),
    ) -> Self {
        let mut settings = PlatformSettings::new(ISSUER);
        settings.signing_alg = SigningAlg::Es256;
        settings.delivery = Policy {
            networks: Networks::public_and(vec!["127.0.0.0/8".parse().unwrap()]),
            ..Policy::default()
        };
        let front = Front::over(Platform::start_with(db, settings).await).await;
        let app = front.platform.app_with("shop", |settings| {
            settings.limits.otp_per_contact.max = 100;
            change(settings);
        });
        let app = app.await;
        let (first, second) = (Provider::start().await, Provider::start().await);
        let world = Self {
            front,
            app,
            first,
            second,
        };
        let hook = |id: &str, port: u16| json!({"id": id, "kind": "webhook", "url": format!("http://127.0.0.1:{port}/"), "secret": SECRET});
        world
            .providers(json!([
                hook("first", world.first.port),
                hook("second", world.second.port)
            ]))
            .await;
        world
    }

    async fn providers(&self, providers: Value) {
        let path = format!("/admin/apps/{}/delivery/sms", self.app.id);
        let set = ask("PUT", path).body(json!({"providers": providers}));
        let answer = self.front.admin(set).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Asks for a code; gives what to show with it.
    pub(crate) async fn send(&self) -> String {
        let send = post(
            "/auth/send-otp",
            json!({"phone": PHONE, "purpose": "LOGIN"}),
        );
        let answer = self.front.send(send.by(&self.app)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["otp_request_id"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, request: &str, message: &Value) -> Answer {
        let verify = json!({"otp_request_id": request, "otp": message["code"], "purpose": "LOGIN"});
        self.front
            .send(post("/auth/verify-otp", verify).by(&self.app))
            .await
    }

    /// As the provider reports about a message it took.
    fn report(&self, message: &Value, status: &str) -> Ask {
        let body = json!({"id": message["id"], "status": status, "code": "E7"});
        self.signed(message, body, 0)
    }

    fn signed(&self, message: &Value, body: Value, skew: i64) -> Ask {
        let now = self.front.platform.context().now().as_second() + skew;
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let mac = hmac::sign(&key, format!("{now}.{body}").as_bytes());
        post(path(message), body)
            .header("doorward-timestamp", now.to_string())
            .header("doorward-signature", format!("v1={}", hex(mac.as_ref())))
    }

    async fn told(&self, message: &Value, status: &str) {
        let answer = self.front.send(self.report(message, status)).await;
        assert_eq!(answer.status, 200, "{status}: {}", answer.text);
        assert_eq!(answer.json(), json!({"success": true}));
    }

    /// How a message stands.
    async fn standing(&self, message: &Value) -> MessageStanding {
        let (app, id) = (
            self.app.id,
            message["id"].as_str().unwrap().parse().unwrap(),
        );
        let store = &self.front.platform.core.store;
        let read = store.read(move |tx| tx.app(app).message_standing(OutboxId::from_uuid(id)));
        let standing: Result<_, StoreError> = read.await;
        standing.unwrap().unwrap()
    }

    /// What the audit says of messages that did not arrive, oldest first.
    async fn undelivered(&self) -> Vec<Value> {
        let mut events = self.front.platform.events(Some(self.app.id)).await;
        events.reverse();
        events
            .into_iter()
            .filter(|event| event.action == "message.undelivered")
            .map(|event| {
                assert_eq!(event.actor_type, "system");
                event.details.unwrap()
            })
            .collect()
    }

    /// (sms_accepted, sms_delivered, sms_failed) of today.
    async fn stats(&self) -> [i64; 3] {
        let path = format!("/admin/apps/{}/stats?from=2026-01-01", self.app.id);
        let day = self.front.admin(get(path)).await.json()["items"][0].clone();
        ["sms_accepted", "sms_delivered", "sms_failed"].map(|name| day[name].as_i64().unwrap())
    }

    /// (sent, delivered, failed) of today.
    async fn usage(&self) -> [i64; 3] {
        let path = format!("/admin/apps/{}/delivery/usage", self.app.id);
        let usage = self.front.admin(get(path)).await.json();
        let of = |view: &Value| {
            ["day_sent", "day_delivered", "day_failed"].map(|name| view[name].as_i64().unwrap())
        };
        assert_eq!(of(&usage["total"]), of(&usage["prefixes"][0]));
        of(&usage["total"])
    }
}

/// Where a message says that it wants to be reported, on our face.
fn path(message: &Value) -> String {
    let url = message["report_url"].as_str().unwrap();
    url.strip_prefix(ISSUER).unwrap().to_owned()
}

on_both_engines! {
    async fn the_first_end_that_is_reported_counts(db: TestDatabase) {
        let world = World::new(&db).await;
        let request = world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "accepted").await;
        assert_eq!(world.usage().await, [1, 0, 0]);
        for status in ["delivered", "delivered", "failed", "rejected", "accepted"] {
            world.told(&message, status).await;
            assert_eq!(world.usage().await, [1, 1, 0], "{status}");
        }
        assert_eq!(world.stats().await, [1, 1, 0]);
        assert!(world.undelivered().await.is_empty());
        assert_eq!(world.second.count(), 0);
        assert_eq!(world.verify(&request, &message).await.status, 200);
    }

    async fn what_did_not_arrive_goes_to_the_next_provider_once(db: TestDatabase) {
        let world = World::new(&db).await;
        let request = world.send().await;
        let message = world.first.message(0).await;
        // Of any number at once, one counts.
        let mut reports = JoinSet::new();
        for _ in 0..8 {
            let (router, report) = (world.front.public.clone(), world.report(&message, "failed"));
            reports.spawn(async move { crate::front::send_to(router, &report).await.status });
        }
        assert_eq!(reports.join_all().await, [200; 8]);
        let again = world.second.message(0).await;
        assert_eq!((&again["id"], &again["code"]), (&message["id"], &message["code"]));
        assert_ne!(again["report_url"], message["report_url"]);
        let details = json!({
            "channel": "sms", "template": "otp/LOGIN", "attempt": 1, "provider": "first",
            "error": "E7", "resent": true,
        });
        assert_eq!(world.undelivered().await, [details]);
        // The one that has it no more has nothing to say.
        for status in ["delivered", "failed"] {
            world.told(&message, status).await;
        }
        assert_eq!(world.usage().await, [2, 0, 1], "it was sent twice");
        // Events of one millisecond have no order.
        world.front.platform.advance(1);
        world.told(&again, "failed").await;
        let last = world.undelivered().await.pop().unwrap();
        assert_eq!((&last["provider"], &last["resent"]), (&json!("second"), &json!(false)));
        assert_eq!(world.usage().await, [2, 0, 2]);
        assert_eq!(world.stats().await, [2, 0, 2]);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((world.first.count(), world.second.count()), (1, 1));
        assert_eq!(world.verify(&request, &again).await.status, 200, "the code lives as before");
    }

    async fn a_code_that_is_of_no_use_is_not_sent_again(db: TestDatabase) {
        let world = World::new(&db).await;
        let request = world.send().await;
        let used = world.first.message(0).await;
        assert_eq!(world.verify(&request, &used).await.status, 200);
        world.told(&used, "failed").await;
        world.send().await;
        let void = world.first.message(1).await;
        world.send().await;
        let rejected = world.first.message(2).await;
        world.told(&void, "failed").await;
        world.told(&rejected, "rejected").await;
        world.send().await;
        let late = world.first.message(3).await;
        world.front.platform.advance(301);
        world.told(&late, "failed").await;
        let resent: Vec<_> = world.undelivered().await.iter().map(|d| d["resent"].clone()).collect();
        assert_eq!(resent, [json!(false), json!(false), json!(false), json!(false)]);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(world.second.count(), 0);
        assert_eq!(world.usage().await, [4, 0, 4]);
    }

    /// The next provider takes it only at the second attempt, and by then nobody needs it.
    async fn a_code_that_was_used_meanwhile_is_not_sent_again(db: TestDatabase) {
        let world = World::new(&db).await;
        world.second.answers.lock().unwrap().push_back((Duration::ZERO, 503));
        let request = world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "failed").await;
        world.second.message(0).await;
        assert_eq!(world.verify(&request, &message).await.status, 200);
        let mut standing = world.standing(&message).await;
        for _ in 0..60 {
            if standing.state != OutboxState::Queued {
                break;
            }
            world.front.platform.advance(2);
            tokio::time::sleep(Duration::from_millis(100)).await;
            standing = world.standing(&message).await;
        }
        assert_eq!((standing.state, standing.kept), (OutboxState::Expired, false));
        assert_eq!(world.second.count(), 1);
        // Of the two that were asked for, one did not arrive; the other was not needed.
        assert_eq!(world.usage().await, [2, 0, 1]);
    }

    async fn nothing_is_sent_again_to_a_country_that_was_closed(db: TestDatabase) {
        let world = World::new(&db).await;
        world.send().await;
        let message = world.first.message(0).await;
        let settings = json!({"settings": {"sms": {"countries": ["+1"]}}});
        let change = ask("PATCH", format!("/admin/apps/{}", world.app.id)).body(settings);
        assert_eq!(world.front.admin(change).await.status, 200);
        world.told(&message, "failed").await;
        assert_eq!(world.undelivered().await[0]["resent"], false);
        assert_eq!(world.usage().await, [1, 0, 1]);
    }

    async fn sending_again_costs_what_sending_costs(db: TestDatabase) {
        let world = World::with(&db, |settings| settings.sms.per_day = 1).await;
        world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "failed").await;
        assert_eq!(world.undelivered().await[0]["resent"], false);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(world.second.count(), 0);
        assert_eq!(world.usage().await, [1, 0, 1]);
    }

    async fn nobody_else_is_believed(db: TestDatabase) {
        let world = World::new(&db).await;
        let other = world.front.platform.app("other").await;
        world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "accepted").await;
        let id = message["id"].clone();
        let good = json!({"id": id, "status": "delivered"});
        let with_path = |change: &dyn Fn(String) -> String| {
            let mut ask = world.signed(&message, good.clone(), 0);
            ask.path = change(ask.path);
            ask
        };
        let mut altered = world.signed(&message, good.clone(), 0);
        altered.body = Some(json!({"id": id, "status": "failed"}));
        let mut unsigned = world.signed(&message, good.clone(), 0);
        unsigned.headers.clear();
        let (own, theirs) = (world.app.id.to_string(), other.id.to_string());
        let mut bodies = Vec::new();
        for (what, ask) in [
            ("another app", with_path(&|path| path.replace(&own, &theirs))),
            ("no app", with_path(&|path| path.replace(&own, "0197a000-0000-7000-8000-000000000000"))),
            ("no id", with_path(&|path| path.replace(&own, "x"))),
            ("another reference", with_path(&|path| format!("{path}A"))),
            ("half a reference", with_path(&|path| path[..path.len() - 8].to_owned())),
            ("no reference", with_path(&|path| format!("{}/x", path.rsplit_once('/').unwrap().0))),
            ("another body", altered),
            ("unsigned", unsigned),
            ("old", world.signed(&message, good.clone(), -301)),
            ("early", world.signed(&message, good.clone(), 301)),
            ("another message", world.signed(&message, json!({"id": other.id, "status": "delivered"}), 0)),
            ("no status", world.signed(&message, json!({"id": id}), 0)),
            ("what we sent", world.signed(&message, message.clone(), 0)),
        ] {
            let answer = world.front.send(ask).await;
            assert_eq!(answer.brief(), (404, "NOT_FOUND".to_owned()), "{what}");
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("request_id");
            bodies.push(body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "one answer: {bodies:?}");
        assert_eq!(world.usage().await, [1, 0, 0]);
        let long = "x".repeat(17_000);
        let large = world.signed(&message, json!({"id": id, "status": "delivered", "more": long}), 0);
        assert_eq!(world.front.send(large).await.brief(), (413, "PAYLOAD_TOO_LARGE".to_owned()));
        // A provider that the app has no more.
        let url = format!("http://127.0.0.1:{}/", world.second.port);
        world.providers(json!([{"id": "second", "kind": "webhook", "url": url, "secret": SECRET}])).await;
        let answer = world.front.send(world.report(&message, "delivered")).await;
        assert_eq!(answer.status, 404);
    }

    async fn a_report_may_be_quicker_than_our_own_note(db: TestDatabase) {
        let world = World::new(&db).await;
        let slow = (Duration::from_millis(600), 200);
        world.first.answers.lock().unwrap().push_back(slow);
        world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "delivered").await;
        assert_eq!(world.usage().await, [1, 1, 0]);
        // Not for ever: then it says when to come again.
        let hanging = (Duration::from_secs(6), 200);
        world.first.answers.lock().unwrap().push_back(hanging);
        world.send().await;
        let message = world.first.message(1).await;
        let answer = world.front.send(world.report(&message, "delivered")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
    }

    /// Each holds a place that others want, and those of one app hold few.
    async fn not_many_reports_wait_for_our_own_note(db: TestDatabase) {
        let world = World::new(&db).await;
        let hanging = (Duration::from_secs(9), 200);
        world.first.answers.lock().unwrap().push_back(hanging);
        world.send().await;
        let message = world.first.message(0).await;
        let mut reports = JoinSet::new();
        for _ in 0..48 {
            let (router, report) = (world.front.public.clone(), world.report(&message, "delivered"));
            reports.spawn(async move {
                let began = std::time::Instant::now();
                let status = crate::front::send_to(router, &report).await.status;
                (status, began.elapsed() < Duration::from_millis(1_900))
            });
        }
        // Meanwhile another app finds one.
        let other = world.front.platform.app("other").await;
        let url = format!("http://127.0.0.1:{}/", world.second.port);
        let hook = json!({"providers": [{"id": "hook", "kind": "webhook", "url": url, "secret": SECRET}]});
        let set = ask("PUT", format!("/admin/apps/{}/delivery/sms", other.id)).body(hook);
        assert_eq!(world.front.admin(set).await.status, 200);
        let slow = (Duration::from_millis(600), 200);
        world.second.answers.lock().unwrap().push_back(slow);
        let send = json!({"phone": PHONE, "purpose": "LOGIN"});
        let sent = world.front.send(post("/auth/send-otp", send).by(&other)).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
        let message = world.second.message(0).await;
        world.told(&message, "delivered").await;
        let answers = reports.join_all().await;
        assert!(answers.iter().all(|(status, _)| *status == 503), "{answers:?}");
        let at_once = answers.iter().filter(|(_, at_once)| *at_once).count();
        assert!(at_once >= 16, "{at_once}");
    }

    /// The provider took the message, and its answer got lost.
    async fn what_arrived_is_not_sent_once_more(db: TestDatabase) {
        let world = World::new(&db).await;
        world.first.answers.lock().unwrap().push_back((Duration::ZERO, 500));
        let request = world.send().await;
        let message = world.first.message(0).await;
        let waits = async || {
            let standing = world.standing(&message).await;
            standing.state == OutboxState::Queued && !standing.leased
        };
        for _ in 0..500 {
            if waits().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(waits().await);
        // That it failed says nothing: it is sent again anyway.
        world.told(&message, "failed").await;
        assert!(waits().await);
        // Of any number at once, one counts.
        let mut reports = JoinSet::new();
        for _ in 0..8 {
            let (router, report) = (world.front.public.clone(), world.report(&message, "delivered"));
            reports.spawn(async move { crate::front::send_to(router, &report).await.status });
        }
        assert_eq!(reports.join_all().await, [200; 8]);
        let standing = world.standing(&message).await;
        assert_eq!(
            (standing.state, standing.kept, standing.provider.as_deref()),
            (OutboxState::Sent, false, Some("first"))
        );
        world.told(&message, "failed").await;
        assert_eq!(world.usage().await, [1, 1, 0]);
        assert_eq!(world.stats().await, [1, 1, 0]);
        for _ in 0..5 {
            world.front.platform.advance(20);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!((world.first.count(), world.second.count()), (1, 0));
        let events = world.front.platform.events(Some(world.app.id)).await;
        let sent: Vec<_> = events.iter().filter(|event| event.action == "message.sent").collect();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].details, Some(json!({
            "channel": "sms", "template": "otp/LOGIN", "attempt": 1, "provider": "first",
            "reported": "delivered",
        })));
        assert!(world.undelivered().await.is_empty());
        assert_eq!(world.verify(&request, &message).await.status, 200);
    }

    async fn who_has_the_message_no_more_waits_for_nothing(db: TestDatabase) {
        let world = World::new(&db).await;
        let hanging = (Duration::from_secs(6), 200);
        world.second.answers.lock().unwrap().push_back(hanging);
        world.send().await;
        let message = world.first.message(0).await;
        world.told(&message, "failed").await;
        world.second.message(0).await;
        for status in ["failed", "delivered"] {
            world.told(&message, status).await;
        }
        assert_eq!(world.usage().await, [2, 0, 1]);
    }

    async fn twilio_reports_in_its_own_way(db: TestDatabase) {
        let world = World::new(&db).await;
        let api = format!("http://127.0.0.1:{}", world.first.port);
        let hook = format!("http://127.0.0.1:{}/", world.second.port);
        world.providers(json!([
            {"id": "twilio", "kind": "twilio", "account_sid": "AC0123", "secret": "the-token",
             "from": "+15005550006", "base_url": api},
            {"id": "second", "kind": "webhook", "url": hook, "secret": SECRET},
        ])).await;
        world.send().await;
        let form = world.first.body(0).await;
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
        let callback = &form.iter().find(|(name, _)| name == "StatusCallback").unwrap().1;
        let report = async |token: &str, status: &str| {
            let mut fields = vec![
                ("AccountSid", "AC0123"), ("ErrorCode", "30008"), ("MessageSid", "SM42"),
                ("MessageStatus", status), ("To", PHONE),
            ];
            fields.sort_unstable();
            let signed = fields.iter().fold(callback.clone(), |all, (name, value)| all + name + value);
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
            let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
            fields.reverse();
            let mut body = url::form_urlencoded::Serializer::new(String::new());
            let request = Request::post(callback.strip_prefix(ISSUER).unwrap())
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-twilio-signature", signature)
                .body(Body::from(body.extend_pairs(fields).finish()))
                .unwrap();
            let answer = world.front.public.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            drop(answer.into_body().collect().await.unwrap());
            status
        };
        assert_eq!(report("another-token", "undelivered").await, 404);
        assert_eq!(report("the-token", "sent").await, 200);
        assert_eq!(world.second.count(), 0);
        assert_eq!(report("the-token", "undelivered").await, 200);
        let again = world.second.message(0).await;
        assert_eq!(again["to"], PHONE);
        assert_eq!(world.undelivered().await[0]["error"], "30008");
        // It comes in any order.
        assert_eq!(report("the-token", "sent").await, 200);
        world.told(&again, "delivered").await;
        assert_eq!(world.usage().await, [2, 1, 1]);
    }
}
