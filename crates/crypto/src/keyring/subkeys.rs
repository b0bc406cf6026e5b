//! Sub-keys: HKDF-SHA256 (RFC 5869) of a master key with a label per purpose, so that no key is
//! ever used for two things.

use aws_lc_rs::{hkdf, hmac};

use super::MasterKey;
use crate::seal::SealPurpose;

/// Bytes of the short key id in sealed values and tokens.
pub(crate) const KEY_ID_LEN: usize = 4;

/// Says which master key made a sealed value or a token.
pub(crate) type KeyId = [u8; KEY_ID_LEN];

/// What one master key yields.
pub(crate) struct Subkeys {
    pub(crate) id: KeyId,
    pub(crate) otp: hmac::Key,
    pub(crate) limit: hmac::Key,
    pub(crate) contact: hmac::Key,
    pub(crate) refresh: hmac::Key,
    pub(crate) license: hmac::Key,
    pub(crate) receipt: hmac::Key,
    /// Salt of the extraction that mixes a presented refresh token in.
    pub(crate) replay: hkdf::Salt,
    signing_key: hkdf::Prk,
    outbox: hkdf::Prk,
    app_setting: hkdf::Prk,
    license_key: hkdf::Prk,
    license_file_key: hkdf::Prk,
    operator_answer: hkdf::Prk,
}

impl Subkeys {
    pub(crate) fn derive(master: &MasterKey) -> Self {
        let root =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward/master/v1").extract(master.expose());
        let seal = |purpose: SealPurpose| -> hkdf::Prk {
            expand(&root, purpose.label(), hkdf::HKDF_SHA256)
        };
        let mac = |label: &[u8]| -> hmac::Key { expand(&root, label, hmac::HMAC_SHA256) };
        let mut id = [0; KEY_ID_LEN];
        fill(&root, &[b"doorward/key-id/v1"], &mut id);
        Self {
            id,
            otp: mac(b"doorward/otp/v1"),
            limit: mac(b"doorward/limit/v1"),
            contact: mac(b"doorward/contact/v1"),
            refresh: mac(b"doorward/refresh/v1"),
            license: mac(b"doorward/license/v1"),
            receipt: mac(b"doorward/receipt/v1"),
            replay: expand(&root, b"doorward/replay/v1", hkdf::HKDF_SHA256),
            signing_key: seal(SealPurpose::SigningKey),
            outbox: seal(SealPurpose::Outbox),
            app_setting: seal(SealPurpose::AppSetting),
            license_key: seal(SealPurpose::LicenseKey),
            license_file_key: seal(SealPurpose::LicenseFileKey),
            operator_answer: seal(SealPurpose::OperatorAnswer),
        }
    }

    pub(crate) const fn seal(&self, purpose: SealPurpose) -> &hkdf::Prk {
        match purpose {
            SealPurpose::SigningKey => &self.signing_key,
            SealPurpose::Outbox => &self.outbox,
            SealPurpose::AppSetting => &self.app_setting,
            SealPurpose::LicenseKey => &self.license_key,
            SealPurpose::LicenseFileKey => &self.license_file_key,
            SealPurpose::OperatorAnswer => &self.operator_answer,
        }
    }
}

/// A key of its own for `label`.
#[expect(
    clippy::expect_used,
    reason = "HKDF refuses only more than 8,160 bytes; 32 are asked for"
)]
fn expand<L, K>(root: &hkdf::Prk, label: &[u8], kind: L) -> K
where
    L: hkdf::KeyType,
    K: for<'okm> From<hkdf::Okm<'okm, L>>,
{
    K::from(root.expand(&[label], kind).expect("32 bytes"))
}

/// Fills `out` (at most 8,160 bytes) from `key`, bound to every part of `info`.
#[expect(
    clippy::expect_used,
    reason = "HKDF refuses only more than 8,160 bytes; callers ask for 44"
)]
pub(crate) fn fill(key: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) {
    key.expand(info, OutputLen(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("short output");
}

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// Adds one part to a MAC with its length before it, so that no two lists of parts look alike.
pub(crate) fn absorb(mac: &mut hmac::Context, part: &[u8]) {
    mac.update(&(part.len() as u64).to_be_bytes());
    mac.update(part);
}
