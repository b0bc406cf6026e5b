//! Databases that programs of earlier schema versions have filled, brought up to date: everybody
//! whose data is in them goes on as if nothing had happened.
//!
//! `tests/fixtures/make.py` makes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use doorward_delivery::alarms::Alarms;
use doorward_delivery::sender::Sender;
use doorward_domain::app::Slug;
use doorward_domain::contact::Channel;
use doorward_domain::license::Device;
use doorward_domain::reason::Reason;
use doorward_domain::secret::{AppSecret, SecretText};
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, TenantId, Timestamp, UserId, time};
use doorward_service::licenses::{self, Asker, Verify};
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::otp::{self, OtpVerified, VerifyOtp};
use doorward_service::{Caller, alarms, messages, sessions, users};
use doorward_store::{MIGRATIONS, StoreError};
use doorward_testkit::database::{Engine, TestDatabase};
use doorward_testkit::platform::{Platform, TestApp, contact};
use serde_json::Value;

use crate::sessions::refresh;

fn fixture(version: i64, name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/fixtures/{version:04}.{name}"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: tests/fixtures/make.py makes it, with the last program before the next \
             migration",
            path.display()
        )
    })
}

/// Every version that a program before this one's schema may have left behind.
fn earlier() -> impl Iterator<Item = i64> {
    let latest = MIGRATIONS.last().expect("there are migrations").version;
    1..latest
}

async fn story(engine: Engine, version: i64) {
    let name = engine.as_str();
    let dump = fixture(version, &format!("{name}.sql"));
    let told = fixture(version, &format!("{name}.json"));
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |path: &str| told.pointer(path).and_then(Value::as_str).unwrap();
    let token = |path: &str| SecretText::new(text(path).to_owned());

    let Some(database) = TestDatabase::restored(engine, &dump).await else {
        return;
    };
    let at: Timestamp = text("/at").parse().unwrap();
    let later = time::plus_seconds(at, 30);
    let platform = Platform::resume(&database, later, text("/master_key")).await;
    let app = TestApp {
        id: text("/app/app_id").parse().unwrap(),
        slug: text("/app/app_slug").to_owned(),
        secret: AppSecret::parse(text("/app/app_secret")).unwrap(),
    };
    let context = platform.authenticate(&app).await;
    let code = |error: doorward_service::Error| error.code();

    // A question whose answer got lost during the upgrade is answered all the same.
    let spent = token("/ada/spent");
    let again = refresh(&platform, &context, &spent, Some("once"))
        .await
        .unwrap();
    assert_eq!(again.refresh_token.expose(), text("/ada/current"));
    // The chain goes on, and what was spent stays spent.
    let tokens = refresh(&platform, &context, &token("/ada/current"), None)
        .await
        .unwrap();
    let me = sessions::me(&platform.core, tokens.access_token.expose())
        .await
        .unwrap();
    assert_eq!(me.user_id.to_string(), text("/ada/user_id"));
    if version >= 2 {
        let tenant: TenantId = text("/tenant_id").parse().unwrap();
        assert_eq!(
            (me.tenant_id, me.roles),
            (Some(tenant), vec!["staff".to_owned()])
        );
    }
    let reuse = refresh(&platform, &context, &spent, None).await;
    assert_eq!(reuse.map_err(code).err(), Some(Code::TokenReuse));
    let ended = refresh(&platform, &context, &token("/ended"), None).await;
    assert_eq!(ended.map_err(code).err(), Some(Code::TokenRevoked));

    // A code that was on its way is good, once.
    let verify = || VerifyOtp {
        otp_request_id: text("/code/otp_request_id").parse().unwrap(),
        code: token("/code/otp"),
        purpose: doorward_domain::otp::Purpose::Login,
        client_ip: None,
        tenant_id: None,
    };
    let verified = otp::verify(&platform.core, &context, verify())
        .await
        .unwrap();
    assert!(matches!(verified, OtpVerified::SignedIn { .. }));
    let twice = otp::verify(&platform.core, &context, verify()).await;
    assert_eq!(twice.map_err(code).err(), Some(Code::OtpAlreadyUsed));

    // Known people are known, by both kinds of address.
    for (contact, user) in [
        ("ada@example.com", "/ada/user_id"),
        ("+14155550123", "/grace/user_id"),
    ] {
        let (found, _) = platform.sign_in(&app, contact).await;
        assert_eq!(found.to_string(), text(user));
    }

    if version >= 4 {
        left_of_growth(&platform, &app, &told).await;
    }
    let asker = Asker::app(platform.authenticate(&app).await, None);
    if version >= 2 {
        let request = Verify {
            key: token("/license/license_key"),
            device: Device::Id(text("/license/device_id").to_owned()),
        };
        let verified = licenses::verify(&platform.core, &asker, request)
            .await
            .unwrap();
        let entitlements = serde_json::to_value(verified.entitlements).unwrap();
        assert_eq!(entitlements, serde_json::json!({ "seats": 3 }));
    }
    // And what came later works on it.
    licenses::generate(&platform.core, &asker, licenses::Terms::default(), 1)
        .await
        .unwrap();
    let operator = platform.operator();
    let request = CreateOrganization {
        name: "New".to_owned(),
        owner: None,
    };
    organizations::create(&platform.core, Caller::Operator(&operator, app.id), request)
        .await
        .unwrap();
    assert!(platform.events(Some(app.id)).await.len() > 10);
}

