use doorward_crypto::{SealError, idempotency_hash};
use doorward_domain::{OsRandom, SessionId};

use crate::support::{app, fresh_keyring, other_app, session};

#[test]
fn only_the_same_token_and_key_read_the_answer() {
    let keyring = fresh_keyring();
    let token = keyring.mint_refresh(app(), session(), 1, [1; 16]);
    let other = keyring.mint_refresh(app(), session(), 1, [2; 16]);
    let sealed = keyring.seal_replay(token.expose(), "retry-1", b"row", b"answer", &OsRandom);
    let open = |token: &str, key: &str, aad: &[u8]| keyring.open_replay(token, key, aad, &sealed);

    assert_eq!(
        open(token.expose(), "retry-1", b"row").unwrap().as_slice(),
        b"answer"
    );
    for opened in [
        open(other.expose(), "retry-1", b"row"),
        open(token.expose(), "retry-2", b"row"),
        open(token.expose(), "", b"row"),
        open(token.expose(), "retry-1", b"another row"),
        open("", "retry-1", b"row"),
    ] {
        assert_eq!(opened.unwrap_err(), SealError::Refused);
    }
}

/// The presented token alone (a thief's copy of the database and of the token) is not enough.
#[test]
fn the_keyring_is_needed_too() {
    let (keyring, stranger) = (fresh_keyring(), fresh_keyring());
    let token = keyring.mint_refresh(app(), session(), 1, [1; 16]);
    let mut sealed = keyring.seal_replay(token.expose(), "k", b"row", b"answer", &OsRandom);
    let opened = stranger.open_replay(token.expose(), "k", b"row", &sealed);
    assert_eq!(opened.unwrap_err(), SealError::UnknownKey);
    // Relabelled with the stranger's key id, it still does not open there.
    let own = stranger.seal_replay(token.expose(), "k", b"row", b"answer", &OsRandom);
    sealed[1..5].copy_from_slice(&own[1..5]);
    let opened = stranger.open_replay(token.expose(), "k", b"row", &sealed);
    assert_eq!(opened.unwrap_err(), SealError::Refused);
}

#[test]
fn hashes_of_idempotency_keys_are_bound() {
    let hash = idempotency_hash(app(), session(), "k");
    assert_eq!(hash, idempotency_hash(app(), session(), "k"));
    let other_session = SessionId::from_uuid(uuid::Uuid::from_u128(1));
    for other in [
        idempotency_hash(other_app(), session(), "k"),
        idempotency_hash(app(), other_session, "k"),
        idempotency_hash(app(), session(), "kk"),
        idempotency_hash(app(), session(), ""),
    ] {
        assert_ne!(hash, other);
    }
}
