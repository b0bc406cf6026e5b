//! References under which a provider reports what became of a message: unguessable, and not stored.
//!
//! A reference is base64url of `channel ‖ message ‖ tag ‖ provider`. The tag is a MAC over all of it
//! and the app, by a key that is not in the database: nobody makes one who was not given it, it holds
//! for one message through one provider of one app, and a forged one is refused without a look-up.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use doorward_domain::contact::Channel;
use doorward_domain::{AppId, OutboxId};
use subtle::ConstantTimeEq;

use crate::keyring::{Keyring, Subkeys, absorb};
use crate::otp::truncate;

/// Bytes of the tag.
const TAG_LEN: usize = 16;

/// Longest provider id accepted, in bytes.
const PROVIDER_MAX: usize = 32;

/// A message on its way through one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRef {
    /// The message.
    pub message: OutboxId,
    /// How it travels.
    pub channel: Channel,
    /// The app's own provider; empty for the deployment's sender.
    pub provider: String,
}

impl Keyring {
    /// The reference of a message, made with the current key.
    #[must_use]
    pub fn message_reference(&self, app: AppId, of: &MessageRef) -> String {
        let mut bytes = vec![channel_byte(of.channel)];
        bytes.extend_from_slice(of.message.as_bytes());
        bytes.extend_from_slice(&tag(self.current(), app, of));
        bytes.extend_from_slice(of.provider.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a reference is about; `None` unless this app was given it, by this key or a former one.
    #[must_use]
    pub fn open_message_reference(&self, app: AppId, reference: &str) -> Option<MessageRef> {
        const LONGEST: usize = (1 + 16 + TAG_LEN + PROVIDER_MAX) * 4 / 3 + 3;
        if reference.len() > LONGEST {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(reference).ok()?;
        let (channel, rest) = bytes.split_first()?;
        let (message, rest) = rest.split_first_chunk::<16>()?;
        let (shown, provider) = rest.split_first_chunk::<TAG_LEN>()?;
        let of = MessageRef {
            message: OutboxId::from_uuid(uuid::Uuid::from_bytes(*message)),
            channel: match channel {
                1 => Channel::Email,
                2 => Channel::Sms,
                _ => return None,
            },
            provider: std::str::from_utf8(provider).ok()?.to_owned(),
        };
        self.all()
            .any(|keys| bool::from(tag(keys, app, &of).ct_eq(shown)))
            .then_some(of)
    }
}

const fn channel_byte(channel: Channel) -> u8 {
    match channel {
        Channel::Email => 1,
        Channel::Sms => 2,
    }
}

fn tag(keys: &Subkeys, app: AppId, of: &MessageRef) -> [u8; TAG_LEN] {
    let mut mac = hmac::Context::with_key(&keys.receipt);
    absorb(&mut mac, app.as_bytes());
    absorb(&mut mac, &[channel_byte(of.channel)]);
    absorb(&mut mac, of.message.as_bytes());
    absorb(&mut mac, of.provider.as_bytes());
    truncate(&mac.sign())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;
    use doorward_domain::OsRandom;

    fn app(n: u128) -> AppId {
        AppId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_reference_holds_for_one_message_of_one_app() {
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
        for provider in ["", "main", &"x".repeat(PROVIDER_MAX)] {
            let of = MessageRef {
                message: OutboxId::from_uuid(uuid::Uuid::from_u128(7)),
                channel: Channel::Sms,
                provider: provider.to_owned(),
            };
            let reference = keyring.message_reference(app(1), &of);
            assert_eq!(
                keyring.open_message_reference(app(1), &reference),
                Some(of.clone())
            );
            assert_eq!(keyring.open_message_reference(app(2), &reference), None);
            let other = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
            assert_eq!(other.open_message_reference(app(1), &reference), None);
            // Whatever bit is turned.
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&reference).unwrap();
            for at in 0..bytes.len() * 8 {
                let mut forged = bytes.clone();
                forged[at / 8] ^= 1 << (at % 8);
                let forged = BASE64_URL_SAFE_NO_PAD.encode(forged);
                assert_eq!(
                    keyring.open_message_reference(app(1), &forged),
                    None,
                    "{at}"
                );
            }
        }
        for bad in ["", "!", "AAAA", &"A".repeat(44), &"A".repeat(10_000)] {
            assert_eq!(keyring.open_message_reference(app(1), bad), None);
        }
    }

    #[test]
    fn a_former_key_is_still_accepted() {
        let former = MasterKey::generate(&OsRandom);
        let of = MessageRef {
            message: OutboxId::from_uuid(uuid::Uuid::from_u128(7)),
            channel: Channel::Email,
            provider: "main".to_owned(),
        };
        let again = MasterKey::from_hex_or_base64(former.to_hex().expose()).unwrap();
        let reference = Keyring::new(former, Vec::new()).message_reference(app(1), &of);
        let now = Keyring::new(MasterKey::generate(&OsRandom), vec![again]);
        assert_eq!(now.open_message_reference(app(1), &reference), Some(of));
    }
}
