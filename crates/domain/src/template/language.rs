//! Language tags and which template serves whom.

/// A language tag (BCP 47), in its usual spelling: `en`, `pt-BR`, `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// What a tag looks like, for people.
    pub const RULE: &'static str = "Must be a language tag (e.g. en or pt-BR)";

    /// English, in which the built-in messages are.
    #[must_use]
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// Parses a tag. Extensions and private subtags (anything behind a single letter) are dropped:
    /// no message differs by them.
    ///
    /// # Errors
    /// [`Language::RULE`] when it does not look like one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > 35 {
            return Err(Self::RULE);
        }
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        if !(2..=3).contains(&first.len()) || !first.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(Self::RULE);
        }
        let mut out = first.to_ascii_lowercase();
        let mut dropping = false;
        for part in parts {
            if !(1..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(Self::RULE);
            }
            dropping |= part.len() == 1;
            if dropping {
                continue;
            }
            let lower = part.to_ascii_lowercase();
            out.push('-');
            match lower.len() {
                2 => out.push_str(&lower.to_ascii_uppercase()),
                4 if lower.bytes().all(|b| b.is_ascii_alphabetic()) => {
                    let (head, tail) = lower.split_at(1);
                    out.push_str(&head.to_ascii_uppercase());
                    out.push_str(tail);
                }
                _ => out.push_str(&lower),
            }
        }
        Ok(Self(out))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of the languages there are, the one that serves a reader of this one best: itself, else what
    /// is left when subtags are cut off from the end (lookup, RFC 4647 §3.4).
    pub fn lookup<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let mut range = self.0.as_str();
        loop {
            if let Some(found) = find(range) {
                return Some(found);
            }
            range = range.rsplit_once('-')?.0;
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (text, tag) in [
            ("en", "en"),
            ("EN-us", "en-US"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("de-DE-u-co-phonebk", "de-DE"),
            ("sl-rozaj", "sl-rozaj"),
        ] {
            assert_eq!(Language::parse(text).unwrap().as_str(), tag);
        }
        for bad in [
            "",
            "e",
            "english",
            "en_US",
            "en-",
            "-en",
            "e1",
            "en-ümlaut",
            "de-123456789",
            &"a".repeat(40),
        ] {
            assert!(Language::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nearest_language_serves() {
        let serve = |wanted: &str, there: &[&'static str]| {
            Language::parse(wanted)
                .unwrap()
                .lookup(|tag| there.iter().copied().find(|have| *have == tag))
        };
        assert_eq!(serve("pt-BR", &["pt", "pt-BR"]), Some("pt-BR"));
        assert_eq!(serve("pt-AO", &["pt", "pt-BR"]), Some("pt"));
        assert_eq!(serve("zh-Hant-TW", &["zh", "zh-Hant"]), Some("zh-Hant"));
        assert_eq!(serve("de", &["pt", "de-AT"]), None);
    }
}
