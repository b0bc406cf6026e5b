//! Signing keys.

use doorward_domain::signing::{KeyState, SigningAlg};
use doorward_store::platform::StoredSigningKey;
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, Raw, at, micros, platform};

contract! {
    a_key_is_read_as_it_was_written:
        PlatformRead::signing_keys, PlatformRead::all_signing_keys, PlatformWrite::insert_signing_key;
    one_key_is_next_and_one_is_active: PlatformWrite::insert_signing_key;
    the_next_key_becomes_the_active_one: PlatformWrite::rotate_signing_key;
    all_but_the_active_key_are_retired_at_once: PlatformWrite::retire_other_signing_keys;
    a_key_is_retired_when_its_last_token_is_dead: PlatformWrite::retire_signing_keys;
}

fn new_key(kid: &str, state: KeyState) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.to_owned(),
        alg: SigningAlg::Rs256Bits2048,
        state,
        public_der: (0..=255).collect(),
        sealed_private: Some(vec![7; 1_200]),
        created_at: at(0),
        activated_at: (state == KeyState::Active).then_some(at(0)),
        retiring_at: None,
        retire_after: None,
        retired_at: None,
    }
}

/// Everything a key has (it has no `Debug` of its own: it holds a private key, if a sealed one).
fn fields(key: &StoredSigningKey) -> String {
    format!(
        "{} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?}",
        key.kid,
        key.alg,
        key.state,
        key.public_der,
        key.sealed_private,
        key.created_at,
        key.activated_at,
        key.retiring_at,
        key.retire_after,
        key.retired_at
    )
}

async fn insert(platform: &Platform, key: StoredSigningKey) -> bool {
    platform.write(move |p| p.insert_signing_key(&key)).await
}

async fn in_use(platform: &Platform) -> Vec<(String, KeyState)> {
    let keys = platform.read(|p| p.signing_keys()).await;
    keys.into_iter().map(|key| (key.kid, key.state)).collect()
}

async fn rotate(platform: &Platform, active: &str, seconds: i64) -> Option<String> {
    let active = active.to_owned();
    platform
        .write(move |p| p.rotate_signing_key(&active, at(seconds), at(seconds + 100)))
        .await
}

async fn a_key_is_read_as_it_was_written(db: TestDatabase) {
    let platform = platform(&db);
    assert!(platform.read(|p| p.signing_keys()).await.is_empty());
    let version = platform.read(|p| p.state_version()).await;
    let mut next = new_key("b", KeyState::Next);
    next.alg = SigningAlg::EdDsa;
    next.created_at = at(1);
    let written = [new_key("z", KeyState::Active), next];
    for key in written.iter().rev() {
        assert!(insert(&platform, key.clone()).await);
    }
    let expected: Vec<_> = written.iter().map(fields).collect();
    let keys = platform.read(|p| p.signing_keys()).await;
    assert_eq!(
        keys.iter().map(fields).collect::<Vec<_>>(),
        expected,
        "oldest first"
    );
    let all = platform.read(|p| p.all_signing_keys(None, 10)).await;
    let newest_first: Vec<_> = expected.iter().rev().cloned().collect();
    assert_eq!(all.iter().map(fields).collect::<Vec<_>>(), newest_first);
    let one = platform.read(|p| p.all_signing_keys(None, 1)).await;
    assert_eq!(
        one.iter().map(fields).collect::<Vec<_>>(),
        newest_first[..1]
    );
    let (at, kid) = (one[0].created_at, one[0].kid.clone());
    let rest = platform
        .read(move |p| p.all_signing_keys(Some((at, &kid)), 10))
        .await;
    assert_eq!(
        rest.iter().map(fields).collect::<Vec<_>>(),
        newest_first[1..]
    );
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "other nodes notice"
    );
}

async fn one_key_is_next_and_one_is_active(db: TestDatabase) {
    let platform = platform(&db);
    assert!(insert(&platform, new_key("a", KeyState::Active)).await);
    assert!(insert(&platform, new_key("b", KeyState::Next)).await);
    let before = Raw::open(&db).await.table("signing_keys").await;
    assert!(!insert(&platform, new_key("c", KeyState::Active)).await);
    assert!(!insert(&platform, new_key("c", KeyState::Next)).await);
    assert!(
        !insert(&platform, new_key("a", KeyState::Active)).await,
        "the same key again"
    );
    assert_eq!(Raw::open(&db).await.table("signing_keys").await, before);
}

