use doorward_crypto::{Keyring, MasterKey, SealError, device_hash, keyless_device_hash};
use doorward_domain::license::{Device, LicenseKey};
use doorward_domain::{AppId, LicenseId, OsRandom};

use crate::support::{MASTER, app, fixed_keyring, fresh_keyring, other_app};

fn key() -> LicenseKey {
    LicenseKey::generate("ACME", &OsRandom)
}

fn license(byte: u8) -> LicenseId {
    LicenseId::from_uuid(uuid::Uuid::from_bytes([byte; 16]))
}

#[test]
fn the_hash_of_a_key_is_bound_to_app_and_keyring() {
    let (keyring, key) = (fresh_keyring(), key());
    let hash = keyring.license_key_hash(app(), &key);
    let spelt = LicenseKey::parse(&key.expose().expose().to_lowercase().replace('-', " "));
    assert_eq!(hash, keyring.license_key_hash(app(), &spelt.unwrap()));
    for other in [
        keyring.license_key_hash(other_app(), &key),
        keyring.license_key_hash(app(), &self::key()),
        fresh_keyring().license_key_hash(app(), &key),
    ] {
        assert_ne!(hash, other);
    }
}

#[test]
fn a_licence_outlives_a_master_key() {
    let key = key();
    let (old, rotated) = (
        fixed_keyring(),
        Keyring::new(
            MasterKey::generate(&OsRandom),
            vec![MasterKey::from_hex_or_base64(MASTER).unwrap()],
        ),
    );
    let sealed = old.seal_license_key(app(), license(1), &key, &OsRandom);
    let hashes = rotated.license_key_hashes(app(), &key);
    assert_eq!(hashes.len(), 2);
    assert_eq!(hashes[0], rotated.license_key_hash(app(), &key));
    assert_eq!(hashes[1], old.license_key_hash(app(), &key));
    let opened = rotated
        .open_license_key(app(), license(1), &sealed)
        .unwrap();
    assert_eq!(opened.expose(), key.expose().expose());
    assert!(rotated.is_outdated(&sealed) && rotated.has_former() && !old.has_former());
    assert!(sealed.starts_with(&old.seal_prefix()));
    assert!(!sealed.starts_with(&rotated.seal_prefix()));
}

#[test]
fn a_sealed_key_opens_only_in_its_row() {
    let keyring = fresh_keyring();
    let sealed = keyring.seal_license_key(app(), license(1), &key(), &OsRandom);
    for (app, id) in [
        (other_app(), license(1)),
        (app(), license(2)),
        (
            AppId::from_uuid(license(1).as_uuid()),
            LicenseId::from_uuid(app().as_uuid()),
        ),
    ] {
        let opened = keyring.open_license_key(app, id, &sealed);
        assert_eq!(opened.unwrap_err(), SealError::Refused);
    }
}

#[test]
fn a_device_is_known_by_app_key_kind_and_name() {
    let key = key();
    let id = |text: &str| Device::Id(text.to_owned());
    let hash = device_hash(app(), &key, &id("one"));
    assert_eq!(hash, device_hash(app(), &key, &id("one")));
    for other in [
        device_hash(app(), &key, &id("two")),
        device_hash(app(), &key, &Device::UserAgent("one".to_owned())),
        device_hash(app(), &self::key(), &id("one")),
        device_hash(other_app(), &key, &id("one")),
    ] {
        assert_ne!(hash, other);
    }
}

#[test]
fn on_a_licence_without_a_key_a_device_is_known_by_app_licence_kind_and_name() {
    let id = |text: &str| Device::Id(text.to_owned());
    let hash = keyless_device_hash(app(), license(1), &id("one"));
    assert_eq!(hash, keyless_device_hash(app(), license(1), &id("one")));
    for other in [
        keyless_device_hash(app(), license(1), &id("two")),
        keyless_device_hash(app(), license(1), &Device::UserAgent("one".to_owned())),
        keyless_device_hash(app(), license(2), &id("one")),
        keyless_device_hash(other_app(), license(1), &id("one")),
    ] {
        assert_ne!(hash, other);
    }
}
