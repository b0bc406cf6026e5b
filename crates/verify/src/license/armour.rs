//! The armour in which a licence file is mailed: the same idea as PEM (RFC 7468), around a compact
//! JWS.

const BEGIN: &str = "-----BEGIN DOORWARD LICENSE-----";
const END: &str = "-----END DOORWARD LICENSE-----";
const COLUMNS: usize = 64;

/// The text of a licence file: the compact JWS in lines of 64 characters between two marks, with a
/// final line feed.
#[must_use]
pub fn armoured(jws: &str) -> String {
    let mut out = String::with_capacity(jws.len().saturating_mul(66) / 64 + 80);
    out.push_str(BEGIN);
    for (index, character) in jws.chars().enumerate() {
        if index % COLUMNS == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push('\n');
    out.push_str(END);
    out.push('\n');
    out
}

/// The compact JWS in a text: between the marks, where there are any (with any text around them, as
/// in a mail), or the text itself. White space around and, between the marks, inside does not count.
/// `None` when a mark is missing or there are two files.
pub(super) fn unwrapped(text: &str) -> Option<String> {
    let Some((_, after)) = text.split_once(BEGIN) else {
        return Some(text.trim_ascii().to_owned());
    };
    let (body, rest) = after.split_once(END)?;
    if body.contains("-----") || rest.contains(BEGIN) {
        return None;
    }
    Some(body.split_ascii_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_64() {
        let jws = "x".repeat(130);
        let text = armoured(&jws);
        let lengths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [BEGIN.len(), 64, 64, 2, END.len()]);
        assert_eq!(unwrapped(&text), Some(jws));
        assert_eq!(armoured(&"x".repeat(64)).lines().count(), 3);
    }

    #[test]
    fn what_mail_does_to_it() {
        let text = armoured(&"ab".repeat(40));
        let whole = Some("ab".repeat(40));
        for seen in [
            text.replace('\n', "\r\n"),
            format!("Hello,\n\n{text}\nBye"),
            text.replace('\n', "\n  "),
            text.replace('\n', " "),
        ] {
            assert_eq!(unwrapped(&seen), whole);
        }
        assert_eq!(unwrapped(" a.b.c\r\n").as_deref(), Some("a.b.c"));
        assert_eq!(unwrapped(&text.replace(END, "")), None);
        assert_eq!(unwrapped(&format!("{text}{text}")), None);
        assert_eq!(unwrapped(&format!("{BEGIN}\n{text}")), None);
    }
}
