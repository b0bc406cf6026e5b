//! Where a person can be reached: e-mail addresses and phone numbers, parsed at the door.

use std::borrow::Cow;
use std::fmt;

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use crate::time::Timestamp;

/// Why an address was refused. The text is what the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Not an e-mail address.
    #[error("Must be an e-mail address (e.g. ada@example.com)")]
    Email,
    /// Not an E.164 number.
    #[error("Phone must be in E.164 format (e.g. +919876543210)")]
    Phone,
}

/// An e-mail address.
///
/// Two forms: original, for sending, and canonical, which decides uniqueness. They differ in the
/// case of ASCII letters of the local part and in nothing else, so that a code always goes to the
/// mailbox it is counted for. RFC 5321 §2.4 allows local parts that differ by case only; no provider
/// hands them out, and treating them as two people would let one pose as the other. No dots or
/// `+tags` are removed.
///
/// The domain is in ASCII (IDNA). A local part beyond ASCII (RFC 6532) is mapped as a label of a
/// domain is (UTS #46: lower case, NFC, look-alike and invisible characters folded away), for
/// sending too. Lower case alone would turn the Kelvin sign into a k: one canonical form for two
/// mailboxes, and the code would go to the wrong one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    original: String,
    canonical: String,
}

impl EmailAddress {
    /// Longest address accepted, in bytes (RFC 5321 §4.5.3.1.3, less the angle brackets).
    pub const MAX_LEN: usize = 254;

    /// Parses an address.
    ///
    /// # Errors
    /// [`ContactError::Email`] when it is not `local@domain` of RFC 5321, is too long, has a quoted
    /// local part, an address literal, control characters, or a domain without a dot.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let blank = |c: char| c.is_control() || c.is_whitespace();
        if text.len() > Self::MAX_LEN || text.contains(blank) {
            return Err(ContactError::Email);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(ContactError::Email)?;
        let local = mapped(local)?;
        let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| ContactError::Email)?;
        let last = ascii.rsplit('.').next().unwrap_or_default();
        if !ascii.contains('.')
            || last.bytes().all(|b| b.is_ascii_digit())
            || local.contains(blank)
            || local.contains(['"', '@', '(', ')', '<', '>', ',', ';', ':', '\\', '[', ']'])
        {
            return Err(ContactError::Email);
        }
        let options = email_address::Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_minimum_sub_domains(2);
        let original = format!("{local}@{ascii}");
        if original.len() > Self::MAX_LEN {
            return Err(ContactError::Email);
        }
        email_address::EmailAddress::parse_with_options(&original, options)
            .map_err(|_| ContactError::Email)?;
        let canonical = original.to_ascii_lowercase();
        Ok(Self {
            original,
            canonical,
        })
    }

    /// As given (domain in ASCII, a local part beyond ASCII mapped), for sending.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The form that decides uniqueness.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// A local part as it is sent to: ASCII as it is, anything else by UTS #46.
fn mapped(local: &str) -> Result<Cow<'_, str>, ContactError> {
    if local.is_ascii() {
        return Ok(Cow::Borrowed(local));
    }
    let (mapped, valid) =
        Uts46::new().to_unicode(local.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    valid.map_err(|_| ContactError::Email)?;
    Ok(mapped)
}

/// A phone number in E.164 form (`+` and digits).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Parses an E.164 number: `+`, a country code, at most 15 digits, no spaces or other signs,
    /// possible under that country's numbering plan, and no premium-rate number.
    ///
    /// # Errors
    /// [`ContactError::Phone`] otherwise.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        if !Self::has_the_form(text) {
            return Err(ContactError::Phone);
        }
        let number = phonenumber::parse(None, text).map_err(|_| ContactError::Phone)?;
        let canonical = number.format().mode(phonenumber::Mode::E164).to_string();
        // A national prefix that libphonenumber drops would make two spellings of one number.
        if !number.is_valid() || canonical != text {
            return Err(ContactError::Phone);
        }
        // Whoever owns such a number earns by each message to it.
        if number.number_type(&phonenumber::metadata::DATABASE) == phonenumber::Type::PremiumRate {
            return Err(ContactError::Phone);
        }
        Ok(Self(canonical))
    }

    /// A number that was parsed before it was stored, or that is looked for. Only its form is looked at:
    /// numbering plans change, and whoever has a number of a former one must still be found.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::has_the_form(text).then(|| Self(text.to_owned()))
    }

    fn has_the_form(text: &str) -> bool {
        text.strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        })
    }

    /// The country's calling code, without `+`: several countries may share one.
    #[must_use]
    pub fn calling_code(&self) -> u16 {
        phonenumber::parse(None, &self.0).map_or(0, |number| number.code().value())
    }

    /// The number, `+` first.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a message reaches somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "email" => Some(Self::Email),
            "sms" => Some(Self::Sms),
            _ => None,
        }
    }
}

/// An e-mail address or a phone number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Contact {
    /// By e-mail.
    Email(EmailAddress),
    /// By SMS.
    Phone(PhoneNumber),
}

