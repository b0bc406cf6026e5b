use doorward_crypto::seal::SEAL_OVERHEAD;
use doorward_crypto::{SealError, SealPurpose};
use doorward_domain::OsRandom;
use proptest::prelude::*;

use crate::support::{fixed_keyring, fresh_keyring};

const ALL: [SealPurpose; 6] = [
    SealPurpose::SigningKey,
    SealPurpose::Outbox,
    SealPurpose::AppSetting,
    SealPurpose::LicenseKey,
    SealPurpose::LicenseFileKey,
    SealPurpose::OperatorAnswer,
];

#[test]
fn opens_only_for_its_purpose() {
    let keyring = fresh_keyring();
    for purpose in ALL {
        let sealed = keyring.seal(purpose, b"place", b"secret", &OsRandom);
        assert_eq!(sealed.len(), b"secret".len() + SEAL_OVERHEAD);
        for other in ALL {
            let opened = keyring.open(other, b"place", &sealed);
            if other == purpose {
                assert_eq!(opened.unwrap().as_slice(), b"secret");
            } else {
                assert_eq!(opened.unwrap_err(), SealError::Refused);
            }
        }
    }
}

#[test]
fn opens_only_in_its_place() {
    let keyring = fresh_keyring();
    let sealed = keyring.seal(SealPurpose::Outbox, b"app 1, row 1", b"secret", &OsRandom);
    for place in [
        b"app 2, row 1".as_slice(),
        b"app 1, row 2",
        b"app 1, row ",
        b"",
    ] {
        let opened = keyring.open(SealPurpose::Outbox, place, &sealed);
        assert_eq!(opened.unwrap_err(), SealError::Refused);
    }
}

#[test]
fn every_bit_counts() {
    let keyring = fresh_keyring();
    let sealed = keyring.seal(SealPurpose::SigningKey, b"place", b"secret", &OsRandom);
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(
            keyring
                .open(SealPurpose::SigningKey, b"place", &changed)
                .is_err(),
            "bit {bit}"
        );
    }
    for len in 0..sealed.len() {
        assert!(
            keyring
                .open(SealPurpose::SigningKey, b"place", &sealed[..len])
                .is_err()
        );
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert!(
        keyring
            .open(SealPurpose::SigningKey, b"place", &longer)
            .is_err()
    );
}

#[test]
fn says_what_is_wrong() {
    let keyring = fresh_keyring();
    let mut sealed = keyring.seal(SealPurpose::Outbox, b"", b"secret", &OsRandom);
    let open = |sealed: &[u8]| keyring.open(SealPurpose::Outbox, b"", sealed).unwrap_err();
    assert_eq!(open(&sealed[..28]), SealError::Malformed);
    assert_eq!(open(&sealed[..29]), SealError::Refused);
    sealed[0] = 2;
    assert_eq!(open(&sealed), SealError::Malformed);
}

#[test]
fn the_same_message_never_looks_the_same() {
    let keyring = fresh_keyring();
    let seal = || keyring.seal(SealPurpose::Outbox, b"", b"secret", &OsRandom);
    let (a, b) = (seal(), seal());
    // Not even in the ciphertext behind the salt: key and nonce are fresh.
    assert_ne!(a[29..], b[29..]);
}

#[test]
fn another_keyring_does_not_know_it() {
    let sealed = fresh_keyring().seal(SealPurpose::Outbox, b"", b"secret", &OsRandom);
    let opened = fresh_keyring().open(SealPurpose::Outbox, b"", &sealed);
    assert_eq!(opened.unwrap_err(), SealError::UnknownKey);
}

proptest! {
    #[test]
    fn round_trip(aad: Vec<u8>, plaintext: Vec<u8>) {
        let keyring = fixed_keyring();
        let sealed = keyring.seal(SealPurpose::AppSetting, &aad, &plaintext, &OsRandom);
        let opened = keyring.open(SealPurpose::AppSetting, &aad, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        let keyring = fixed_keyring();
        prop_assert!(keyring.open(SealPurpose::Outbox, b"", &bytes).is_err());
        // Also with a genuine beginning, so that more than the first check is reached.
        let genuine = keyring.seal(SealPurpose::Outbox, b"", b"", &OsRandom);
        let forged = [&genuine[..5], bytes.as_slice()].concat();
        prop_assert!(keyring.open(SealPurpose::Outbox, b"", &forged).is_err());
    }
}
