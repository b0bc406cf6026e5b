//! The outbox, as its worker sees it.

use doorward_domain::contact::Channel;
use doorward_domain::{NodeId, OutboxId, Timestamp};
use doorward_store::Engine;
use doorward_store::platform::{Handover, LeaseRequest, OutboxDepth};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Platform, Raw, Scope, at, fresh, lease_request, micros, new_handover, new_message, platform,
    seed_app,
};

contract! {
    due_messages_are_leased_oldest_first: PlatformWrite::lease_messages;
    apps_are_served_by_turns: PlatformWrite::lease_messages;
    each_channel_is_leased_for_itself: PlatformWrite::lease_messages;
    a_lease_that_ends_is_taken_over: PlatformWrite::lease_messages;
    an_end_is_reported_by_the_holder_of_the_lease:
        PlatformWrite::message_sent, PlatformWrite::message_failed, PlatformWrite::message_expired;
    a_retry_makes_a_message_due_again: PlatformWrite::message_retry;
    the_depth_counts_what_waits: PlatformRead::outbox_depth;
}

/// Taken over for good.
fn gone() -> Handover {
    Handover {
        keep: false,
        ..new_handover()
    }
}

fn node() -> NodeId {
    NodeId::from_uuid(fresh())
}

async fn enqueue(app: &Scope, created: Timestamp) -> OutboxId {
    let mut message = new_message(app.id);
    message.created_at = created;
    let id = message.id;
    app.write(move |app| app.enqueue(&message, false)).await;
    id
}

/// Leases for 30 seconds; gives (id, attempt) in the order of the ids.
async fn lease(p: &Platform, node: NodeId, now: Timestamp, limit: i64) -> Vec<(OutboxId, u32)> {
    let request = lease_request(Channel::Sms, node, now, limit);
    let leased = p.write(move |p| p.lease_messages(&request)).await;
    let mut ids: Vec<_> = leased
        .iter()
        .map(|leased| (leased.message.id, leased.attempt))
        .collect();
    ids.sort();
    ids
}

async fn due_messages_are_leased_oldest_first(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let node = node();
    assert!(lease(&platform, node, at(0), 10).await.is_empty());
    let late = enqueue(&app, at(20)).await;
    let early = enqueue(&app, at(0)).await;
    let middle = enqueue(&app, at(10)).await;
    assert!(
        lease(&platform, node, micros(0, -1), 10).await.is_empty(),
        "none is due"
    );
    assert_eq!(
        lease(&platform, node, at(10), 1).await,
        [(early, 1)],
        "the oldest"
    );
    assert_eq!(
        lease(&platform, node, at(10), 10).await,
        [(middle, 1)],
        "due exactly then"
    );
    assert!(lease(&platform, node, at(20), 0).await.is_empty());
    assert_eq!(lease(&platform, node, at(20), 10).await, [(late, 1)]);

    // One that is done stands in nobody's way, however old it is.
    assert!(
        platform
            .write(move |p| p.message_sent(early, node, at(21), &gone()))
            .await
    );
    assert_eq!(lease(&platform, node, at(45), 1).await, [(middle, 2)]);
}

async fn apps_are_served_by_turns(db: TestDatabase) {
    let mut apps = [
        seed_app(&db).await,
        seed_app(&db).await,
        seed_app(&db).await,
    ];
    apps.sort_by_key(|app| app.id);
    let [first, second, third] = &apps;
    // The oldest and most are of the second app; the third one's only message is the youngest.
    let mut of_second = Vec::new();
    for second_at in 0..6 {
        of_second.push(enqueue(second, at(second_at)).await);
    }
    let of_first = [enqueue(first, at(6)).await, enqueue(first, at(7)).await];
    let of_third = enqueue(third, at(8)).await;
    enqueue(third, at(100)).await;

    let (platform, node) = (platform(&db), node());
    let take = async |after: Option<&Scope>, limit: i64| -> Vec<OutboxId> {
        let request = LeaseRequest {
            after: after.map(|app| app.id),
            ..lease_request(Channel::Sms, node, at(10), limit)
        };
        let leased = platform.write(move |p| p.lease_messages(&request)).await;
        leased.iter().map(|leased| leased.message.id).collect()
    };
    assert_eq!(take(Some(first), 1).await, [of_second[0]]);
    assert_eq!(
        take(Some(second), 5).await,
        [
            of_third,
            of_first[0],
            of_second[1],
            of_first[1],
            of_second[2]
        ],
        "one of each that has a due one, from behind the last; then around again"
    );
    assert_eq!(
        take(Some(third), 2).await,
        [of_second[3], of_second[4]],
        "alone, an app gets all"
    );
    assert_eq!(take(None, 10).await, [of_second[5]]);
    assert!(take(Some(second), 10).await.is_empty());
}

