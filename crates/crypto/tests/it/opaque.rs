use doorward_crypto::opaque::{ADMIN_KEY_PREFIX, PASSWORD_RESET_PREFIX};
use doorward_crypto::{OpaqueToken, app_secret_hash};
use doorward_domain::OsRandom;
use doorward_domain::secret::AppSecret;
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::{reseal_checksum, with_checksum};

#[test]
fn carries_its_row_and_yields_its_hash() {
    let id = Uuid::from_u128(42);
    let (token, hash) = OpaqueToken::generate(ADMIN_KEY_PREFIX, id, &OsRandom);
    assert_eq!(token.expose().len(), 4 + 64 + 6);
    assert_eq!(
        OpaqueToken::parse(ADMIN_KEY_PREFIX, token.expose()),
        Some((id, hash))
    );
    let (another, other_hash) = OpaqueToken::generate(ADMIN_KEY_PREFIX, id, &OsRandom);
    assert_ne!(token.expose(), another.expose());
    assert_ne!(hash, other_hash);
}

#[test]
fn one_kind_is_not_another() {
    let (token, hash) = OpaqueToken::generate(ADMIN_KEY_PREFIX, Uuid::from_u128(42), &OsRandom);
    assert!(OpaqueToken::parse(PASSWORD_RESET_PREFIX, token.expose()).is_none());
    // Dressed up as the other kind, the same secret has another hash.
    let body = token.expose().strip_prefix(ADMIN_KEY_PREFIX).unwrap();
    let (body, _) = body.split_at(64);
    let dressed = reseal_checksum(&format!("{PASSWORD_RESET_PREFIX}{body}"));
    let (_, other_hash) = OpaqueToken::parse(PASSWORD_RESET_PREFIX, &dressed).unwrap();
    assert_ne!(hash, other_hash);
}

#[test]
fn every_changed_character_is_refused_or_another_secret() {
    let (token, hash) = OpaqueToken::generate(ADMIN_KEY_PREFIX, Uuid::from_u128(42), &OsRandom);
    let text = token.expose();
    for position in 0..text.len() {
        for replacement in ['A', 'b', '0', '-', '=', ' ', '\0'] {
            let mut changed: Vec<char> = text.chars().collect();
            if changed[position] == replacement {
                continue;
            }
            changed[position] = replacement;
            let changed: String = changed.into_iter().collect();
            assert!(OpaqueToken::parse(ADMIN_KEY_PREFIX, &changed).is_none());
            let (covered, _) = changed.split_at(text.len() - 6);
            if let Some((_, other)) =
                OpaqueToken::parse(ADMIN_KEY_PREFIX, &reseal_checksum(covered))
            {
                assert_eq!(other == hash, covered == &text[..text.len() - 6]);
            }
        }
    }
}

#[test]
fn app_secrets_hash_alike_in_either_case_only() {
    let secret = AppSecret::generate(&OsRandom);
    let upper = AppSecret::parse(&secret.expose().to_uppercase()).unwrap();
    assert_eq!(app_secret_hash(&secret), app_secret_hash(&upper));
    assert_ne!(
        app_secret_hash(&secret),
        app_secret_hash(&AppSecret::generate(&OsRandom))
    );
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String) {
        prop_assert!(OpaqueToken::parse("dwa_", &text).is_none());
        prop_assert!(OpaqueToken::parse("", &text).is_none());
        prop_assert!(OpaqueToken::parse(&text, "dwa_").is_none());
    }

    #[test]
    fn other_lengths_are_refused(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let parsed = OpaqueToken::parse("dwa_", &with_checksum("dwa_", &body));
        prop_assert_eq!(parsed.is_some(), body.len() == 48);
    }
}
