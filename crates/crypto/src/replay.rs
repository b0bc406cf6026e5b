//! The stored answer of a refresh that carried an `Idempotency-Key`: readable only for whoever
//! presents the same token and the same key again, and only with the keyring. Somebody with the
//! database alone, or with the master key and the database, reads no token out of it.

use aws_lc_rs::hkdf;
use doorward_domain::SecureRandom;
use zeroize::Zeroizing;

use crate::keyring::{Keyring, Subkeys};
use crate::seal::{SealError, Sealed, open_under, seal_under};

impl Keyring {
    /// Seals the answer to a refresh. `aad` names the row it is stored in.
    #[must_use]
    pub fn seal_replay(
        &self,
        presented_token: &str,
        idempotency_key: &str,
        aad: &[u8],
        plaintext: &[u8],
        random: &dyn SecureRandom,
    ) -> Vec<u8> {
        let keys = self.current();
        let info = idempotency_key.as_bytes();
        seal_under(
            &replay_key(keys, presented_token),
            keys.id,
            info,
            aad,
            plaintext,
            random,
        )
    }

    /// Opens what [`Keyring::seal_replay`] made for the same token, key and row.
    ///
    /// # Errors
    /// [`SealError`], also when the token or the idempotency key is another one.
    pub fn open_replay(
        &self,
        presented_token: &str,
        idempotency_key: &str,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let sealed = Sealed::parse(sealed)?;
        let mut error = SealError::UnknownKey;
        for keys in self.with_id(sealed.key_id) {
            let key = replay_key(keys, presented_token);
            match open_under(&key, idempotency_key.as_bytes(), aad, &sealed) {
                Ok(plaintext) => return Ok(plaintext),
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }
}

fn replay_key(keys: &Subkeys, presented_token: &str) -> hkdf::Prk {
    keys.replay.extract(presented_token.as_bytes())
}
