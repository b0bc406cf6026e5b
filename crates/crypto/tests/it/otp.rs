use doorward_domain::{AppId, OsRandom, OtpRequestId};

use crate::support::{app, fresh_keyring, other_app};

fn request(random: u8) -> OtpRequestId {
    OtpRequestId::from_uuid(uuid::Uuid::from_bytes([random; 16]))
}

#[test]
fn bound_to_app_request_and_key() {
    let keyring = fresh_keyring();
    let hash = keyring.otp_hash(app(), request(1), "123456");
    assert_eq!(hash, keyring.otp_hash(app(), request(1), "123456"));
    for other in [
        keyring.otp_hash(other_app(), request(1), "123456"),
        keyring.otp_hash(app(), request(2), "123456"),
        keyring.otp_hash(app(), request(1), "123457"),
        keyring.otp_hash(app(), request(1), ""),
        // App and request swapped: positions count.
        keyring.otp_hash(
            AppId::from_uuid(request(1).as_uuid()),
            OtpRequestId::from_uuid(app().as_uuid()),
            "123456",
        ),
        fresh_keyring().otp_hash(app(), request(1), "123456"),
    ] {
        assert_ne!(hash, other);
    }
    assert!(
        keyring
            .otp_hashes(app(), request(1), "123456")
            .contains(&hash)
    );
    assert!(
        !keyring
            .otp_hashes(app(), request(2), "123456")
            .contains(&hash)
    );
}

#[test]
fn limit_keys_do_not_run_into_one_another() {
    let keyring = fresh_keyring();
    let key = keyring.limit_key("send", "a@example.com");
    assert_eq!(key, keyring.limit_key("send", "a@example.com"));
    for (label, value) in [
        ("senda", "@example.com"),
        ("sen", "da@example.com"),
        ("", "senda@example.com"),
        ("fail", "a@example.com"),
    ] {
        assert_ne!(key, keyring.limit_key(label, value));
    }
    assert_ne!(key, fresh_keyring().limit_key("send", "a@example.com"));
}

#[test]
fn a_code_from_the_generator_matches() {
    let keyring = fresh_keyring();
    let code = doorward_domain::otp::generate(&OsRandom);
    let hash = keyring.otp_hash(app(), request(1), code.expose());
    assert!(
        keyring
            .otp_hashes(app(), request(1), code.expose())
            .contains(&hash)
    );
}
