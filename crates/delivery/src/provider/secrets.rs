//! Secrets of providers: sealed for their app and channel, write-only from outside.

use std::borrow::Cow;
use std::collections::BTreeMap;

use doorward_crypto::{Keyring, SealError, SealPurpose};
use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, SecureRandom};
use zeroize::Zeroizing;

/// Secrets by the ids of their providers.
pub type ProviderSecrets = BTreeMap<String, SecretText>;

/// Room for every secret of a channel, so that the buffer never moves: what growing leaves behind is
/// not wiped.
const CAPACITY: usize = 16 * 1024;

/// Seals the secrets of one channel: they open only for the same app and channel.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a map of texts always serialises into memory"
)]
pub fn seal_secrets(
    keyring: &Keyring,
    app_id: AppId,
    channel: Channel,
    secrets: &ProviderSecrets,
    random: &dyn SecureRandom,
) -> Vec<u8> {
    let plain: BTreeMap<&str, &str> = secrets
        .iter()
        .map(|(id, secret)| (id.as_str(), secret.expose()))
        .collect();
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
    serde_json::to_writer(&mut *bytes, &plain).expect("a map of texts");
    keyring.seal(
        SealPurpose::AppSetting,
        &place(app_id, channel),
        &bytes,
        random,
    )
}

/// Opens them.
///
/// # Errors
/// [`SealError`].
pub fn open_secrets(
    keyring: &Keyring,
    app_id: AppId,
    channel: Channel,
    sealed: &[u8],
) -> Result<ProviderSecrets, SealError> {
    let plain = keyring.open(SealPurpose::AppSetting, &place(app_id, channel), sealed)?;
    // Borrowed, so that they are not copied into memory that nobody wipes.
    let texts: BTreeMap<Cow<'_, str>, Cow<'_, str>> =
        serde_json::from_slice(&plain).map_err(|_| SealError::Malformed)?;
    Ok(texts
        .into_iter()
        .map(|(id, secret)| (id.into_owned(), SecretText::new(secret)))
        .collect())
}

/// Where they belong, at a fixed length.
fn place(app_id: AppId, channel: Channel) -> [u8; 17] {
    let mut out = [0; 17];
    let (first, last) = out.split_at_mut(16);
    first.copy_from_slice(app_id.as_uuid().as_bytes());
    last.fill(match channel {
        Channel::Email => 1,
        Channel::Sms => 2,
    });
    out
}

#[cfg(test)]
mod tests {
    use doorward_crypto::MasterKey;
    use doorward_domain::OsRandom;

    use super::*;

    #[test]
    fn they_open_in_their_place_only() {
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
        let app = |n| AppId::from_uuid(uuid::Uuid::from_u128(n));
        let secrets = ProviderSecrets::from([("main".to_owned(), SecretText::new("p4ss"))]);
        let sealed = seal_secrets(&keyring, app(1), Channel::Email, &secrets, &OsRandom);
        assert!(!sealed.windows(4).any(|part| part == b"p4ss"));
        let opened = open_secrets(&keyring, app(1), Channel::Email, &sealed).unwrap();
        assert_eq!(opened["main"].expose(), "p4ss");
        assert!(open_secrets(&keyring, app(1), Channel::Sms, &sealed).is_err());
        assert!(open_secrets(&keyring, app(2), Channel::Email, &sealed).is_err());
    }
}
