//! What an examination asks.

use doorward_domain::app::AppStatus;
use doorward_domain::audit::Action;
use doorward_domain::contact::Channel;
use doorward_domain::{EventId, NodeId};
use doorward_store::platform::OldSecret;
use doorward_testkit::database::TestDatabase;

use crate::support::{
    at, fresh, lease_request, new_app, new_event, new_handover, new_message, platform, seed_app,
};

contract! {
    old_secrets_are_found_oldest_first: PlatformRead::old_secrets;
    failed_messages_are_counted: PlatformRead::failed_messages;
    the_newest_event_tells_its_time: PlatformRead::newest_event_at;
    the_database_has_a_clock: PlatformRead::database_time;
}

async fn old_secrets_are_found_oldest_first(db: TestDatabase) {
    let platform = platform(&db);
    for (slug, rotated, status) in [
        ("young", 100, AppStatus::Active),
        ("older", 20, AppStatus::Active),
        ("oldest", 10, AppStatus::Active),
        ("off", 5, AppStatus::Deactivated),
    ] {
        let mut app = new_app(slug);
        (app.created_at, app.secret_rotated_at) = (at(rotated), at(rotated));
        app.status = status;
        assert!(platform.write(move |p| p.insert_app(&app)).await);
    }
    let old = |slug: &str, rotated| OldSecret {
        slug: slug.to_owned(),
        rotated_at: at(rotated),
    };
    let found = platform.read(|p| p.old_secrets(at(100), 10)).await;
    assert_eq!(found, [old("oldest", 10), old("older", 20)]);
    let first = platform.read(|p| p.old_secrets(at(100), 1)).await;
    assert_eq!(first, [old("oldest", 10)]);
}

async fn failed_messages_are_counted(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let none = platform.read(|p| p.failed_messages(at(0), 10)).await;
    assert_eq!(none, (0, None));
    let node = NodeId::from_uuid(fresh());
    for (end, error) in [(10, "first"), (20, "second"), (5, "early"), (30, "")] {
        let mut message = new_message(app.id);
        message.created_at = at(1);
        let id = message.id;
        app.write(move |app| app.enqueue(&message, false)).await;
        let request = lease_request(Channel::Sms, node, at(2), 1);
        platform.write(move |p| p.lease_messages(&request)).await;
        let ended = match error {
            "" => {
                platform
                    .write(move |p| p.message_sent(id, node, at(end), &new_handover()))
                    .await
            }
            error => {
                platform
                    .write(move |p| p.message_failed(id, node, at(end), error))
                    .await
            }
        };
        assert!(ended);
    }
    let (count, newest) = platform.read(|p| p.failed_messages(at(10), 10)).await;
    assert_eq!((count, newest.as_deref()), (2, Some("second")));
    assert_eq!(platform.read(|p| p.failed_messages(at(0), 1)).await.0, 1);
}

async fn the_newest_event_tells_its_time(db: TestDatabase) {
    let platform = platform(&db);
    assert_eq!(platform.read(|p| p.newest_event_at()).await, None);
    for second in [7, 9] {
        let mut event = new_event(None, Action::SigningKeyRotated);
        event.at = at(second);
        let id = u128::try_from(second).expect("it is small");
        event.id = EventId::from_uuid(uuid::Uuid::from_u128(id));
        platform.write(move |p| p.audit(&event)).await;
    }
    assert_eq!(platform.read(|p| p.newest_event_at()).await, Some(at(9)));
}

async fn the_database_has_a_clock(db: TestDatabase) {
    let platform = platform(&db);
    let first = platform
        .read(|p| p.database_time())
        .await
        .expect("it is understood");
    let second = platform
        .read(|p| p.database_time())
        .await
        .expect("it is understood");
    assert!(
        first <= second && first.as_second() > 1_700_000_000,
        "{first} {second}"
    );
}
