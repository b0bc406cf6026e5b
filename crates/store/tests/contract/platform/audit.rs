//! The audit log.

use doorward_domain::audit::{Action, Actor, AuditEvent, Outcome, Target};
use doorward_domain::{AdminKeyId, Code, EventId, RequestId};
use doorward_store::platform::{AuditFilter, AuditPage, Party, StoredEvent};
use doorward_store::{Engine, StoreError};
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, Raw, fresh, new_event, platform, seed_app};

contract! {
    an_event_is_read_as_it_was_written: PlatformRead::audit_events, PlatformWrite::audit;
    events_are_filtered_and_paged_newest_first: PlatformRead::audit_events;
    every_filter_finds_what_it_names: PlatformRead::audit_events;
    a_refresh_is_found_by_its_request: PlatformRead::audit_events;
    a_refresh_beyond_the_page_is_found_once: PlatformRead::audit_events;
    a_page_looks_at_a_bounded_number_of_events: PlatformRead::audit_events;
    every_question_is_led_by_an_index: PlatformRead::audit_events;
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
    platform.read(move |p| p.audit_events(&filter)).await.events
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

fn party(kind: &str, id: Option<String>) -> Option<Party> {
    Some(Party {
        kind: kind.to_owned(),
        id,
    })
}

/// At a millisecond of 2026, as its id says too.
fn event_at(template: AuditEvent, millis: u64) -> AuditEvent {
    let start = 1_767_225_600_000;
    let random = *fresh().as_bytes();
    let id = uuid::Builder::from_unix_timestamp_millis(
        start + millis,
        random[..10].try_into().expect("ten bytes"),
    );
    AuditEvent {
        id: EventId::from_uuid(id.into_uuid()),
        ..template
    }
}

/// No index holds refreshes by their request: the request's own time leads to them.
async fn a_refresh_is_found_by_its_request(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let (user, request) = (fresh().to_string(), fresh());
    let timed = |millis: u64| {
        let random: [u8; 10] = request.as_bytes()[..10].try_into().expect("ten bytes");
        let id = uuid::Builder::from_unix_timestamp_millis(1_767_225_600_000 + millis, &random);
        RequestId::from_uuid(id.into_uuid())
    };
    let request = timed(100_000);
    let event = |action, outcome, request_id, millis| {
        let event = AuditEvent {
            actor: Actor::App(app.id),
            target: Some(Target::new("user", &user)),
            outcome,
            request_id: Some(request_id),
            ..new_event(Some(app.id), action)
        };
        event_at(event, millis)
    };
    let refused = || Outcome::Refused(Code::OtpInvalid);
    let events = [
        // Before it, at the same time as it, and long after it.
        event(Action::SessionRefreshed, Outcome::Success, timed(1), 90_000),
        event(
            Action::SessionRefreshed,
            Outcome::Success,
            timed(2),
            100_004,
        ),
        event(Action::OtpSent, Outcome::Success, request, 100_005),
        event(Action::SessionRefreshed, Outcome::Success, request, 100_010),
        event(Action::SessionRefreshed, refused(), timed(3), 100_011),
        event(Action::OtpVerified, Outcome::Success, request, 100_020),
        event(
            Action::SessionRefreshed,
            Outcome::Success,
            timed(4),
            900_000,
        ),
    ];
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    for event in &events {
        write(&platform, event).await;
    }
    let all = AuditFilter {
        request_id: Some(request),
        limit: 10,
        ..AuditFilter::default()
    };
    let of = |filter: AuditFilter| async {
        let page = platform.read(move |p| p.audit_events(&filter)).await;
        let found: Vec<_> = page.events.iter().map(|event| event.id).collect();
        (found, page.next)
    };
    let found = of(all.clone()).await;
    assert_eq!(found, (vec![ids[5], ids[3], ids[2]], None));
    let only = |action: &str| AuditFilter {
        action: Some(action.to_owned()),
        ..all.clone()
    };
    assert_eq!(of(only("session.refreshed")).await.0, [ids[3]]);
    assert_eq!(of(only("otp.sent")).await.0, [ids[2]]);
    let foreign = AuditFilter {
        app_id: Some(seed_app(&db).await.id),
        ..all.clone()
    };
    assert!(of(foreign).await.0.is_empty());
    // Page by page, each event once.
    let mut filter = AuditFilter { limit: 1, ..all };
    let mut pages = Vec::new();
    while pages.len() < 9 {
        let (found, next) = of(filter.clone()).await;
        pages.extend(found);
        filter.before = next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(pages, [ids[5], ids[3], ids[2]]);
}

async fn every_filter_finds_what_it_names(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let key = AdminKeyId::from_uuid(fresh());
    let user = fresh().to_string();
    let request = RequestId::from_uuid(fresh());
    let base = |app_id| AuditEvent {
        actor: Actor::System,
        target: None,
        outcome: Outcome::Success,
        request_id: None,
        ..new_event(app_id, Action::OtpSent)
    };
    let of_user = |app_id, action| AuditEvent {
        action,
        actor: Actor::App(app.id),
        target: Some(Target::new("user", &user)),
        ..base(app_id)
    };
    let events = [
        AuditEvent {
            actor: Actor::AdminKey(key),
            target: Some(Target::new("app", app.id)),
            action: Action::AppUpdated,
            ..base(Some(app.id))
        },
        of_user(Some(app.id), Action::SessionRefreshed),
        of_user(Some(other.id), Action::SessionRefreshed),
        AuditEvent {
            outcome: Outcome::Refused(Code::OtpInvalid),
            action: Action::OtpRefused,
            request_id: Some(request),
            ..of_user(Some(app.id), Action::OtpRefused)
        },
        AuditEvent {
            actor: Actor::Cli,
            action: Action::AdminKeyRevoked,
            target: Some(Target::new("admin_key", key)),
            ..base(None)
        },
        base(None),
    ];
    let mut ids = Vec::new();
    for (n, event) in (0..).zip(events) {
        let event = event_at(event, n * 10);
        ids.push(event.id);
        write(&platform, &event).await;
    }
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let at_millis = |millis: i64| {
        Some(
            doorward_domain::Timestamp::from_millisecond(1_767_225_600_000 + millis)
                .expect("a time"),
        )
    };
    let app_id = Some(app.id);
    let cases: Vec<(AuditFilter, Vec<usize>)> = vec![
        (
            AuditFilter {
                actor: party("admin_key", Some(key.to_string())),
                ..all.clone()
            },
            vec![0],
        ),
        (
            AuditFilter {
                actor: party("user", Some(key.to_string())),
                ..all.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                actor: party("cli", None),
                ..all.clone()
            },
            vec![4],
        ),
        (
            AuditFilter {
                actor: party("system", None),
                ..all.clone()
            },
            vec![5],
        ),
        (
            AuditFilter {
                actor: party("app", Some(app.id.to_string())),
                app_id,
                ..all.clone()
            },
            vec![3, 1],
        ),
        (
            AuditFilter {
                target: party("user", Some(user.clone())),
                app_id,
                ..all.clone()
            },
            vec![3],
        ),
        (
            AuditFilter {
                target: party("user", Some(user.clone())),
                action: Some("session.refreshed".to_owned()),
                app_id,
                ..all.clone()
            },
            vec![1],
        ),
        (
            AuditFilter {
                target: party("admin_key", Some(key.to_string())),
                ..all.clone()
            },
            vec![4],
        ),
        (
            AuditFilter {
                target: party("app", Some(app.id.to_string())),
                app_id: Some(other.id),
                ..all.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                outcome: Some("refused".to_owned()),
                app_id,
                ..all.clone()
            },
            vec![3],
        ),
        (
            AuditFilter {
                outcome: Some("refused".to_owned()),
                ..all.clone()
            },
            vec![3],
        ),
        (
            AuditFilter {
                outcome: Some("success".to_owned()),
                app_id,
                ..all.clone()
            },
            vec![1, 0],
        ),
        (
            AuditFilter {
                request_id: Some(request),
                ..all.clone()
            },
            vec![3],
        ),
        (
            AuditFilter {
                request_id: Some(request),
                app_id: Some(other.id),
                ..all.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                since: at_millis(20),
                ..all.clone()
            },
            vec![5, 4, 3, 2],
        ),
        (
            AuditFilter {
                until: at_millis(20),
                ..all.clone()
            },
            vec![1, 0],
        ),
        (
            AuditFilter {
                since: at_millis(10),
                until: at_millis(31),
                ..all.clone()
            },
            vec![3, 2, 1],
        ),
        (
            AuditFilter {
                since: at_millis(10),
                before: Some(ids[3]),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            AuditFilter {
                app_id,
                action: Some("session.refreshed".to_owned()),
                target: party("user", Some(user.clone())),
                actor: party("app", Some(app.id.to_string())),
                outcome: Some("success".to_owned()),
                since: at_millis(0),
                until: at_millis(90),
                ..all.clone()
            },
            vec![1],
        ),
    ];
    for (filter, expected) in cases {
        let found: Vec<_> = read(&platform, filter.clone()).await;
        let found: Vec<_> = found.iter().map(|event| event.id).collect();
        let expected: Vec<_> = expected.iter().map(|index| ids[*index]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn a_page_looks_at_a_bounded_number_of_events(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let rare = event_at(new_event(Some(app.id), Action::AppUpdated), 0);
    let id = rare.id;
    write(&platform, &rare).await;
    let events: Vec<_> = (1..=4_500)
        .map(|n| event_at(new_event(Some(app.id), Action::OtpSent), n))
        .collect();
    platform
        .write(move |p| events.iter().try_for_each(|event| p.audit(event)))
        .await;
    for app_id in [None, Some(app.id)] {
        let mut filter = AuditFilter {
            app_id,
            action: Some("app.updated".to_owned()),
            limit: 10,
            ..AuditFilter::default()
        };
        let mut pages = Vec::new();
        loop {
            let question = filter.clone();
            let AuditPage { events, next } =
                platform.read(move |p| p.audit_events(&question)).await;
            pages.push(events.iter().map(|event| event.id).collect::<Vec<_>>());
            if next.is_none() {
                break;
            }
            filter.before = next;
        }
        assert_eq!(pages, [vec![], vec![], vec![id]], "{app_id:?}");
    }
}

/// A request of more events than a page looks at, none of which is asked for.
async fn a_refresh_beyond_the_page_is_found_once(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let request = uuid::Builder::from_unix_timestamp_millis(1_767_225_600_000, &[7; 10]);
    let request = RequestId::from_uuid(request.into_uuid());
    let event = |action, millis| {
        let event = AuditEvent {
            request_id: Some(request),
            ..new_event(Some(app.id), action)
        };
        event_at(event, millis)
    };
    let refresh = event(Action::SessionRefreshed, 1);
    let id = refresh.id;
    let events: Vec<_> = std::iter::once(refresh)
        .chain((2..=2_500).map(|n| event(Action::OtpSent, n)))
        .collect();
    platform
        .write(move |p| events.iter().try_for_each(|event| p.audit(event)))
        .await;
    let mut filter = AuditFilter {
        request_id: Some(request),
        action: Some("session.refreshed".to_owned()),
        limit: 10,
        ..AuditFilter::default()
    };
    let mut found = Vec::new();
    loop {
        let question = filter.clone();
        let AuditPage { events, next } = platform.read(move |p| p.audit_events(&question)).await;
        found.extend(events.iter().map(|event| event.id));
        if next.is_none() {
            break;
        }
        filter.before = next;
    }
    assert_eq!(found, [id]);
}

/// The statements are put together by a macro, so they are tried here as they are then. Among the
/// indexes of empty tables only SQLite's choice means something.
async fn every_question_is_led_by_an_index(db: TestDatabase) {
    let raw = Raw::open(&db).await;
    let source = include_str!("../../../src/platform/audit_search.rs").replace("\\\n     ", "");
    for (index, condition) in [
        (
            "audit_events_rare_request",
            "e.action <> 'session.refreshed' AND e.request_id = $3",
        ),
        (
            "audit_events_rare_user",
            "e.target_type = 'user' AND e.action <> 'session.refreshed' AND e.app_id = $3 \
             AND e.target_id = $4",
        ),
        (
            "audit_events_target",
            "e.target_type <> 'user' AND e.target_type = $3 AND e.target_id = $4",
        ),
        (
            "audit_events_actor",
            "e.actor_type <> 'app' AND COALESCE(e.actor_id, e.actor_type) = $3",
        ),
        (
            "audit_events_refused",
            "e.outcome = 'refused' AND e.app_id = $3",
        ),
        ("audit_events_app", "e.app_id = $3"),
    ] {
        assert!(
            source.contains(&format!("\" AND {condition}\"")),
            "{condition}"
        );
        let sql = format!(
            "SELECT e.id FROM audit_events e WHERE e.id < $1 AND e.id >= $2 AND {condition} \
             ORDER BY e.id DESC LIMIT 1 OFFSET 1999"
        );
        let steps = raw.plan(&sql).await;
        assert!(steps.iter().all(|step| !step.sorts), "{steps:?}");
        let found = steps.iter().find_map(|step| step.index.as_deref());
        match db.engine() {
            Engine::Sqlite => assert_eq!(found, Some(index), "{steps:?}"),
            Engine::Postgres => assert!(found.is_some(), "{steps:?}"),
        }
    }
}
