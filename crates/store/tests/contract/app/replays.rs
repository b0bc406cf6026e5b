//! Stored answers of refreshes.

use doorward_domain::session::Presented;
use doorward_domain::{SessionId, Timestamp};
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, fresh, hash, micros, seed_app};

contract! {
    an_answer_is_found_by_token_and_key_while_it_lives: AppRead::replay, AppWrite::insert_replay;
    a_later_answer_takes_the_place_of_an_earlier_one: AppWrite::insert_replay;
}

async fn store(app: &Scope, presented: Presented, key: u8, sealed: &[u8], until: Timestamp) {
    let sealed = sealed.to_vec();
    app.write(move |app| {
        app.insert_replay(
            presented.session_id,
            presented.generation,
            &hash(key),
            &sealed,
            until,
        )
    })
    .await;
}

async fn find(app: &Scope, presented: Presented, key: u8, now: Timestamp) -> Option<Vec<u8>> {
    app.read(move |app| app.replay(&presented, &hash(key), now))
        .await
}

fn token() -> Presented {
    Presented {
        session_id: SessionId::from_uuid(fresh()),
        generation: 3,
        nonce_hash: hash(3),
    }
}

async fn an_answer_is_found_by_token_and_key_while_it_lives(db: TestDatabase) {
    let app = seed_app(&db).await;
    let token = token();
    let long: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    store(&app, token, 7, &long, at(60)).await;
    assert_eq!(find(&app, token, 7, at(0)).await, Some(long.clone()));
    assert_eq!(
        find(&app, token, 7, micros(60, -1)).await,
        Some(long),
        "and not only once"
    );
    assert_eq!(
        find(&app, token, 7, at(60)).await,
        None,
        "dead exactly then"
    );
    assert_eq!(find(&app, token, 8, at(0)).await, None, "another key");
    let older = Presented {
        generation: 2,
        ..token
    };
    assert_eq!(find(&app, older, 7, at(0)).await, None, "another token");
    assert_eq!(
        find(&app, self::token(), 7, at(0)).await,
        None,
        "another session"
    );
}

async fn a_later_answer_takes_the_place_of_an_earlier_one(db: TestDatabase) {
    let app = seed_app(&db).await;
    let token = token();
    store(&app, token, 7, b"first", at(60)).await;
    store(&app, token, 8, b"", at(90)).await;
    assert_eq!(find(&app, token, 7, at(0)).await, None);
    assert_eq!(find(&app, token, 8, at(61)).await, Some(Vec::new()));
}
