//! Tokens that are not well-formed, and tokens that were tampered with.

use doorward_verify::{MAX_TOKEN_LEN, Reason, jws};
use proptest::prelude::*;
use std::sync::LazyLock;

use crate::support::*;

static GOOD: LazyLock<[String; 3]> =
    LazyLock::new(|| [&RS256, &ES256, &EDDSA].map(|forge| forge.with_claims(&claims())));

fn accepted(token: &str) -> bool {
    agile_verifier().verify(token, &KEYS, at(NOW)).is_ok()
}

#[test]
fn every_position_counts() {
    for good in GOOD.iter() {
        assert!(accepted(good));
        for position in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            for replacement in *b"A_.=\0 9" {
                let before = std::mem::replace(&mut bytes[position], replacement);
                if before != replacement {
                    assert!(
                        !accepted(std::str::from_utf8(&bytes).unwrap()),
                        "{position}"
                    );
                }
                bytes[position] = before;
            }
            let mut shorter = good.clone();
            shorter.remove(position);
            assert!(!accepted(&shorter), "without {position}");
            assert!(!accepted(&good[..position]), "up to {position}");
            assert!(!accepted(&good[position + 1..]), "from {position}");
        }
    }
}

/// The last character of each part carries bits that decode to nothing: they must be zero, or one
/// token would have several texts.
#[test]
fn stray_bits_padding_and_white_space() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for good in GOOD.iter() {
        for last in ALPHABET.chars() {
            let other = format!("{}{last}", &good[..good.len() - 1]);
            assert_eq!(accepted(&other), other == *good);
        }
        let parts: Vec<_> = good.split('.').collect();
        for at in 0..3 {
            for suffix in ["=", "==", " ", "\n", "\t", "%3D", "A", "AA", "AAA", "AAAA"] {
                let mut changed: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
                changed[at].push_str(suffix);
                assert!(!accepted(&changed.join(".")), "{at} {suffix:?}");
                changed[at] = format!("{suffix}{}", parts[at]);
                assert!(!accepted(&changed.join(".")), "{at} {suffix:?}");
            }
        }
        for wrapped in [
            format!("Bearer {good}"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("\"{good}\""),
        ] {
            assert!(!accepted(&wrapped));
        }
    }
}

/// The signature covers the text, so padding or another alphabet in it must be refused even when
/// it was signed that way.
#[test]
fn signed_but_not_strictly_encoded() {
    let header = encode(RS256.header().json());
    let payload = encode(claims().json());
    let padded = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
    let needs_padding = |fields: Fields| {
        let longer = |pad: &str| encode(fields.clone().set("pad", text(pad)).json());
        let found = ["", "x", "xx"]
            .map(longer)
            .into_iter()
            .find(|part| part.len() % 4 != 0);
        padded(&found.unwrap())
    };
    let texts = [
        format!("{header}.{payload}\n"),
        format!("{header} .{payload}"),
        format!("{}.{payload}", needs_padding(RS256.header())),
        format!("{header}.{}", needs_padding(claims())),
        format!(
            "{header}.{}",
            payload.replace('-', "+").replace('_', "/") + "+"
        ),
        format!("{header}.{payload}."),
        format!("{header}."),
        header.clone(),
    ];
    for signed in texts {
        let token = format!("{signed}.{}", encode(RS256.sign(signed.as_bytes())));
        assert!(verify(&token).is_err(), "{signed}");
    }
}

#[test]
fn parts_missing_or_too_many() {
    let good = &GOOD[0];
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        // Five parts are an encrypted token (RFC 7516), which ours never are.
        format!("{header}..{payload}.{signature}.{signature}"),
    ];
    for token in malformed {
        assert_eq!(refusal(&token), Reason::NotCompact, "{token}");
    }
    assert_eq!(
        refusal(&format!("{header}..{signature}")),
        Reason::Signature
    );
}

/// RFC 7515 §7.2: the other serialisation is not ours.
#[test]
fn json_serialisation() {
    let parts: Vec<_> = GOOD[0].split('.').collect();
    let flattened = format!(
        r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#,
        parts[0], parts[1], parts[2]
    );
    assert_eq!(refusal(&flattened), Reason::NotCompact);
}

