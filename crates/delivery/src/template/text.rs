//! What may stand in a header line and what fits into one SMS.

/// Characters of one SMS in the GSM 7-bit alphabet (3GPP TS 23.038 §6.2.1).
pub(super) const SMS_UNITS: usize = 160;

/// Longest subject line, in characters.
const SUBJECT_CHARS: usize = 200;

/// The basic alphabet, one unit each. Its control characters other than CR and LF are left out.
const GSM_BASIC: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà\n\r";

/// The extension table, two units each.
const GSM_EXTENSION: &str = "^{}\\[~]|€";

/// Units of a text in the GSM 7-bit alphabet; `None` when a character is not in it (the whole
/// message is then sent as UCS-2, 70 characters a piece).
pub(super) fn gsm_units(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |sum, c| {
        if GSM_BASIC.contains(c) {
            Some(sum + 1)
        } else if GSM_EXTENSION.contains(c) {
            Some(sum + 2)
        } else {
            None
        }
    })
}

/// How an SMS is written on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsEncoding {
    /// The 7-bit alphabet: 160 characters, or 153 a piece.
    Gsm7,
    /// UCS-2: 70 characters, or 67 a piece.
    Ucs2,
}

/// How long an SMS is; the provider charges for each segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SmsSize {
    /// How it is written.
    pub encoding: SmsEncoding,
    /// Units of that encoding: some characters take two.
    pub units: usize,
    /// Pieces it is sent in.
    pub segments: usize,
}

/// How long an SMS is (3GPP TS 23.038, TS 23.040 §9.2.3.24.1).
#[must_use]
pub fn sms_size(text: &str) -> SmsSize {
    let (encoding, units, whole, piece) = match gsm_units(text) {
        Some(units) => (SmsEncoding::Gsm7, units, SMS_UNITS, 153),
        None => (SmsEncoding::Ucs2, text.encode_utf16().count(), 70, 67),
    };
    let segments = if units <= whole {
        1
    } else {
        units.div_ceil(piece)
    };
    SmsSize {
        encoding,
        units,
        segments,
    }
}

/// Replaces what ends a line or is invisible by one space, so that the text stays on one line and
/// can be put into a header: controls (CR, LF, NUL, …), U+2028, U+2029 and the directional
/// overrides that could make a name read as something else.
pub(crate) fn single_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let dangerous = c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let c = if dangerous || c.is_whitespace() {
            ' '
        } else {
            c
        };
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out.trim().to_owned()
}

/// A subject line.
pub(super) fn subject(text: &str) -> String {
    shorten(&single_line(text), SUBJECT_CHARS)
}

/// The first characters of a text, ending in `...` when something was cut.
pub(super) fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let head: String = text.chars().take(max.saturating_sub(3)).collect();
    format!("{}...", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gsm_alphabet() {
        assert_eq!(gsm_units("Grüße 123"), Some(9));
        assert_eq!(gsm_units("[€]"), Some(6));
        assert_eq!(gsm_units("日本"), None);
        assert_eq!(gsm_units("ş"), None);
    }

    #[test]
    fn sms_sizes() {
        let size = |text: &str| {
            let size = sms_size(text);
            (size.encoding, size.units, size.segments)
        };
        assert_eq!(size(""), (SmsEncoding::Gsm7, 0, 1));
        assert_eq!(size(&"a".repeat(160)), (SmsEncoding::Gsm7, 160, 1));
        assert_eq!(size(&"a".repeat(161)), (SmsEncoding::Gsm7, 161, 2));
        assert_eq!(size(&"a".repeat(307)), (SmsEncoding::Gsm7, 307, 3));
        assert_eq!(size(&"日".repeat(70)), (SmsEncoding::Ucs2, 70, 1));
        assert_eq!(size(&"日".repeat(71)), (SmsEncoding::Ucs2, 71, 2));
        assert_eq!(size("🔑"), (SmsEncoding::Ucs2, 2, 1));
    }

    #[test]
    fn one_line_whatever_comes() {
        assert_eq!(single_line("a\r\nBcc: b@c.d"), "a Bcc: b@c.d");
        assert_eq!(single_line(" a\u{2028}b\u{0085}c\0d\te "), "a b c d e");
        assert_eq!(single_line("safe\u{202e}gnp.exe"), "safe gnp.exe");
        assert_eq!(single_line("\r\n"), "");
    }

    #[test]
    fn shortening() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abc...");
        assert_eq!(shorten("ab cdefg", 6), "ab...");
    }
}
