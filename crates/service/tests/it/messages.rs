//! An app's own words and providers, from setting them to the message that goes out.

use std::time::Duration;

use doorward_delivery::provider::open_secrets;
use doorward_delivery::sender::CapturedMessage;
use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::otp::Purpose;
use doorward_domain::template::{Language, StoredTemplate, Words};
use doorward_service::otp::{self, SendOtp};
use doorward_service::{Error, jobs, maintenance, messages};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp, contact};

async fn set(platform: &Platform, app: AppId, language: &str, text: &str) {
    let key = messages::parse_key("otp_login", language, "sms").unwrap();
    let words = Words {
        text: text.to_owned(),
        ..Words::default()
    };
    let operator = platform.operator();
    messages::set_template(&platform.core, &operator, app, key, words, None)
        .await
        .unwrap();
}

async fn sent(platform: &Platform, app: &TestApp, to: &str) -> CapturedMessage {
    sent_in(platform, app, to, None).await
}

async fn sent_in(
    platform: &Platform,
    app: &TestApp,
    to: &str,
    language: Option<&str>,
) -> CapturedMessage {
    let context = platform.authenticate(app).await;
    let request = SendOtp {
        contact: contact(to),
        purpose: Purpose::Login,
        user_id: None,
        client_ip: None,
        language: language.map(|tag| Language::parse(tag).unwrap()),
    };
    let older = platform.outbox.list(Some(to), Some(app.id)).len();
    otp::send(&platform.core, &context, request).await.unwrap();
    platform.code(app.id, to, older).await;
    platform.outbox.list(Some(to), Some(app.id)).remove(0)
}

on_both_engines! {
    async fn words_are_chosen_by_language(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app_with("shop", |settings| settings.language = "pt-BR".to_owned()).await;
        let to = |n: u32| format!("+1415555267{n}");
        let text = |message: CapturedMessage| message.text;
        assert!(text(sent(&platform, &app, &to(1)).await).contains("is your code to sign in"));
        set(&platform, app.id, "de", "{{ code }} de").await;
        assert!(text(sent(&platform, &app, &to(2)).await).contains("is your code to sign in"));
        set(&platform, app.id, "pt", "{{ code }} pt {{ language }}").await;
        assert!(text(sent(&platform, &app, &to(3)).await).ends_with(" pt pt"));
        set(&platform, app.id, "pt-BR", "{{ code }} br {{ language }}").await;
        assert!(text(sent(&platform, &app, &to(4)).await).ends_with(" br pt-BR"));
        let asked = sent_in(&platform, &app, &to(6), Some("de-AT")).await;
        assert!(text(asked).ends_with(" de"));
        let asked = sent_in(&platform, &app, &to(7), Some("fr")).await;
        assert!(text(asked).ends_with(" br pt-BR"), "the app's language before English");
        let key = messages::parse_key("otp_login", "pt-BR", "sms").unwrap();
        messages::reset_template(&platform.core, &platform.operator(), app.id, key, None)
            .await
            .unwrap();
        assert!(text(sent(&platform, &app, &to(5)).await).ends_with(" pt pt"));
    }

    async fn another_node_has_them_after_its_next_look(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let other = platform.second_node().await;
        let envelope_words = async || {
            let app = other.messages.of(app.id).await.unwrap();
            app.has_words("otp_login", "en", Channel::Sms)
        };
        assert!(!envelope_words().await);
        set(&platform, app.id, "en", "{{ code }}").await;
        assert!(!envelope_words().await, "a copy is kept until the platform's version moves");
        jobs::follow_state(&other).await.unwrap();
        assert!(envelope_words().await);
    }

    async fn broken_words_stop_no_code(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let broken = StoredTemplate {
            key: messages::parse_key("otp_login", "en", "sms").unwrap(),
            words: Words { text: "{% for a in code %}".to_owned(), ..Words::default() },
            version: 1,
            updated_at: platform.context().now(),
        };
        let (id, store) = (app.id, platform.database.store());
        store
            .write(move |tx| Ok::<_, Error>(tx.app(id).put_template(&broken)?))
            .await
            .unwrap();
        let message = sent(&platform, &app, "+14155552671").await;
        assert!(message.text.contains("is your code to sign in"), "{}", message.text);
        for _ in 0..500 {
            let events = platform.events(Some(app.id)).await;
            if let Some(event) = events.iter().find(|event| event.action == "template.failed") {
                let details = event.details.clone().unwrap();
                assert_eq!(details["template"], "otp/LOGIN.sms.txt");
                assert!(!details.to_string().contains(message.code.as_deref().unwrap()));
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing was said of the broken template");
    }

    async fn secrets_come_over_to_a_new_master_key(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let providers = serde_json::json!([{
            "id": "main", "kind": "webhook", "url": "https://hook.example.com/",
            "secret": "0123456789abcdef0123456789abcdef",
        }]);
        let providers =
            messages::parse_providers(Channel::Sms, providers.as_array().unwrap().clone()).unwrap();
        let operator = platform.operator();
        messages::set_delivery(&platform.core, &operator, app.id, Channel::Sms, providers, None)
            .await
            .unwrap();
        let rotated = platform.node_with_new_master_key().await;
        let sealed = async || {
            let (id, store) = (app.id, platform.database.store());
            store
                .read(move |tx| Ok::<_, Error>(tx.app(id).delivery_settings()?.remove(0).sealed))
                .await
                .unwrap()
        };
        let before = sealed().await;
        assert!(rotated.keyring.is_outdated(&before));
        maintenance::run(&rotated, true).await.unwrap();
        let after = sealed().await;
        assert!(!rotated.keyring.is_outdated(&after));
        let secrets = open_secrets(&rotated.keyring, app.id, Channel::Sms, &after).unwrap();
        assert_eq!(secrets["main"].expose(), "0123456789abcdef0123456789abcdef");
    }
}
