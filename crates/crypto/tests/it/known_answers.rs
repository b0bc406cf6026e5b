//! Formats are promises to data at rest and to tokens in people's hands. The answers were computed
//! by an independent program (Python's hmac, hashlib, zlib and the `cryptography` package) from the
//! descriptions in the crate's documentation.

use doorward_crypto::{OpaqueToken, SealPurpose, app_secret_hash, idempotency_hash};
use doorward_domain::OtpRequestId;
use doorward_domain::secret::{AppSecret, hex};

use crate::support::{Counting, app, fixed_keyring, session};

const REFRESH: &str =
    "dwr_AWwdBM8Bjy5gAABwAIAAAAAAAAALAAAABxAREhMUFRYXGBkaGxwdHh8G-09o2iuPaRWYp0NnGLeP1adeGp";

#[test]
fn key_id() {
    assert_eq!(fixed_keyring().key_ids(), ["6c1d04cf"]);
}

#[test]
fn sealed_value() {
    let sealed = fixed_keyring().seal(SealPurpose::Outbox, b"place", b"hello", &Counting);
    assert_eq!(
        hex(&sealed),
        "016c1d04cf0102030405060708090a0b0c0d0e0f101112131415161718\
         6ecb456e13e8482ca9bc7a2963bdba3713bb568e6b"
    );
}

#[test]
fn otp_hash() {
    let request = OtpRequestId::from_uuid(session().as_uuid());
    assert_eq!(
        hex(&fixed_keyring().otp_hash(app(), request, "123456")),
        "902a69fd916f1cb32838331346dc89b658fcc6c58d10cbe0f33c7bdc89441365"
    );
}

#[test]
fn limit_key() {
    assert_eq!(
        hex(&fixed_keyring().limit_key("otp_per_contact", "+14155550100")),
        "ba9cdedad69606288f896362db2b6692"
    );
}

#[test]
fn refresh_token() {
    let nonce = std::array::from_fn(|i| u8::try_from(16 + i).unwrap());
    let token = fixed_keyring().mint_refresh(app(), session(), 7, nonce);
    assert_eq!(token.expose(), REFRESH);
}

#[test]
fn replay() {
    let sealed = fixed_keyring().seal_replay(REFRESH, "retry-1", b"place", b"hello", &Counting);
    assert_eq!(
        hex(&sealed),
        "016c1d04cf0102030405060708090a0b0c0d0e0f101112131415161718\
         42c1c1f68c21c1bd1d24a5a5d9144ae669a76912f4"
    );
    assert_eq!(
        hex(&idempotency_hash(app(), session(), "retry-1")),
        "a6ce66cfeb903a36d6e97772820ce1d39a2285ddb68b70b91a075d0b878a7bf9"
    );
}

#[test]
fn opaque_token() {
    let (token, hash) = OpaqueToken::generate("dwa_", app().as_uuid(), &Counting);
    assert_eq!(
        token.expose(),
        "dwa_AY8uYAAAcACAAAAAAAAACgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g49JGS5"
    );
    assert_eq!(
        hex(&hash),
        "b613b24422d1d9efd5f1e12ef13632f958a5bd9d84b962cc92e7e5085c1cf667"
    );
}

#[test]
fn app_secret() {
    let secret = AppSecret::parse(&"ab".repeat(32)).unwrap();
    assert_eq!(
        hex(&app_secret_hash(&secret)),
        "00f91e7c390e615c19c4b01fbfd483b4425c257749e69942bb88d10d18798fa4"
    );
}
