//! Licence keys: `PREFIX-XXXX-XXXX-XXXX-XXXX`.
//!
//! Sixteen characters of Crockford's base 32: fifteen random ones (75 bits) and a check character.
//! The check is a sum over GF(32) in which every position, those of the prefix included, has a
//! weight of its own. So one wrong character anywhere, and any two different characters that
//! changed places, are always found, and of all other errors 31 in 32. A typing error is therefore
//! known for one without asking the database.

use crate::app::Slug;
use crate::random::SecureRandom;
use crate::secret::SecretText;

/// Crockford's base 32: no I, L, O (they look like 1 and 0) and no U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters after the prefix, the check character included.
const BODY_LEN: usize = 16;
/// Length of a prefix.
const PREFIX_LEN: std::ops::RangeInclusive<usize> = 2..=12;
/// Longest text looked at, in bytes: people paste with spaces and odd hyphens.
const TEXT_MAX: usize = 128;
/// Characters of a key that may be shown to tell it from others.
const HINT_LEN: usize = 4;

/// A licence key. Does not print: whoever has it can take a device slot.
#[derive(Debug, Clone)]
pub struct LicenseKey {
    prefix: String,
    /// Sixteen characters of the alphabet.
    body: SecretText,
}

impl LicenseKey {
    /// A new one. The prefix is 2 to 12 characters of A-Z and 0-9 (see [`prefix`]).
    #[must_use]
    pub fn generate(prefix: &str, random: &dyn SecureRandom) -> Self {
        // 256 is a multiple of 32, so the low five bits of a random byte are uniform.
        let mut digits = random.bytes::<BODY_LEN>().map(|byte| byte & 31);
        if let Some((check, data)) = digits.split_last_mut() {
            let values = prefix.bytes().map(prefix_value);
            *check = times_two(values.chain(data.iter().copied()).fold(1, next));
        }
        let body: String = digits.iter().map(|digit| letter(*digit)).collect();
        Self {
            prefix: prefix.to_owned(),
            body: SecretText::new(body),
        }
    }

    /// Reads one as people write it: in any case, with or without hyphens and spaces, I and L for
    /// 1, O for 0. `None` when it is not well-formed, most likely a typing error.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let signs: Vec<u8> = text
            .chars()
            .filter(|c| !is_separator(*c))
            .map(|c| {
                let upper = c.to_ascii_uppercase();
                upper
                    .is_ascii_alphanumeric()
                    .then(|| u8::try_from(upper).ok())
                    .flatten()
            })
            .collect::<Option<_>>()?;
        let (prefix, body) = signs.split_at_checked(signs.len().checked_sub(BODY_LEN)?)?;
        if !PREFIX_LEN.contains(&prefix.len()) {
            return None;
        }
        let digits: Vec<u8> = body
            .iter()
            .map(|sign| value(*sign))
            .collect::<Option<_>>()?;
        let values = prefix.iter().map(|sign| prefix_value(*sign));
        if values.chain(digits.iter().copied()).fold(1, next) != 0 {
            return None;
        }
        let body: String = digits.iter().map(|digit| letter(*digit)).collect();
        Some(Self {
            prefix: prefix.iter().map(|sign| char::from(*sign)).collect(),
            body: SecretText::new(body),
        })
    }

    /// The key as it is handed out. Every use of this method is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> SecretText {
        let body = self.body.expose();
        let mut text = String::with_capacity(self.prefix.len() + BODY_LEN + 4);
        text.push_str(&self.prefix);
        for (index, sign) in body.chars().enumerate() {
            if index % 4 == 0 {
                text.push('-');
            }
            text.push(sign);
        }
        SecretText::new(text)
    }

    /// The one spelling that all spellings of this key share: what is hashed.
    #[must_use]
    pub fn canonical(&self) -> SecretText {
        let mut text = String::with_capacity(self.prefix.len() + BODY_LEN);
        text.extend(self.prefix.bytes().map(|sign| letter(prefix_value(sign))));
        text.push_str(self.body.expose());
        SecretText::new(text)
    }

    /// The last four characters, which tell a key from others and leave 55 bits unknown.
    #[must_use]
    pub fn hint(&self) -> &str {
        self.body
            .expose()
            .get(BODY_LEN - HINT_LEN..)
            .unwrap_or_default()
    }
}

