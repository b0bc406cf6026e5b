//! ECDSA signatures: raw r | s of 64 bytes (RFC 7518 §3.4) and nothing else.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use doorward_verify::{Reason, VerifyError};

use crate::support::*;

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn signed() -> String {
    format!(
        "{}.{}",
        encode(ES256.header().json()),
        encode(claims().json())
    )
}

fn outcome(signature: &[u8]) -> Result<(), VerifyError> {
    let token = format!("{}.{}", signed(), encode(signature));
    agile_verifier().verify(&token, &KEYS, at(NOW)).map(|_| ())
}

const REFUSED: Result<(), VerifyError> = Err(VerifyError::Invalid(Reason::Signature));

#[test]
fn der_is_refused() {
    let pkcs8 = include_bytes!("keys/es256.pk8");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).unwrap();
    let signature = pair
        .sign(&SystemRandom::new(), signed().as_bytes())
        .unwrap();
    assert_eq!(outcome(signature.as_ref()), REFUSED);
}

#[test]
fn lengths_and_padding() {
    let good = ES256.sign(signed().as_bytes());
    assert_eq!(outcome(&good), Ok(()));
    let (r, s) = good.split_at(32);
    for bad in [
        [&[0], good.as_slice()].concat(),
        [good.as_slice(), &[0]].concat(),
        [&[0], r, &[0], s].concat(),
        good[..63].to_vec(),
        r.to_vec(),
        [good.as_slice(), good.as_slice()].concat(),
        [s, r].concat(),
        vec![0],
    ] {
        assert_eq!(outcome(&bad), REFUSED);
    }
}

/// CVE-2022-21449 ("psychic signatures") and its neighbours: zero, the order, and beyond.
#[test]
fn zero_and_order_and_beyond() {
    let good = ES256.sign(signed().as_bytes());
    let (r, s) = good.split_at(32);
    let (zero, max) = ([0; 32], [255; 32]);
    let mut one = zero;
    one[31] = 1;
    for bad in [
        [zero, zero],
        [one, zero],
        [zero, one],
        [one, one],
        [ORDER, ORDER],
        [ORDER, one],
        [one, ORDER],
        [max, max],
        [zero, ORDER],
        [ORDER, zero],
    ] {
        assert_eq!(outcome(&bad.concat()), REFUSED);
    }
    for bad in [
        [r, &zero].concat(),
        [&zero, s].concat(),
        [r, &ORDER].concat(),
        [&ORDER, s].concat(),
    ] {
        assert_eq!(outcome(&bad), REFUSED);
    }
}

/// (r, n − s) is as valid as (r, s): RFC 7518 does not forbid it and signers produce both. So the
/// text of a token is no identity; `jti` is. What both texts say is the same.
#[test]
fn the_other_half_says_the_same() {
    let good = ES256.sign(signed().as_bytes());
    let (r, s) = good.split_at(32);
    let mut other = ORDER;
    let mut borrow = false;
    for (a, b) in other.iter_mut().zip(s).rev() {
        let (value, first) = a.overflowing_sub(*b);
        let (value, second) = value.overflowing_sub(u8::from(borrow));
        (*a, borrow) = (value, first || second);
    }
    assert_ne!(other, s);
    let verify = |signature: &[u8]| {
        let token = format!("{}.{}", signed(), encode(signature));
        agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap()
    };
    assert_eq!(verify(&good), verify(&[r, &other].concat()));
}
