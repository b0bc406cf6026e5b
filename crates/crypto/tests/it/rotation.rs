//! The master key changes while the service runs.

use doorward_crypto::{Keyring, MasterKey, SealError, SealPurpose};
use doorward_domain::{OsRandom, OtpRequestId};

use crate::support::{MASTER, app, session};

/// A former key, a new one, and the keyrings before, during and after the change.
fn keyrings() -> [Keyring; 4] {
    let new = MasterKey::generate(&OsRandom).to_hex();
    let key = |text: &str| MasterKey::from_hex_or_base64(text).unwrap();
    [
        Keyring::new(key(MASTER), vec![]),
        Keyring::new(key(MASTER), vec![key(new.expose())]),
        Keyring::new(key(new.expose()), vec![key(MASTER)]),
        Keyring::new(key(new.expose()), vec![]),
    ]
}

#[test]
fn neighbours_in_a_rolling_change_understand_each_other() {
    let keyrings = keyrings();
    for pair in keyrings.windows(2) {
        for (maker, reader) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let sealed = maker.seal(SealPurpose::SigningKey, b"k", b"secret", &OsRandom);
            assert!(reader.open(SealPurpose::SigningKey, b"k", &sealed).is_ok());

            let token = maker.mint_refresh(app(), session(), 3, [9; 16]);
            assert!(reader.parse_refresh(app(), token.expose()).is_some());

            let replay = maker.seal_replay(token.expose(), "id", b"r", b"answer", &OsRandom);
            assert!(
                reader
                    .open_replay(token.expose(), "id", b"r", &replay)
                    .is_ok()
            );

            let request = OtpRequestId::from_uuid(session().as_uuid());
            let hash = maker.otp_hash(app(), request, "123456");
            assert!(reader.otp_hashes(app(), request, "123456").contains(&hash));
            assert!(!reader.otp_hashes(app(), request, "123457").contains(&hash));
        }
    }
}

#[test]
fn a_dropped_key_opens_nothing_any_more() {
    let [before, .., after] = keyrings();
    let sealed = before.seal(SealPurpose::SigningKey, b"k", b"secret", &OsRandom);
    let opened = after.open(SealPurpose::SigningKey, b"k", &sealed);
    assert_eq!(opened.unwrap_err(), SealError::UnknownKey);

    let token = before.mint_refresh(app(), session(), 3, [9; 16]);
    assert!(after.parse_refresh(app(), token.expose()).is_none());

    let request = OtpRequestId::from_uuid(session().as_uuid());
    let hash = before.otp_hash(app(), request, "123456");
    assert!(!after.otp_hashes(app(), request, "123456").contains(&hash));
}

#[test]
fn says_what_should_be_sealed_anew() {
    let [before, accepting, changed, _] = keyrings();
    let sealed = before.seal(SealPurpose::SigningKey, b"k", b"secret", &OsRandom);
    assert!(!before.is_outdated(&sealed));
    assert!(!accepting.is_outdated(&sealed));
    assert!(changed.is_outdated(&sealed));
    assert!(!changed.is_outdated(b"not a sealed value"));
}

#[test]
fn debug_shows_ids_only() {
    let [_, accepting, ..] = keyrings();
    let ids = accepting.key_ids();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(
        format!("{accepting:?}"),
        format!("Keyring {{ key_ids: {ids:?}, .. }}")
    );
}
