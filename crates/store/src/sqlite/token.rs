//! A lexer that knows as much SQL as is needed to change words without touching literals and
//! comments.

/// A piece of SQL. All pieces together are the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or an unquoted name.
    Word(&'a str),
    /// `$` and a number.
    Parameter(&'a str),
    /// A comment, a literal, a quoted name, blanks: nothing in it has a meaning to us.
    Opaque(&'a str),
    /// Any other character.
    Symbol(&'a str),
}

impl<'a> Token<'a> {
    /// The text itself.
    pub(super) const fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Parameter(text) | Self::Opaque(text) | Self::Symbol(text) => {
                text
            }
        }
    }

    /// Whether it is this keyword, in any case.
    pub(super) fn is_word(self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

/// Splits SQL into its pieces. Never fails: what is not closed goes to the end.
pub(super) fn tokens<'a>(sql: &'a str) -> impl Iterator<Item = Token<'a>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (length, kind): (usize, fn(&'a str) -> Token<'a>) = match first {
            // A doubled quote reads as two literals side by side, which is as good.
            '\'' | '"' => (quoted(rest, first), Token::Opaque),
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), Token::Opaque),
            '/' if rest.starts_with("/*") => (
                rest.find("*/").map_or(rest.len(), |at| at + 2),
                Token::Opaque,
            ),
            '$' => match span(rest.strip_prefix('$').unwrap_or(""), |c| c.is_ascii_digit()) {
                0 => (1, Token::Symbol),
                digits => (1 + digits, Token::Parameter),
            },
            c if c.is_whitespace() => (span(rest, char::is_whitespace), Token::Opaque),
            // A number is opaque, so that the `e` of `1e3` is no word.
            c if c.is_ascii_digit() => (span(rest, is_name), Token::Opaque),
            c if is_name(c) => (span(rest, is_name), Token::Word),
            c => (c.len_utf8(), Token::Symbol),
        };
        let (token, tail) = rest.split_at_checked(length)?;
        rest = tail;
        Some(kind(token))
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn quoted(text: &str, quote: char) -> usize {
    text.char_indices()
        .skip(1)
        .find(|(_, c)| *c == quote)
        .map_or(text.len(), |(at, _)| at + quote.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_and_comments_are_opaque() {
        let sql = "a'b $1'--$2\n/*$3*/\"$4\"$5 1e3";
        let found: Vec<_> = tokens(sql)
            .filter(|token| !matches!(token, Token::Opaque(_)))
            .collect();
        assert_eq!(found, [Token::Word("a"), Token::Parameter("$5")]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(sql in r#"[-a-z$0-9'"/* \n;é(]{0,60}"#) {
            prop_assert_eq!(tokens(&sql).map(Token::text).collect::<String>(), sql);
        }
    }
}
