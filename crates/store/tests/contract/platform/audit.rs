//! The audit log.

use doorward_domain::audit::{Action, Actor, AuditEvent, Outcome};
use doorward_domain::{AdminKeyId, EventId};
use doorward_store::StoreError;
use doorward_store::platform::{AuditFilter, StoredEvent};
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, fresh, new_event, platform, seed_app};

contract! {
    an_event_is_read_as_it_was_written: PlatformRead::audit_events, PlatformWrite::audit;
    events_are_filtered_and_paged_newest_first: PlatformRead::audit_events;
}

fn stored(event: &AuditEvent) -> StoredEvent {
    StoredEvent {
        id: event.id,
        at: event.at,
        app_id: event.app_id,
        actor_type: event.actor.kind().to_owned(),
        actor_id: event.actor.id(),
        action: event.action.as_str().to_owned(),
        target_type: event.target.as_ref().map(|target| target.kind.to_owned()),
        target_id: event.target.as_ref().map(|target| target.id.clone()),
        outcome: event.outcome.as_str().to_owned(),
        reason: event.outcome.reason().map(str::to_owned),
        ip: event.ip.map(|ip| ip.to_string()),
        user_agent: event.user_agent.clone(),
        request_id: event.request_id,
        session_id: event.session_id,
        details: event.details.clone(),
    }
}

async fn write(platform: &Platform, event: &AuditEvent) {
    let event = event.clone();
    platform.write(move |p| p.audit(&event)).await;
}

async fn read(platform: &Platform, filter: AuditFilter) -> Vec<StoredEvent> {
    platform.read(move |p| p.audit_events(&filter)).await
}

async fn an_event_is_read_as_it_was_written(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let full = new_event(Some(app.id), Action::SessionReuseDetected);
    let bare = AuditEvent {
        actor: Actor::System,
        target: None,
        outcome: Outcome::Success,
        ip: None,
        user_agent: None,
        request_id: None,
        session_id: None,
        details: None,
        ..new_event(None, Action::SigningKeyRotated)
    };
    let by_key = AuditEvent {
        actor: Actor::AdminKey(AdminKeyId::from_uuid(fresh())),
        ..new_event(None, Action::AppCreated)
    };
    let events = [full, bare, by_key];
    for event in &events {
        write(&platform, event).await;
    }
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let newest_first: Vec<_> = events.iter().rev().map(stored).collect();
    assert_eq!(read(&platform, all).await, newest_first);

    let twice = events[0].clone();
    let answer = platform.try_write(move |p| p.audit(&twice)).await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
}

async fn events_are_filtered_and_paged_newest_first(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let mut ids: Vec<EventId> = Vec::new();
    for (app_id, action) in [
        (Some(app.id), Action::OtpSent),
        (Some(other.id), Action::OtpSent),
        (None, Action::AppCreated),
        (Some(app.id), Action::SignedIn),
        (Some(app.id), Action::OtpSent),
    ] {
        let event = new_event(app_id, action);
        ids.push(event.id);
        write(&platform, &event).await;
    }
    let base = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let find = async |filter: AuditFilter| {
        let events = read(&platform, filter).await;
        events.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    let of_app = AuditFilter {
        app_id: Some(app.id),
        ..base.clone()
    };
    let sent = Some(Action::OtpSent.as_str().to_owned());
    assert_eq!(
        find(base.clone()).await,
        [ids[4], ids[3], ids[2], ids[1], ids[0]]
    );
    assert_eq!(find(of_app.clone()).await, [ids[4], ids[3], ids[0]]);
    let of_action = AuditFilter {
        action: sent.clone(),
        ..base.clone()
    };
    assert_eq!(find(of_action.clone()).await, [ids[4], ids[1], ids[0]]);
    let of_both = AuditFilter {
        action: sent,
        ..of_app.clone()
    };
    assert_eq!(find(of_both.clone()).await, [ids[4], ids[0]]);
    let older = |filter, before| AuditFilter {
        before: Some(before),
        ..filter
    };
    assert_eq!(
        find(older(base.clone(), ids[2])).await,
        [ids[1], ids[0]],
        "the cursor is not in it"
    );
    assert_eq!(find(older(of_both, ids[4])).await, [ids[0]]);
    assert_eq!(find(AuditFilter { limit: 1, ..of_app }).await, [ids[4]]);
    assert_eq!(
        find(AuditFilter {
            limit: 2,
            ..base.clone()
        })
        .await,
        ids[3..].iter().rev().copied().collect::<Vec<_>>()
    );
    let unknown = AuditFilter {
        action: Some("no.such".to_owned()),
        ..base
    };
    assert!(find(unknown).await.is_empty());
}
