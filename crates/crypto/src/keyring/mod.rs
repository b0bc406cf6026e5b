//! The keys that are not in the database: one master key, and former ones that are still accepted.

mod master;
mod subkeys;

pub use master::{MasterKey, MasterKeyError};
pub(crate) use subkeys::{KEY_ID_LEN, KeyId, Subkeys, absorb, fill};

/// Everything that is sealed or MACed with keys outside the database.
///
/// Sub-keys are derived once, here; no call derives one from the master key again. Rotation: give
/// every node the new key as a *previous* (accepted) one first, then make it the current one, and
/// drop the old one when what it sealed has been sealed anew and the tokens it MACed are dead.
pub struct Keyring {
    current: Subkeys,
    previous: Vec<Subkeys>,
}

impl Keyring {
    /// A keyring that makes with `current` and also accepts what `previous` made.
    #[must_use]
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self {
            current: Subkeys::derive(&current),
            previous: previous.iter().map(Subkeys::derive).collect(),
        }
    }

    /// Short ids of the keys, the current one first, as lower-case hex. They reveal nothing of the
    /// keys and are fit for `config check` and logs.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.all()
            .map(|keys| doorward_domain::secret::hex(&keys.id))
            .collect()
    }

    /// Whether a former key is still accepted.
    #[must_use]
    pub const fn has_former(&self) -> bool {
        !self.previous.is_empty()
    }

    pub(crate) const fn current(&self) -> &Subkeys {
        &self.current
    }

    /// The current key and then the accepted ones.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Subkeys> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The keys with this short id: one, unless two ids collide by chance.
    pub(crate) fn with_id(&self, id: KeyId) -> impl Iterator<Item = &Subkeys> {
        self.all().filter(move |keys| keys.id == id)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("key_ids", &self.key_ids())
            .finish_non_exhaustive()
    }
}
