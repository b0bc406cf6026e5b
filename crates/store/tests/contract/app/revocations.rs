//! What subscribers to revocations are told.

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::{RevocationId, SessionId, UserId};
use doorward_testkit::database::TestDatabase;

use crate::support::{at, fresh, micros, new_revocation, seed_app};

contract! {
    an_entry_is_read_as_it_was_written: AppWrite::insert_revocation, AppRead::revocations;
    what_is_over_is_left_out: AppRead::revocations;
    a_subject_has_one_entry_that_never_says_less: AppWrite::insert_revocation;
}

async fn an_entry_is_read_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let mut written = Vec::new();
    for revoked in [
        Revoked::Session(SessionId::from_uuid(fresh())),
        Revoked::User(UserId::from_uuid(fresh())),
        Revoked::App,
    ] {
        let entry = Revocation {
            id: RevocationId::from_uuid(fresh()),
            revoked,
            issued_until: micros(10, 7),
            recorded_at: at(9),
            expires_at: at(3600),
        };
        app.write(move |app| app.insert_revocation(&entry)).await;
        written.push(entry);
    }
    let mut found = app.read(|app| app.revocations(at(10))).await;
    found.sort_by_key(|entry| entry.id);
    written.sort_by_key(|entry| entry.id);
    assert_eq!(found, written);
}

async fn what_is_over_is_left_out(db: TestDatabase) {
    let app = seed_app(&db).await;
    let entry = new_revocation(at(100), at(200));
    app.write(move |app| app.insert_revocation(&entry)).await;
    for (now, there) in [(micros(200, -1), true), (at(200), false)] {
        let found = app.read(move |app| app.revocations(now)).await;
        assert_eq!(!found.is_empty(), there, "{now}");
    }
}

async fn a_subject_has_one_entry_that_never_says_less(db: TestDatabase) {
    let app = seed_app(&db).await;
    let first = new_revocation(at(100), at(200));
    let entry = |until, recorded, expires| Revocation {
        id: RevocationId::from_uuid(fresh()),
        issued_until: at(until),
        recorded_at: at(recorded),
        expires_at: at(expires),
        ..first
    };
    for (given, expected) in [
        (first, (at(100), at(100), at(200))),
        (entry(150, 150, 260), (at(150), at(150), at(260))),
        // A node whose clock is behind: it is news, and says no less than before.
        (entry(90, 160, 190), (at(150), at(160), at(260))),
    ] {
        app.write(move |app| app.insert_revocation(&given)).await;
        let found = app.read(move |app| app.revocations(at(0))).await;
        assert_eq!(found.len(), 1);
        let held = found[0];
        assert_eq!(
            (held.issued_until, held.recorded_at, held.expires_at),
            expected
        );
        assert_eq!((held.id, held.revoked), (given.id, given.revoked));
    }
}