/// What the keys of an app begin with: its setting, or else letters and digits of its slug.
#[must_use]
pub fn prefix(setting: &str, slug: &Slug) -> String {
    if !setting.is_empty() {
        return setting.to_owned();
    }
    let made: String = slug
        .as_str()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .take(8)
        .collect();
    if PREFIX_LEN.contains(&made.len()) {
        made
    } else {
        format!("{made:X<2}")
    }
}

/// What stands between the characters: white space, and the hyphens that word processors make.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn letter(digit: u8) -> char {
    char::from(
        ALPHABET
            .get(usize::from(digit & 31))
            .copied()
            .unwrap_or(b'0'),
    )
}

/// The value of an upper-case character, as Crockford decodes it.
fn value(sign: u8) -> Option<u8> {
    let sign = match sign {
        b'I' | b'L' => b'1',
        b'O' => b'0',
        other => other,
    };
    let index = ALPHABET.iter().position(|letter| *letter == sign)?;
    u8::try_from(index).ok()
}

/// The same for a prefix, which may be any word: U counts as V.
fn prefix_value(sign: u8) -> u8 {
    let sign = if sign == b'U' { b'V' } else { sign };
    value(sign).unwrap_or(0)
}

/// One step of Horner's rule at the point 2, which generates the 31 units of GF(32): at most 28
/// characters, so no two positions have one weight. The sum begins with 1, so that a prefix cannot
/// lose its first character unnoticed.
const fn next(sum: u8, digit: u8) -> u8 {
    times_two(sum) ^ digit
}

