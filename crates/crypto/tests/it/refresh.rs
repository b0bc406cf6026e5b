use doorward_crypto::nonce_hash;
use doorward_domain::session::Presented;
use doorward_domain::{AppId, OsRandom, SecureRandom, SessionId};
use proptest::prelude::*;

use crate::support::{
    app, fixed_keyring, fresh_keyring, other_app, reseal_checksum, session, with_checksum,
};

#[test]
fn has_the_documented_shape() {
    let keyring = fresh_keyring();
    let token = keyring.mint_refresh(app(), session(), 1, [255; 16]);
    let text = token.expose();
    assert_eq!(text.len(), 4 + 76 + 6);
    assert!(text.starts_with("dwr_"));
    assert!(
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    assert_eq!(format!("{token:?}"), "[redacted]");
}

#[test]
fn another_app_or_keyring_cannot_read_it() {
    let keyring = fresh_keyring();
    let token = keyring.mint_refresh(app(), session(), 1, [1; 16]);
    assert!(keyring.parse_refresh(app(), token.expose()).is_some());
    assert!(keyring.parse_refresh(other_app(), token.expose()).is_none());
    assert!(
        fresh_keyring()
            .parse_refresh(app(), token.expose())
            .is_none()
    );
}

#[test]
fn every_changed_character_is_refused() {
    let keyring = fresh_keyring();
    let token = keyring.mint_refresh(app(), session(), 41, random_nonce());
    let text = token.expose();
    for position in 0..text.len() {
        for replacement in (0..=127u8).map(char::from) {
            let mut changed: Vec<char> = text.chars().collect();
            if changed[position] == replacement {
                continue;
            }
            changed[position] = replacement;
            let changed: String = changed.into_iter().collect();
            assert!(
                keyring.parse_refresh(app(), &changed).is_none(),
                "{position} {replacement:?}"
            );
        }
        assert!(keyring.parse_refresh(app(), &text[..position]).is_none());
        let mut shorter = text.to_owned();
        shorter.remove(position);
        assert!(keyring.parse_refresh(app(), &shorter).is_none());
        let mut longer = text.to_owned();
        longer.insert(position, 'A');
        assert!(keyring.parse_refresh(app(), &longer).is_none());
    }
    for extra in [" ", "\n", "=", "A", "é"] {
        assert!(
            keyring
                .parse_refresh(app(), &format!("{text}{extra}"))
                .is_none()
        );
        assert!(
            keyring
                .parse_refresh(app(), &format!("{extra}{text}"))
                .is_none()
        );
    }
}

/// The checksum is for typing errors; the MAC is what counts. Each character is changed and the
/// checksum made right again.
#[test]
fn a_right_checksum_does_not_help_a_forger() {
    let keyring = fresh_keyring();
    let token = keyring.mint_refresh(app(), session(), 41, random_nonce());
    let (covered, _) = token.expose().split_at(80);
    assert_eq!(reseal_checksum(covered), token.expose());
    for position in 4..80 {
        for replacement in ['A', 'B', '-', '_', '9'] {
            let mut changed: Vec<char> = covered.chars().collect();
            if changed[position] == replacement {
                continue;
            }
            changed[position] = replacement;
            let forged = reseal_checksum(&changed.into_iter().collect::<String>());
            assert!(
                keyring.parse_refresh(app(), &forged).is_none(),
                "{position}"
            );
        }
    }
}

#[test]
fn generations_out_of_range_are_never_accepted() {
    let keyring = fresh_keyring();
    for generation in [0, -1, i64::MIN, 1 << 32, i64::MAX] {
        let token = keyring.mint_refresh(app(), session(), generation, [1; 16]);
        assert!(
            keyring.parse_refresh(app(), token.expose()).is_none(),
            "{generation}"
        );
    }
    for generation in [1, i64::from(u32::MAX)] {
        let token = keyring.mint_refresh(app(), session(), generation, [1; 16]);
        let presented = keyring.parse_refresh(app(), token.expose()).unwrap();
        assert_eq!(presented.generation, generation);
    }
}

fn random_nonce() -> [u8; 16] {
    let random: &dyn SecureRandom = &OsRandom;
    random.bytes()
}

proptest! {
    #[test]
    fn round_trip(app_id: u128, session_id: u128, generation in 1..=u32::MAX, nonce: [u8; 16]) {
        let keyring = fixed_keyring();
        let app = AppId::from_uuid(uuid::Uuid::from_u128(app_id));
        let session_id = SessionId::from_uuid(uuid::Uuid::from_u128(session_id));
        let generation = i64::from(generation);
        let token = keyring.mint_refresh(app, session_id, generation, nonce);
        let expected = Presented { session_id, generation, nonce_hash: nonce_hash(&nonce) };
        prop_assert_eq!(keyring.parse_refresh(app, token.expose()), Some(expected));
    }

    #[test]
    fn arbitrary_text_is_refused(text: String) {
        prop_assert!(fixed_keyring().parse_refresh(app(), &text).is_none());
        let prefixed = format!("dwr_{text}");
        prop_assert!(fixed_keyring().parse_refresh(app(), &prefixed).is_none());
    }

    /// Right prefix, length, checksum, version and key id: everything but the MAC.
    #[test]
    fn arbitrary_bodies_are_refused(body in proptest::collection::vec(any::<u8>(), 57)) {
        let keyring = fixed_keyring();
        let mut body = body;
        body[..5].copy_from_slice(&[1, 0x6c, 0x1d, 0x04, 0xcf]);
        prop_assert!(keyring.parse_refresh(app(), &with_checksum("dwr_", &body)).is_none());
    }
}
