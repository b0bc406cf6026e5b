//! Messages of an app.

use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::{NodeId, outbox::OutboxMessage};
use doorward_store::StoreError;
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, at, fresh, lease_request, new_message, platform, seed_app};

contract! {
    a_message_is_leased_as_it_was_written: AppWrite::enqueue;
    a_message_of_another_app_is_refused: AppWrite::enqueue;
}

async fn a_message_is_leased_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let email = OutboxMessage {
        channel: Channel::Email,
        template: "otp/EMAIL_VERIFY".to_owned(),
        sealed: (0..=255).collect(),
        ..new_message(app.id)
    };
    let sms = new_message(app.id);
    let decoy = new_message(app.id);
    let written = [email.clone(), sms.clone()];
    app.write(move |app| {
        app.enqueue(&email, false)?;
        app.enqueue(&sms, false)?;
        app.enqueue(&decoy, true)
    })
    .await;
    let node = NodeId::from_uuid(fresh());
    let mut leased = Vec::new();
    for channel in Channel::ALL {
        let request = lease_request(channel, node, at(0), 10);
        let taken = platform(&db)
            .write(move |p| p.lease_messages(&request))
            .await;
        assert_eq!(taken.len(), 1, "of this channel only");
        leased.extend(taken);
    }
    leased.sort_by_key(|leased| leased.message.id);
    assert_eq!(leased.len(), 2, "a suppressed one is never sent");
    for (leased, written) in leased.iter().zip(&written) {
        assert_eq!(format!("{:?}", leased.message), format!("{written:?}"));
        assert_eq!(leased.attempt, 1);
    }
    let twice = written[0].clone();
    let answer = app.try_write(move |app| app.enqueue(&twice, false)).await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
}

async fn a_message_of_another_app_is_refused(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let foreign = new_message(AppId::from_uuid(fresh()));
    let answer = app.try_write(move |app| app.enqueue(&foreign, false)).await;
    assert!(matches!(answer, Err(StoreError::Internal(_))), "{answer:?}");
    assert!(raw.table("outbox").await.is_empty());
}
