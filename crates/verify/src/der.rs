//! Just enough DER to take the two numbers out of an RSA public key.

/// AlgorithmIdentifier of rsaEncryption with its NULL parameters (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// Modulus and exponent, without leading zeros, of an RSA SubjectPublicKeyInfo.
pub(crate) fn rsa_components(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = only(element(0x30, spki)?)?;
    let bits = only(element(0x03, info.strip_prefix(RSA_ENCRYPTION)?)?)?;
    // The count of unused bits in front of the key must be zero.
    let numbers = only(element(0x30, bits.strip_prefix(&[0])?)?)?;
    let (modulus, rest) = element(0x02, numbers)?;
    let exponent = only(element(0x02, rest)?)?;
    Some((unsigned(modulus)?, unsigned(exponent)?))
}

/// Contents and rest of an element of this tag; lengths up to 65,535, in their shortest form.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => {
            let (len, rest) = rest.split_first()?;
            (*len >= 0x80).then_some((usize::from(*len), rest))?
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            let len = u16::from_be_bytes(*len);
            (len >= 0x100).then_some((usize::from(len), rest))?
        }
        _ => return None,
    };
    (*found == tag)
        .then(|| rest.split_at_checked(len))
        .flatten()
}

fn only<'a>((contents, rest): (&'a [u8], &'a [u8])) -> Option<&'a [u8]> {
    rest.is_empty().then_some(contents)
}

fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer.split_first()? {
        (0, rest) => rest.first().filter(|next| **next >= 0x80).map(|_| rest),
        (0x80.., _) => None,
        _ => Some(integer),
    }
}
