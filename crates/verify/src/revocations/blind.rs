//! How sessions and users are named in the document: by a hash that says nothing to somebody who
//! does not have the id already. UUIDs have 74 random bits or more, so they cannot be guessed
//! through it either.

use aws_lc_rs::digest;
use uuid::Uuid;

/// Bytes of a hash in the document. Of a million entries and a million tokens, the chance that one
/// token is refused for somebody else's entry is one in 10^16.
pub(super) const LEN: usize = 12;

/// A session or a user, hashed.
pub(super) type Blinded = [u8; LEN];

const LABEL: &[u8] = b"doorward-revocation-v1\0";

/// A session of this app.
pub(super) fn session(app_id: Uuid, session_id: Uuid) -> Blinded {
    blind(app_id, b's', session_id)
}

/// A user of this app.
pub(super) fn user(app_id: Uuid, user_id: Uuid) -> Blinded {
    blind(app_id, b'u', user_id)
}

/// Every part has a fixed length: no two inputs give the same bytes.
fn blind(app_id: Uuid, kind: u8, id: Uuid) -> Blinded {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [LABEL, app_id.as_bytes(), &[kind], id.as_bytes()] {
        hash.update(part);
    }
    let mut out = [0; LEN];
    for (to, from) in out.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hashlib, so that it does not follow the code.
    #[test]
    fn as_documented() {
        let (app, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hex = |bytes: Blinded| bytes.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex(session(app, id)), "7f43b01fabc46b7ebaad5afd");
        assert_eq!(hex(user(app, id)), "4d1c3df7fc3670cc5e1837c3");
    }
}
