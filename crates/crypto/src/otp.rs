//! Keyed hashes of short secrets and of addresses: without the keyring, the database does not
//! reveal them, however few there are to try (ASVS 6.5.2).

use aws_lc_rs::hmac;
use doorward_domain::{AppId, OtpRequestId};

use crate::keyring::{Keyring, Subkeys, absorb};

impl Keyring {
    /// Hash of a one-time code, bound to its app and its request. Made with the current key.
    #[must_use]
    pub fn otp_hash(&self, app: AppId, request: OtpRequestId, code: &str) -> [u8; 32] {
        otp_hash(self.current(), app, request, code)
    }

    /// What a code that is shown may be stored as: its hash by the current key, and by the newest of
    /// the others, so that a code that was on its way when the master key was rotated still works.
    /// Without another key, twice the same.
    #[must_use]
    pub fn otp_hashes(&self, app: AppId, request: OtpRequestId, code: &str) -> [[u8; 32]; 2] {
        let current = self.otp_hash(app, request, code);
        let other = self.all().nth(1);
        [
            current,
            other.map_or(current, |keys| otp_hash(keys, app, request, code)),
        ]
    }

    /// Key of a limit: says nothing about the address it counts. `label` names the limit.
    ///
    /// Made with the current master key, so counting starts anew when that is rotated.
    #[must_use]
    pub fn limit_key(&self, label: &str, value: &str) -> [u8; 16] {
        let mut mac = hmac::Context::with_key(&self.current().limit);
        absorb(&mut mac, label.as_bytes());
        absorb(&mut mac, value.as_bytes());
        truncate(&mac.sign())
    }

    /// What stands for an address of an app where the address itself must not be: in the audit, and
    /// beside a message. By the current key.
    #[must_use]
    pub fn contact_ref(&self, app: AppId, canonical: &str) -> [u8; 16] {
        contact_ref(self.current(), app, canonical)
    }

    /// What an address may have been stored as, by the current key and each former one.
    #[must_use]
    pub fn contact_refs(&self, app: AppId, canonical: &str) -> Vec<[u8; 16]> {
        self.all()
            .map(|keys| contact_ref(keys, app, canonical))
            .collect()
    }
}

fn contact_ref(keys: &Subkeys, app: AppId, canonical: &str) -> [u8; 16] {
    let mut mac = hmac::Context::with_key(&keys.contact);
    absorb(&mut mac, app.as_bytes());
    absorb(&mut mac, canonical.as_bytes());
    truncate(&mac.sign())
}

fn otp_hash(keys: &Subkeys, app: AppId, request: OtpRequestId, code: &str) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(&keys.otp);
    absorb(&mut mac, app.as_bytes());
    absorb(&mut mac, request.as_bytes());
    absorb(&mut mac, code.as_bytes());
    truncate(&mac.sign())
}

/// The first `N` (at most 32) bytes of a tag.
pub(crate) fn truncate<const N: usize>(tag: &hmac::Tag) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut()
        .zip(tag.as_ref())
        .for_each(|(to, from)| *to = *from);
    out
}
