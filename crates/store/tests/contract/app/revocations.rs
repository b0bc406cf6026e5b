//! What subscribers to revocations are told.

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::{RevocationId, SessionId, UserId};
use doorward_testkit::database::TestDatabase;

use crate::support::{at, fresh, micros, new_revocation, seed_app};

contract! {
    an_entry_is_read_as_it_was_written: AppWrite::insert_revocation, AppRead::revocations;
    what_is_over_is_left_out: AppRead::revocations;
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
