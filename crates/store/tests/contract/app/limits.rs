//! Rate limits.

use doorward_domain::Timestamp;
use doorward_domain::limit::LimitRule;
use doorward_store::app::{Hit, HitOutcome};
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, Scope, at, micros, seed_app};

contract! {
    three_in_ten_minutes_means_three: AppWrite::hit_limits, AppRead::limit_wait;
    one_exhausted_limit_counts_against_none: AppWrite::hit_limits;
    a_large_limit_is_kept_as_counters: AppWrite::hit_limits, AppRead::limit_wait;
    what_was_counted_can_be_forgotten: AppRead::limit_state, AppWrite::clear_limit;
}

const fn limit(key: u8, max: u32) -> Hit {
    Hit {
        key: [key; 16],
        rule: LimitRule { max, seconds: 600 },
    }
}

async fn hit(app: &Scope, limits: &[Hit], now: Timestamp) -> HitOutcome {
    let limits = limits.to_vec();
    app.write(move |app| app.hit_limits(&limits, now)).await
}

async fn wait(app: &Scope, limit: Hit, now: Timestamp) -> i64 {
    app.read(move |app| app.limit_wait(&limit, now)).await
}

fn allowed(next_at: Timestamp) -> HitOutcome {
    HitOutcome::Allowed { next_at }
}

async fn three_in_ten_minutes_means_three(db: TestDatabase) {
    let app = seed_app(&db).await;
    let contact = limit(1, 3);
    assert_eq!(wait(&app, contact, at(0)).await, 0, "never hit");
    assert_eq!(hit(&app, &[contact], at(0)).await, allowed(at(0)));
    assert_eq!(wait(&app, contact, at(0)).await, 0, "asking does not count");
    assert_eq!(hit(&app, &[contact], at(100)).await, allowed(at(100)));
    assert_eq!(
        hit(&app, &[contact], at(200)).await,
        allowed(at(600)),
        "the last place"
    );
    assert_eq!(wait(&app, contact, at(201)).await, 399);
    assert_eq!(wait(&app, limit(2, 3), at(201)).await, 0, "another key");
    let refused = HitOutcome::Refused {
        index: 0,
        retry_after: 1,
    };
    assert_eq!(
        hit(&app, &[contact], micros(600, -1)).await,
        refused,
        "still in the window"
    );
    assert_eq!(wait(&app, contact, at(600)).await, 0);
    assert_eq!(
        hit(&app, &[contact], at(600)).await,
        allowed(at(700)),
        "the first has left it"
    );
    assert_eq!(
        hit(&app, &[limit(2, 3)], at(600)).await,
        allowed(at(600)),
        "another key"
    );
    assert_eq!(
        hit(&app, &[], at(600)).await,
        allowed(at(600)),
        "no limit at all"
    );
}

async fn one_exhausted_limit_counts_against_none(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let (contact, address, whole) = (limit(1, 2), limit(2, 3), limit(3, 1));
    assert_eq!(hit(&app, &[contact, address], at(0)).await, allowed(at(0)));
    assert_eq!(
        hit(&app, &[contact, address], at(10)).await,
        allowed(at(600))
    );
    assert_eq!(hit(&app, &[whole], at(100)).await, allowed(at(700)));
    let before = raw.table("rate_limits").await;
    assert_eq!(
        hit(&app, &[address, contact, whole], at(101)).await,
        HitOutcome::Refused {
            index: 1,
            retry_after: 599
        },
        "the first that is exhausted, and the longest wait"
    );
    assert_eq!(raw.table("rate_limits").await, before);
    let invented = hit(&app, &[limit(9, 3), contact, limit(8, 1_000)], at(101)).await;
    assert!(matches!(invented, HitOutcome::Refused { index: 1, .. }));
    assert_eq!(
        raw.table("rate_limits").await,
        before,
        "no row for what was refused"
    );
    assert_eq!(
        hit(&app, &[address], at(102)).await,
        allowed(at(600)),
        "its third place was free"
    );
}

async fn a_large_limit_is_kept_as_counters(db: TestDatabase) {
    let app = seed_app(&db).await;
    let whole = limit(1, 100);
    let window = Timestamp::from_second(1_767_225_600).expect("a whole window");
    let outcomes = app
        .write(move |app| {
            (0..101)
                .map(|_| app.hit_limits(&[whole], window))
                .collect::<Result<Vec<_>, _>>()
        })
        .await;
    let (last, rest) = outcomes.split_last().expect("101 outcomes");
    assert!(
        rest.iter()
            .all(|outcome| matches!(outcome, HitOutcome::Allowed { .. }))
    );
    assert_eq!(
        *last,
        HitOutcome::Refused {
            index: 0,
            retry_after: 600
        }
    );
    assert_eq!(wait(&app, whole, window).await, 600);
    assert_eq!(wait(&app, whole, at(1_200)).await, 0);
}

async fn what_was_counted_can_be_forgotten(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let (one, two) = (limit(1, 1), limit(2, 1));
    let state =
        async |app: &Scope, limit: Hit| app.read(move |app| app.limit_state(&limit.key)).await;
    let clear = async |app: &Scope| app.write(move |app| app.clear_limit(&one.key)).await;
    assert_eq!(state(&app, one).await, None);
    assert!(!clear(&app).await, "nothing was counted");
    for app in [&app, &other] {
        hit(app, &[one, two], at(0)).await;
    }
    assert!(state(&app, one).await.is_some());
    assert!(clear(&app).await);
    assert_eq!(state(&app, one).await, None);
    assert_eq!(hit(&app, &[one], at(1)).await, allowed(at(601)));
    assert_eq!(wait(&app, two, at(1)).await, 599, "the other limit stays");
    assert_eq!(wait(&other, one, at(1)).await, 599, "the other app's stays");
}