async fn the_next_key_becomes_the_active_one(db: TestDatabase) {
    let platform = platform(&db);
    assert_eq!(rotate(&platform, "a", 1).await, None, "no key at all");
    insert(&platform, new_key("a", KeyState::Active)).await;
    let before = Raw::open(&db).await.table("signing_keys").await;
    assert_eq!(rotate(&platform, "a", 1).await, None, "no next key");
    assert_eq!(
        Raw::open(&db).await.table("signing_keys").await,
        before,
        "it goes on signing"
    );
    insert(&platform, new_key("b", KeyState::Next)).await;
    assert_eq!(rotate(&platform, "x", 1).await, None, "not the active key");
    assert_eq!(rotate(&platform, "b", 1).await, None, "not the active key");

    let version = platform.read(|p| p.state_version()).await;
    assert_eq!(rotate(&platform, "a", 5).await, Some("b".to_owned()));
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "other nodes notice"
    );
    assert_eq!(
        rotate(&platform, "a", 6).await,
        None,
        "another node was first"
    );
    let keys = platform.read(|p| p.signing_keys()).await;
    let [a, b] = keys.as_slice() else {
        panic!("two keys")
    };
    assert_eq!((a.state, a.retiring_at), (KeyState::Retiring, Some(at(5))));
    assert_eq!(a.retire_after, Some(at(105)));
    assert!(a.sealed_private.is_some());
    assert_eq!((b.state, b.activated_at), (KeyState::Active, Some(at(5))));

    insert(&platform, new_key("c", KeyState::Next)).await;
    assert_eq!(
        rotate(&platform, "b", 7).await,
        Some("c".to_owned()),
        "two may be retiring"
    );
}

async fn all_but_the_active_key_are_retired_at_once(db: TestDatabase) {
    let platform = platform(&db);
    insert(&platform, new_key("a", KeyState::Active)).await;
    let version = platform.read(|p| p.state_version()).await;
    let none = platform.write(|p| p.retire_other_signing_keys(at(1))).await;
    assert!(none.is_empty(), "the active one stays");
    assert_eq!(platform.read(|p| p.state_version()).await, version);

    insert(&platform, new_key("b", KeyState::Next)).await;
    rotate(&platform, "a", 5).await;
    insert(&platform, new_key("c", KeyState::Next)).await;
    let version = platform.read(|p| p.state_version()).await;
    let mut retired = platform.write(|p| p.retire_other_signing_keys(at(6))).await;
    retired.sort();
    assert_eq!(retired, ["a", "c"]);
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "other nodes notice"
    );
    assert_eq!(
        in_use(&platform).await,
        [("b".to_owned(), KeyState::Active)]
    );
    for key in platform.read(|p| p.all_signing_keys(None, 10)).await {
        let retired = key.kid != "b";
        assert_eq!(key.retired_at, retired.then_some(at(6)), "{}", key.kid);
        assert_eq!(key.sealed_private.is_none(), retired, "{}", key.kid);
    }
    let again = platform.write(|p| p.retire_other_signing_keys(at(7))).await;
    assert!(again.is_empty(), "only once");
}

async fn a_key_is_retired_when_its_last_token_is_dead(db: TestDatabase) {
    let platform = platform(&db);
    insert(&platform, new_key("a", KeyState::Active)).await;
    insert(&platform, new_key("b", KeyState::Next)).await;
    rotate(&platform, "a", 5).await;
    let version = platform.read(|p| p.state_version()).await;
    let early = platform
        .write(|p| p.retire_signing_keys(micros(105, -1)))
        .await;
    assert!(early.is_empty());
    assert_eq!(
        platform.read(|p| p.state_version()).await,
        version,
        "nothing to notice"
    );
    assert_eq!(in_use(&platform).await.len(), 2);

    assert_eq!(
        platform.write(|p| p.retire_signing_keys(at(105))).await,
        ["a"]
    );
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "other nodes notice"
    );
    assert_eq!(
        in_use(&platform).await,
        [("b".to_owned(), KeyState::Active)]
    );
    assert!(
        platform
            .write(|p| p.retire_signing_keys(at(106)))
            .await
            .is_empty(),
        "only once"
    );
    let all = platform.read(|p| p.all_signing_keys(None, 10)).await;
    let retired = all
        .iter()
        .find(|key| key.kid == "a")
        .expect("kept for the record");
    assert_eq!(
        (retired.state, retired.retired_at),
        (KeyState::Retired, Some(at(105)))
    );
    assert_eq!(retired.sealed_private, None, "its private part is erased");
    assert!(!retired.public_der.is_empty());
}