impl Contact {
    /// The channel that reaches it.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The form that decides uniqueness.
    #[must_use]
    pub fn canonical(&self) -> &str {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// The form to send to.
    #[must_use]
    pub fn original(&self) -> &str {
        match self {
            Self::Email(email) => email.original(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// Parses the stored form back. `None` when the store holds something that never was valid.
    #[must_use]
    pub fn from_stored(channel: Channel, text: &str) -> Option<Self> {
        match channel {
            Channel::Email => EmailAddress::parse(text).ok().map(Self::Email),
            Channel::Sms => PhoneNumber::from_stored(text).map(Self::Phone),
        }
    }

    /// Shortened for logs and audit: enough for a person to recognise, too little to write to.
    #[must_use]
    pub fn masked(&self) -> String {
        match self {
            Self::Email(email) => {
                let (local, domain) = email.canonical.rsplit_once('@').unwrap_or_default();
                let first = local.chars().next().unwrap_or('*');
                format!("{first}***@{domain}")
            }
            Self::Phone(phone) => {
                let tail = phone
                    .0
                    .get(phone.0.len().saturating_sub(2)..)
                    .unwrap_or_default();
                let head = phone.0.get(..3).unwrap_or_default();
                format!("{head}***{tail}")
            }
        }
    }
}

// Addresses are personal data: `Debug`, which is what ends up in logs, shows the masked form only.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Contact::Email(self.clone()).masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Contact::Phone(self.clone()).masked())
    }
}

/// A stored address with the time it was proved, if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAt<T> {
    /// The address.
    pub value: T,
    /// When its owner proved to hold it.
    pub verified_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_canonical_form() {
        let email = EmailAddress::parse("Ada.Lovelace+x@EXAMPLE.com").unwrap();
        assert_eq!(email.original(), "Ada.Lovelace+x@example.com");
        assert_eq!(email.canonical(), "ada.lovelace+x@example.com");
        let idn = EmailAddress::parse("jörg@bücher.example").unwrap();
        assert_eq!(idn.canonical(), "jörg@xn--bcher-kva.example");
    }

    #[test]
    fn a_code_goes_where_the_canonical_form_says() {
        for (given, canonical) in [
            ("\u{212a}ate@example.com", "kate@example.com"),
            ("ｋate@example.com", "kate@example.com"),
            ("ka\u{200b}te@example.com", "kate@example.com"),
            ("k\u{ad}ate@example.com", "kate@example.com"),
            ("zoe\u{308}@example.com", "zoë@example.com"),
            ("ZOË@example.com", "zoë@example.com"),
            ("Stra\u{1e9e}e+X@example.com", "straße+x@example.com"),
            ("kate@ｅXample\u{3002}com", "kate@example.com"),
        ] {
            let email = EmailAddress::parse(given).unwrap_or_else(|_| panic!("{given:?}"));
            assert_eq!(email.canonical(), canonical, "{given:?}");
            assert!(
                email.original().eq_ignore_ascii_case(canonical),
                "{given:?}"
            );
            let again = EmailAddress::parse(email.original()).unwrap();
            assert_eq!(again, email, "what is stored reads back as what it was");
        }
        for bad in [
            "İda@example.com",
            "kate\u{202e}moc.elpmaxe@example.com",
            "kate\u{ff20}evil.example@example.com",
            "kate\u{ff0c}eve@example.com",
            "kate@example.com.",
            "\u{2028}kate@example.com",
            "kate\u{a0}x@example.com",
            "kate\u{a8}@example.com",
        ] {
            assert_eq!(
                EmailAddress::parse(bad),
                Err(ContactError::Email),
                "{bad:?}"
            );
        }
        // A domain may grow when it is put into ASCII.
        let growing = format!(
            "{}@{}.example",
            "a".repeat(64),
            "ü.".repeat(40).trim_end_matches('.')
        );
        assert!(growing.len() <= EmailAddress::MAX_LEN);
        assert_eq!(EmailAddress::parse(&growing), Err(ContactError::Email));
    }

    #[test]
    fn bad_emails_are_refused() {
        for bad in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@-b.com",
            "a@b.com\r\nBcc: x@y.z",
            "\"a\"@b.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "Ada <a@b.com>",
            "a@b@c.com",
            "a.@b.com",
            ".a@b.com",
            "a@b.com,c@d.com",
        ] {
            assert_eq!(
                EmailAddress::parse(bad),
                Err(ContactError::Email),
                "{bad:?}"
            );
        }
        assert!(EmailAddress::parse(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn phones() {
        for good in [
            "+919876543210",
            "+14155552671",
            "+4915123456789",
            "+447911123456",
        ] {
            assert_eq!(PhoneNumber::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "+",
            "919876543210",
            "+91 9876543210",
            "+0123456789",
            "+1",
            "+999999999999999",
            "+4401134960000",
            "+1415555267a",
            "+1415555267١",
            "tel:+14155552671",
            "+12345678901234567",
            "+19005551234",
            "+449098790000",
            "+979123456789",
        ] {
            assert_eq!(PhoneNumber::parse(bad), Err(ContactError::Phone), "{bad:?}");
        }
    }

    #[test]
    fn a_stored_number_of_a_former_plan_is_still_one() {
        let former = "+9991234567";
        assert_eq!(PhoneNumber::parse(former), Err(ContactError::Phone));
        assert_eq!(PhoneNumber::from_stored(former).unwrap().as_str(), former);
        assert!(Contact::from_stored(Channel::Sms, former).is_some());
        for bad in [
            "",
            "+",
            "9991234567",
            "+999123",
            "+9991234567890123",
            "+999 1234567",
        ] {
            assert_eq!(PhoneNumber::from_stored(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn debug_hides_the_address() {
        let email = Contact::Email(EmailAddress::parse("ada@example.com").unwrap());
        assert_eq!(format!("{email:?}"), "a***@example.com");
        let phone = Contact::Phone(PhoneNumber::parse("+919876543210").unwrap());
        assert_eq!(format!("{phone:?}"), "+91***10");
    }
}