/// Multiplication by 2 in GF(32) = GF(2)[x]/(x⁵ + x² + 1).
const fn times_two(a: u8) -> u8 {
    let doubled = a << 1;
    if doubled & 32 == 0 {
        doubled
    } else {
        doubled ^ 0b10_0101
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;
    use proptest::prelude::*;

    fn text(prefix: &str) -> String {
        LicenseKey::generate(prefix, &OsRandom)
            .expose()
            .expose()
            .to_owned()
    }

    fn same(a: &str, b: &str) -> bool {
        let canonical = |text| LicenseKey::parse(text).map(|key| key.canonical());
        match (canonical(a), canonical(b)) {
            (Some(a), Some(b)) => a.expose() == b.expose(),
            _ => false,
        }
    }

    #[test]
    fn shape_and_silence() {
        let key = LicenseKey::generate("ACME", &OsRandom);
        let text = key.expose();
        let groups: Vec<_> = text.expose().split('-').collect();
        assert_eq!(groups.len(), 5);
        assert_eq!(groups[0], "ACME");
        assert!(groups[1..].iter().all(|group| group.len() == 4));
        assert_eq!(key.hint(), groups[4]);
        let printed = format!("{key:?}");
        assert!(
            !printed.contains(groups[1]) && !printed.contains(groups[4]),
            "{printed}"
        );
    }

    #[test]
    fn a_known_key() {
        // Calculated with tables of powers: 2^18 + 10 * 2^17 + 11 * 2^16 in GF(32).
        struct Zeros;
        impl SecureRandom for Zeros {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0);
            }
        }
        let key = LicenseKey::generate("AB", &Zeros);
        assert_eq!(key.expose().expose(), "AB-0000-0000-0000-0002");
    }

    #[test]
    fn people_write_it_in_many_ways() {
        let key = text("ACME-0IL".replace('-', "").as_str());
        let plain = key.replace('-', "");
        for spelling in [
            key.to_lowercase(),
            plain.clone(),
            format!("  {}\n", key.replace('-', " ")),
            key.replace('-', " – "),
            key.replace('0', "O").replace('1', "l"),
            key.replace('0', "o").replace('1', "I"),
        ] {
            assert!(same(&key, &spelling), "{spelling}");
        }
    }

    #[test]
    fn malformed() {
        let key = text("ACME");
        let (_, body) = key.split_once('-').unwrap();
        for bad in [
            String::new(),
            "ACME".to_owned(),
            "XXXX-XXXX-XXXX-XXXX".to_owned(),
            body.to_owned(),
            format!("{key}1"),
            format!("A{key}"),
            key.replacen("ACME", "ACMF", 1),
            key.replacen("ACME", "CAME", 1),
            key.replacen("ACME", "ACM", 1),
            format!("{}é", &key[..key.len() - 1]),
            format!("{}U", &key[..key.len() - 1]),
            format!("{}*", &key[..key.len() - 1]),
            format!("ABCDEFGHIJKLM-{body}"),
            "-".repeat(1_000),
        ] {
            assert!(LicenseKey::parse(&bad).is_none(), "{bad}");
        }
    }

    /// All single errors and all swaps, of a key with the longest prefix.
    #[test]
    fn every_wrong_character_and_every_swap_is_found() {
        for prefix in ["AB", "ACME", "ZYXWVTSRQPN9"] {
            let key = text(prefix).replace('-', "");
            let signs: Vec<char> = key.chars().collect();
            for at in 0..signs.len() {
                for wrong in ALPHABET.iter().map(|letter| char::from(*letter)) {
                    if wrong == signs[at] {
                        continue;
                    }
                    let mut changed = signs.clone();
                    changed[at] = wrong;
                    let changed: String = changed.into_iter().collect();
                    assert!(LicenseKey::parse(&changed).is_none(), "{key} {changed}");
                }
                for other in at + 1..signs.len() {
                    if signs[other] == signs[at] {
                        continue;
                    }
                    let mut changed = signs.clone();
                    changed.swap(at, other);
                    let changed: String = changed.into_iter().collect();
                    assert!(LicenseKey::parse(&changed).is_none(), "{key} {changed}");
                }
                let mut shorter = signs.clone();
                shorter.remove(at);
                let shorter: String = shorter.into_iter().collect();
                assert!(!same(&key, &shorter));
            }
        }
    }

    /// What makes the test above hold for every key and not only for those it tried: the check is
    /// linear, and the weights are distinct and not zero.
    #[test]
    fn every_position_has_a_weight_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        let mut weight = 1;
        for _ in 0..31 {
            assert!(weight != 0 && seen.insert(weight));
            weight = times_two(weight);
        }
        assert_eq!(weight, 1, "2 generates all 31 units");
        for a in 0..32 {
            for b in 0..32 {
                assert_eq!(times_two(a ^ b), times_two(a) ^ times_two(b));
            }
        }
        let values: std::collections::BTreeSet<_> = ALPHABET.iter().map(|s| value(*s)).collect();
        assert_eq!(values.len(), 32);
    }

    #[test]
    fn prefixes() {
        let of = |slug| prefix("", &Slug::parse(slug).unwrap());
        assert_eq!(of("acme"), "ACME");
        assert_eq!(of("my-invoice-app"), "MYINVOIC");
        assert_eq!(of("a-b"), "AB");
        assert_eq!(prefix("SHOP7", &Slug::parse("acme").unwrap()), "SHOP7");
    }

    proptest! {
        #[test]
        fn what_is_made_is_read(prefix in "[A-Z0-9]{2,12}", seed: [u8; 16]) {
            struct Fixed([u8; 16]);
            impl SecureRandom for Fixed {
                fn fill(&self, out: &mut [u8]) {
                    out.copy_from_slice(&self.0);
                }
            }
            let key = LicenseKey::generate(&prefix, &Fixed(seed));
            let shown = key.expose();
            let read = LicenseKey::parse(shown.expose()).unwrap();
            let read_back = read.expose();
            prop_assert_eq!(read_back.expose(), shown.expose());
            let (read_as, made) = (read.canonical(), key.canonical());
            prop_assert_eq!(read_as.expose(), made.expose());
        }

        #[test]
        fn nothing_panics(text: String) {
            if let Some(key) = LicenseKey::parse(&text) {
                prop_assert_eq!(key.hint().len(), 4);
            }
        }

        #[test]
        fn a_wrong_character_is_found(seed: [u8; 16], at in 0_usize..16, wrong in 0_u8..32) {
            struct Fixed([u8; 16]);
            impl SecureRandom for Fixed {
                fn fill(&self, out: &mut [u8]) {
                    out.copy_from_slice(&self.0);
                }
            }
            let key = LicenseKey::generate("QZ", &Fixed(seed)).expose().expose().replace('-', "");
            let mut signs: Vec<char> = key.chars().collect();
            prop_assume!(signs[2 + at] != letter(wrong));
            signs[2 + at] = letter(wrong);
            let changed: String = signs.into_iter().collect();
            prop_assert!(LicenseKey::parse(&changed).is_none());
        }
    }
}
