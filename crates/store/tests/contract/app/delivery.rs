//! An app's own providers.

use doorward_domain::contact::Channel;
use doorward_store::app::StoredDelivery;
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, new_delivery, seed_app};

contract! {
    providers_are_read_as_they_were_written:
        AppRead::delivery_settings, AppWrite::put_delivery_settings;
    they_go_once: AppWrite::delete_delivery_settings;
    secrets_are_sealed_anew_once: AppWrite::reseal_delivery_settings;
}

/// Everything there is (it has no `Debug` of its own: it holds secrets, if sealed ones).
fn fields(stored: &StoredDelivery) -> String {
    format!(
        "{:?} {} {:?} {} {}",
        stored.channel, stored.providers, stored.sealed, stored.version, stored.updated_at
    )
}

async fn put(app: &Scope, stored: &StoredDelivery) {
    let stored = stored.clone();
    app.write(move |app| app.put_delivery_settings(&stored))
        .await;
}

async fn all(app: &Scope) -> Vec<String> {
    let all = app.read(|app| app.delivery_settings()).await;
    all.iter().map(fields).collect()
}

async fn providers_are_read_as_they_were_written(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let mail = new_delivery();
    let sms = StoredDelivery {
        channel: Channel::Sms,
        ..new_delivery()
    };
    put(&app, &sms).await;
    put(&app, &mail).await;
    assert_eq!(all(&app).await, [fields(&mail), fields(&sms)]);
    assert!(all(&other).await.is_empty());
    let changed = StoredDelivery {
        providers: "[]".to_owned(),
        sealed: vec![9],
        version: 9,
        updated_at: at(9),
        ..mail
    };
    put(&app, &changed).await;
    assert_eq!(all(&app).await, [fields(&changed), fields(&sms)]);
}

async fn they_go_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    put(&app, &new_delivery()).await;
    for (channel, gone) in [
        (Channel::Sms, false),
        (Channel::Email, true),
        (Channel::Email, false),
    ] {
        let deleted = app
            .write(move |app| app.delete_delivery_settings(channel))
            .await;
        assert_eq!(deleted, gone, "{channel:?}");
    }
    assert!(all(&app).await.is_empty());
}

async fn secrets_are_sealed_anew_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let stored = new_delivery();
    put(&app, &stored).await;
    let reseal = async |channel, old: &[u8]| {
        let old = old.to_vec();
        app.write(move |app| app.reseal_delivery_settings(channel, &old, b"anew"))
            .await
    };
    assert!(!reseal(Channel::Sms, &stored.sealed).await);
    assert!(!reseal(Channel::Email, b"changed meanwhile").await);
    assert!(reseal(Channel::Email, &stored.sealed).await);
    assert!(!reseal(Channel::Email, &stored.sealed).await);
    let anew = StoredDelivery {
        sealed: b"anew".to_vec(),
        ..stored
    };
    assert_eq!(all(&app).await, [fields(&anew)]);
}