#[test]
fn size_is_bounded() {
    let with_length = |wanted: usize| {
        let pad = |len: usize| RS256.with_claims(&claims().set("pad", text(&"x".repeat(len))));
        let mut len = (wanted - pad(0).len()) * 3 / 4;
        while pad(len).len() < wanted {
            len += 1;
        }
        pad(len)
    };
    let largest = with_length(MAX_TOKEN_LEN - 4);
    assert!(largest.len() <= MAX_TOKEN_LEN);
    verify(&largest).unwrap();
    assert_eq!(refusal(&with_length(MAX_TOKEN_LEN + 1)), Reason::TooLarge);
    assert_eq!(refusal(&"a".repeat(50_000_000)), Reason::TooLarge);
    assert_eq!(refusal(&".".repeat(MAX_TOKEN_LEN)), Reason::NotCompact);
}

#[test]
fn claims_that_are_not_strict_json() {
    let deep = |depth: usize| {
        claims()
            .set(
                "deep",
                format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            )
            .json()
    };
    let good = claims().json();
    let payloads: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        text(&good).into_bytes(),
        format!("[{good}]").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("{good},").into_bytes(),
        format!("{good}\0").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        good.replace(r#""owner""#, r#""owner",""#.trim_end_matches('"'))
            .into_bytes(),
        good.replace("owner", "\\ud800").into_bytes(),
        good.replace("owner", "\n").into_bytes(),
        good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        [good.as_bytes(), b"\xff"].concat(),
        good.replace("owner", "@")
            .bytes()
            .map(|b| if b == b'@' { 0xff } else { b })
            .collect(),
        deep(8).into_bytes(),
        deep(2000).into_bytes(),
    ];
    for payload in payloads {
        let token = RS256.token(RS256.header().json(), &payload);
        assert_eq!(
            refusal(&token),
            Reason::ClaimsJson,
            "{}",
            String::from_utf8_lossy(&payload)
        );
    }
    verify(&RS256.token(RS256.header().json(), deep(7))).unwrap();
    // White space around values is JSON too.
    verify(&RS256.token(RS256.header().json(), format!(" {good}\r\n\t"))).unwrap();
}

#[test]
fn a_compressed_payload_is_not_unpacked() {
    // The zlib and raw-deflate beginnings of a payload: refused as claims, not expanded.
    for payload in [
        b"\x78\x9c\xab\x56".as_slice(),
        b"\xab\x56\xca\x2c",
        b"\x1f\x8b\x08\x00",
    ] {
        assert_eq!(
            refusal(&RS256.token(RS256.header().json(), payload)),
            Reason::ClaimsJson
        );
    }
}

/// The lower half gives out any payload, but nothing without a right signature.
#[test]
fn low_level_jws() {
    let token = RS256.token(RS256.header().without("typ").json(), "not even JSON");
    let verified = jws::verify_compact(&token, &KEYS).unwrap();
    assert_eq!(verified.payload, b"not even JSON");
    assert_eq!(
        (verified.header.typ, verified.header.kid.as_str()),
        (None, RS256.public.kid())
    );
    let token = RS256_OTHER.token(RS256.header().json(), "{}");
    assert_eq!(jws::verify_compact(&token, &KEYS), Err(Reason::Signature));
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(which in 0..3usize, position: prop::sample::Index, by in 1..=255u8) {
        let good = &GOOD[which];
        let mut bytes = good.clone().into_bytes();
        let position = position.index(bytes.len());
        bytes[position] ^= by;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(!accepted(&changed));
        }
    }

    #[test]
    fn arbitrary_text_is_refused(text: String) {
        prop_assert!(!accepted(&text));
        prop_assert!(doorward_verify::unverified_app_id(&text).is_none());
    }

    #[test]
    fn arbitrary_parts_are_refused(parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..6)) {
        prop_assert!(!accepted(&parts.join(".")));
    }

    /// Rightly signed garbage: the parsers behind the signature do not panic either.
    #[test]
    fn arbitrary_signed_bytes_are_refused(header: Vec<u8>, payload: Vec<u8>) {
        let by_garbage_header = EDDSA.token(&header, &payload);
        prop_assert!(!accepted(&by_garbage_header));
        let by_good_header = EDDSA.token(EDDSA.header().json(), &payload);
        prop_assert!(!accepted(&by_good_header));
    }
}
