//! An app's own words.

use doorward_domain::contact::Channel;
use doorward_domain::otp::Purpose;
use doorward_domain::template::{Language, MessageName, StoredTemplate, TemplateKey, Words};
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, new_template, seed_app};

contract! {
    words_are_read_as_they_were_written:
        AppWrite::put_template, AppRead::template, AppRead::templates, AppRead::count_templates;
    a_template_goes_once: AppWrite::delete_template;
}

async fn put(app: &Scope, template: &StoredTemplate) {
    let template = template.clone();
    app.write(move |app| app.put_template(&template)).await;
}

async fn one(app: &Scope, key: &TemplateKey) -> Option<StoredTemplate> {
    let key = key.clone();
    app.read(move |app| app.template(&key)).await
}

async fn words_are_read_as_they_were_written(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let sms = new_template();
    assert_eq!(one(&app, &sms.key).await, None);
    let german = StoredTemplate {
        key: TemplateKey {
            name: MessageName::of(Purpose::PasswordReset),
            language: Language::parse("de").expect("a language"),
            channel: Channel::Email,
        },
        words: Words {
            subject: Some("Grüße".to_owned()),
            text: "日本 {{ code }}\n".to_owned(),
            html: Some("<p>{{ code }}</p>".to_owned()),
        },
        version: 9,
        updated_at: at(5),
    };
    put(&app, &sms).await;
    put(&app, &german).await;
    put(&other, &sms).await;
    assert_eq!(one(&app, &sms.key).await, Some(sms.clone()));
    assert_eq!(one(&app, &german.key).await, Some(german.clone()));
    assert_eq!(app.read(|app| app.count_templates()).await, 2);
    let changed = StoredTemplate {
        words: german.words.clone(),
        version: 11,
        updated_at: at(6),
        ..sms.clone()
    };
    put(&app, &changed).await;
    assert_eq!(one(&app, &sms.key).await, Some(changed.clone()));
    let all = app.read(|app| app.templates()).await;
    assert_eq!(all, [changed, german]);
    assert_eq!(one(&other, &sms.key).await, Some(sms));
}

async fn a_template_goes_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let template = new_template();
    put(&app, &template).await;
    let delete = async || {
        let key = template.key.clone();
        app.write(move |app| app.delete_template(&key)).await
    };
    assert!(delete().await);
    assert!(!delete().await);
    assert_eq!(app.read(|app| app.count_templates()).await, 0);
}
