//! Licence keys and devices at rest.
//!
//! A key is found by a keyed hash and can be shown again from a sealed value, both made with keys
//! outside the database. A device is known by a hash under its *licence key*: whoever has only the
//! database cannot tell devices, or that two licences run on one; and it survives the rotation of
//! the master key, which nobody could calculate it anew for.

use aws_lc_rs::hmac;
use doorward_domain::license::{Device, LicenseKey};
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, LicenseId, SecureRandom};

use crate::keyring::{Keyring, Subkeys, absorb};
use crate::otp::truncate;
use crate::seal::{SealError, SealPurpose};

impl Keyring {
    /// The hash by which an app's licence key is found, made with the current key.
    #[must_use]
    pub fn license_key_hash(&self, app: AppId, key: &LicenseKey) -> [u8; 32] {
        key_hash(self.current(), app, key)
    }

    /// The same made with every key of the keyring, the current one first: a licence outlives
    /// master keys.
    #[must_use]
    pub fn license_key_hashes(&self, app: AppId, key: &LicenseKey) -> Vec<[u8; 32]> {
        self.all().map(|keys| key_hash(keys, app, key)).collect()
    }

    /// Seals a licence key for its row.
    #[must_use]
    pub fn seal_license_key(
        &self,
        app: AppId,
        id: LicenseId,
        key: &LicenseKey,
        random: &dyn SecureRandom,
    ) -> Vec<u8> {
        let text = key.expose();
        let plain = text.expose().as_bytes();
        self.seal(SealPurpose::LicenseKey, &place(app, id), plain, random)
    }

    /// Opens what [`Keyring::seal_license_key`] made.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the contents is given out then.
    pub fn open_license_key(
        &self,
        app: AppId,
        id: LicenseId,
        sealed: &[u8],
    ) -> Result<SecretText, SealError> {
        let plain = self.open(SealPurpose::LicenseKey, &place(app, id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::Malformed)?;
        Ok(SecretText::new(text))
    }
}

/// The hash by which a device is known on a licence.
#[must_use]
pub fn device_hash(app: AppId, key: &LicenseKey, device: &Device) -> [u8; 32] {
    let key = key.canonical();
    let mac = device_mac(key.expose().as_bytes(), b"doorward/license-device/v1");
    finish_device(mac, app, device)
}

/// The same on a licence that has no key and is only its user's. Its id takes the key's place, which
/// is in the database: what keeps a device unknown there is its own id, a UUID at best.
#[must_use]
pub fn keyless_device_hash(app: AppId, license: LicenseId, device: &Device) -> [u8; 32] {
    let mac = device_mac(license.as_bytes(), b"doorward/keyless-license-device/v1");
    finish_device(mac, app, device)
}

fn device_mac(secret: &[u8], label: &[u8]) -> hmac::Context {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    absorb(&mut mac, label);
    mac
}

fn finish_device(mut mac: hmac::Context, app: AppId, device: &Device) -> [u8; 32] {
    absorb(&mut mac, app.as_bytes());
    let (kind, name) = match device {
        Device::Id(id) => (b"id".as_slice(), id),
        Device::UserAgent(text) => (b"user-agent".as_slice(), text),
    };
    absorb(&mut mac, kind);
    absorb(&mut mac, name.as_bytes());
    truncate(&mac.sign())
}

fn key_hash(keys: &Subkeys, app: AppId, key: &LicenseKey) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(&keys.license);
    absorb(&mut mac, app.as_bytes());
    absorb(&mut mac, key.canonical().expose().as_bytes());
    truncate(&mac.sign())
}

fn place(app: AppId, id: LicenseId) -> [u8; 32] {
    let mut place = [0; 32];
    let ids = app.as_bytes().iter().chain(id.as_bytes());
    place.iter_mut().zip(ids).for_each(|(to, from)| *to = *from);
    place
}