async fn each_channel_is_leased_for_itself(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let mut mail = new_message(app.id);
    mail.channel = Channel::Email;
    let mail_id = mail.id;
    app.write(move |app| app.enqueue(&mail, false)).await;
    let text = enqueue(&app, at(0)).await;
    assert_eq!(lease(&platform, node(), at(0), 10).await, [(text, 1)]);
    let request = lease_request(Channel::Email, node(), at(0), 10);
    let leased = platform.write(move |p| p.lease_messages(&request)).await;
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0].message.id, mail_id);
}

async fn a_lease_that_ends_is_taken_over(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let (one, two) = (node(), node());
    let id = enqueue(&app, at(0)).await;
    assert_eq!(lease(&platform, one, at(0), 10).await, [(id, 1)]);
    assert!(lease(&platform, two, micros(30, -1), 10).await.is_empty());
    assert_eq!(
        lease(&platform, two, at(30), 10).await,
        [(id, 2)],
        "each lease is an attempt"
    );
    assert!(
        !platform
            .write(move |p| p.message_sent(id, one, at(31), &gone()))
            .await,
        "one has lost it"
    );
    assert!(
        platform
            .write(move |p| p.message_sent(id, two, at(31), &gone()))
            .await
    );
}

async fn an_end_is_reported_by_the_holder_of_the_lease(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let raw = Raw::open(&db).await;
    let (holder, other) = (node(), node());
    for end in ["sent", "failed", "expired"] {
        let (id, another) = (enqueue(&app, at(0)).await, enqueue(&app, at(0)).await);
        let report = async |id: OutboxId, node: NodeId| {
            platform
                .write(move |p| match end {
                    "sent" => p.message_sent(id, node, at(5), &gone()),
                    "failed" => p.message_failed(id, node, at(5), "550 kein Postfach ✉"),
                    _ => p.message_expired(id, node, at(5)),
                })
                .await
        };
        let before = raw.table("outbox").await;
        assert!(!report(id, holder).await, "{end}: nobody has leased it");
        assert_eq!(raw.table("outbox").await, before);
        lease(&platform, holder, at(0), 10).await;
        let before = raw.table("outbox").await;
        assert!(
            !report(id, other).await,
            "{end}: somebody else has leased it"
        );
        assert!(
            !report(OutboxId::from_uuid(fresh()), holder).await,
            "{end}: unknown"
        );
        assert_eq!(raw.table("outbox").await, before);
        assert!(report(id, holder).await, "{end}");
        assert!(!report(id, holder).await, "{end}: only once");
        assert!(
            report(another, holder).await,
            "{end}: the other is still waiting"
        );
        assert!(
            lease(&platform, other, at(200), 10).await.is_empty(),
            "{end}: for good"
        );
    }
    let rows = raw.table("outbox").await;
    assert_eq!(rows.len(), 6);
    let holds = |what: &str| rows.iter().filter(|row| row.contains(what)).count();
    let sealed = match db.engine() {
        Engine::Sqlite => "Blob([0, 255, 1])",
        Engine::Postgres => r"\x00ff01",
    };
    assert_eq!(holds(sealed), 0, "what they carried is erased");
    assert_eq!(holds("550 kein Postfach ✉"), 2, "why it failed stays");
}

async fn a_retry_makes_a_message_due_again(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let (one, two) = (node(), node());
    let (id, another) = (enqueue(&app, at(0)).await, enqueue(&app, at(0)).await);
    lease(&platform, one, at(0), 10).await;
    let retry = async |id: OutboxId, node: NodeId| {
        platform
            .write(move |p| p.message_retry(id, node, at(10), "421 später"))
            .await
    };
    assert!(!retry(id, two).await, "one has leased it");
    assert!(!retry(OutboxId::from_uuid(fresh()), one).await, "unknown");
    assert!(retry(id, one).await);
    assert!(!retry(id, one).await, "the lease is given back");
    assert!(lease(&platform, two, micros(10, -1), 10).await.is_empty());
    assert_eq!(lease(&platform, two, at(10), 10).await, [(id, 2)]);
    assert!(
        platform
            .write(move |p| p.message_sent(id, two, at(11), &gone()))
            .await
    );
    assert!(!retry(id, two).await, "it is sent");
    assert_eq!(
        lease(&platform, two, at(30), 10).await,
        [(another, 2)],
        "the other stayed leased to its end"
    );
}

async fn the_depth_counts_what_waits(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let depth = async || platform.read(|p| p.outbox_depth()).await;
    let expected = |queued, oldest_due| OutboxDepth { queued, oldest_due };
    assert_eq!(depth().await, expected(0, None));
    let first = enqueue(&app, at(0)).await;
    enqueue(&app, at(5)).await;
    let decoy = new_message(app.id);
    app.write(move |app| app.enqueue(&decoy, true)).await;
    assert_eq!(
        depth().await,
        expected(2, Some(at(0))),
        "a decoy does not count"
    );
    let node = node();
    assert_eq!(lease(&platform, node, at(0), 1).await, [(first, 1)]);
    assert_eq!(
        depth().await,
        expected(2, Some(at(5))),
        "a lease does not end it"
    );
    platform
        .write(move |p| p.message_sent(first, node, at(6), &gone()))
        .await;
    assert_eq!(depth().await, expected(1, Some(at(5))));
}
