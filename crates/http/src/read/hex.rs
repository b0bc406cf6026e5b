//! Text as its bytes in hexadecimal: what is in a cursor, and need not be escaped in a URL.

/// Writes it.
pub(crate) fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        for half in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(half), 16));
        }
        out
    })
}

/// Reads it; `None` for what is none, is longer than so many bytes, or holds control characters.
pub(crate) fn unhex(text: &str, most: usize) -> Option<String> {
    if text.len() > 2 * most
        || !text.bytes().all(|b| b.is_ascii_hexdigit())
        || !text.len().is_multiple_of(2)
    {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?)
        .ok()
        .filter(|text| !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "Order 1", "Ö\u{10FFFF}"] {
            assert_eq!(unhex(&hex(text), 20).as_deref(), Some(text));
        }
        assert_eq!(hex("Ö/"), "c3962f");
        for bad in ["0", "0g", "+1", "ff", "0a", "61626364"] {
            assert_eq!(unhex(bad, 3), None, "{bad}");
        }
    }
}