/// What schemas 3 and 4 brought: a deleted user, an app's own words and providers, a message that waited,
/// and an alarm.
async fn left_of_growth(platform: &Platform, app: &TestApp, told: &Value) {
    let text = |path: &str| told.pointer(path).and_then(Value::as_str).unwrap();
    let (core, operator) = (&platform.core, platform.operator());

    let gone: UserId = text("/gone").parse().unwrap();
    let user = users::show(core, &operator, app.id, gone).await.unwrap();
    assert_eq!(user.status, UserStatus::Deleted);
    let why = Reason::parse("by mistake").unwrap();
    users::restore(core, &operator, app.id, gone, Some(why))
        .await
        .unwrap();
    let (found, _) = platform.sign_in(app, "gone@example.com").await;
    assert_eq!(found, gone);

    // The message that waited goes out now, and its code is good.
    let phone = text("/waiting/phone");
    let mut sent = platform.outbox.list(Some(phone), None);
    for _ in 0..200 {
        if !sent.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        sent = platform.outbox.list(Some(phone), None);
    }
    assert_eq!(sent.len(), 1);
    let code = sent[0].code.clone().unwrap();
    let verify = VerifyOtp {
        otp_request_id: text("/waiting/otp_request_id").parse().unwrap(),
        code: SecretText::new(code),
        purpose: doorward_domain::otp::Purpose::Login,
        client_ip: None,
        tenant_id: None,
    };
    let context = platform.authenticate(app).await;
    let verified = otp::verify(core, &context, verify).await.unwrap();
    assert!(matches!(verified, OtpVerified::SignedIn { .. }));
    let words = messages::templates(core, &operator, app.id, None, 100)
        .await
        .unwrap();
    let own: Vec<_> = words.iter().filter(|words| words.is_own()).collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].key.language.as_str(), "de");

    // The provider of another app, whose secret opens.
    let slug = Slug::parse("other").unwrap();
    let other = core.store.read(move |tx| tx.platform().app_by_slug(&slug));
    let other: Result<_, StoreError> = other.await;
    let other = other.unwrap().unwrap().id;
    let set = core.messages.of(other).await.unwrap();
    let chain = set.chain(Channel::Sms).unwrap().as_ref().unwrap();
    assert_eq!(chain.ids().collect::<Vec<_>>(), ["hook"]);

    // The alarm that nobody was told is told, once.
    let mail = (
        contact("ops@example.com"),
        platform.outbox.clone() as Arc<dyn Sender>,
    );
    core.messages
        .set_alarms(Arc::new(Alarms::new(None, Some(mail))));
    for _ in 0..2 {
        alarms::tell(core).await.unwrap();
        let mails = platform.outbox.list(Some("ops@example.com"), None);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].text.contains("+91"), "{}", mails[0].text);
        platform.advance(7_200);
    }
}

fn on(engine: Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for version in earlier() {
        println!("from schema {version}");
        runtime.block_on(story(engine, version));
    }
}

#[test]
fn every_earlier_schema_goes_on_sqlite() {
    on(Engine::Sqlite);
}

#[test]
fn every_earlier_schema_goes_on_postgres() {
    on(Engine::Postgres);
}
