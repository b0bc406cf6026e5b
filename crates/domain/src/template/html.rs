//! Whether the HTML of a template keeps variables where escaping protects them, and runs nothing.
//!
//! A variable is escaped for text and for attributes in quotes. Anywhere else (an attribute without
//! quotes, the name of a tag, a style sheet) the escaped text could still become markup. Scripts have
//! no place in a mail: neither as handlers (`onclick=`) nor in links (`javascript:`).

use super::TemplateFault;

/// Attributes that hold an address.
const LINKS: [&str; 9] = [
    "action",
    "background",
    "cite",
    "data",
    "formaction",
    "href",
    "poster",
    "src",
    "xlink:href",
];

/// Schemes that run or carry something of their own.
const SCHEMES: [&str; 3] = ["javascript", "data", "vbscript"];

/// Longest name of a tag or an attribute that is looked at, and longest shown.
const NAME_MAX: usize = 32;

/// What a template is made of for HTML: characters, and places where a value comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    Variable,
}

/// Where in the markup we are.
enum State {
    Text,
    /// After `<`, or `</` (true).
    Opened(bool),
    Comment,
    TagName,
    /// Between attributes.
    InTag,
    AttributeName,
    /// After a name and its `=`.
    BeforeValue,
    /// In a value that ends with this; `None`: without quotes.
    Value(Option<char>),
    /// Inside `<style>`.
    Style,
}

struct Scan {
    state: State,
    line: usize,
    tag: String,
    attribute: String,
    /// The value so far, up to where its scheme is known.
    value: Vec<Piece>,
    /// The last characters, to see `-->` and `</style` coming.
    last: String,
}

/// Checks the HTML of a template that [`super::check`] accepts.
///
/// # Errors
/// The first thing that is not permitted.
pub fn check_html(text: &str) -> Result<(), TemplateFault> {
    let mut scan = Scan {
        state: State::Text,
        line: 1,
        tag: String::new(),
        attribute: String::new(),
        value: Vec::new(),
        last: String::new(),
    };
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after, lines) = next(rest);
        if let Some(piece) = piece {
            let line = scan.line;
            scan.step(piece)
                .map_err(|message| TemplateFault { line, message })?;
        }
        scan.line += lines;
        rest = after;
    }
    Ok(())
}

/// The next piece, what follows it, and the line breaks in it. Questions and comments are no piece: what
/// is around them is read as if all of it came out.
fn next(rest: &str) -> (Option<Piece>, &str, usize) {
    for (opening, closing, piece) in [
        ("{{", "}}", Some(Piece::Variable)),
        ("{%", "%}", None),
        ("{#", "#}", None),
    ] {
        if let Some(inside) = rest.strip_prefix(opening)
            && let Some((inside, after)) = inside.split_once(closing)
        {
            return (piece, after, inside.matches('\n').count());
        }
    }
    let mut chars = rest.chars();
    let char = chars.next();
    let lines = usize::from(char == Some('\n'));
    (char.map(Piece::Char), chars.as_str(), lines)
}

impl Scan {
    fn step(&mut self, piece: Piece) -> Result<(), String> {
        let Piece::Char(char) = piece else {
            return self.variable();
        };
        self.state = match self.state {
            State::Text if char == '<' => State::Opened(false),
            State::Text => State::Text,
            State::Opened(false) if char == '/' => State::Opened(true),
            State::Opened(false) if char == '!' => {
                self.last.clear();
                State::Comment
            }
            State::Opened(ending) if char.is_ascii_alphabetic() => {
                self.tag.clear();
                if ending {
                    self.tag.push('/');
                }
                push(&mut self.tag, char);
                State::TagName
            }
            State::Opened(_) if char == '<' => State::Opened(false),
            State::Opened(_) => State::Text,
            State::Comment => self.comment(char),
            State::TagName => match char {
                '>' => self.tag_ends(),
                '/' => State::InTag,
                c if c.is_ascii_whitespace() => State::InTag,
                c => {
                    push(&mut self.tag, c);
                    State::TagName
                }
            },
            State::InTag => match char {
                '>' => self.tag_ends(),
                '/' => State::InTag,
                c if c.is_ascii_whitespace() => State::InTag,
                '=' => State::BeforeValue,
                c => {
                    self.attribute.clear();
                    push(&mut self.attribute, c);
                    State::AttributeName
                }
            },
            State::AttributeName => match char {
                '=' => {
                    self.name_ends()?;
                    State::BeforeValue
                }
                '>' => self.tag_ends(),
                // `name = value` is as good as `name=value`.
                c if c.is_ascii_whitespace() => State::InTag,
                '/' => State::InTag,
                c => {
                    push(&mut self.attribute, c);
                    State::AttributeName
                }
            },
            State::BeforeValue => {
                self.name_ends()?;
                match char {
                    '>' => self.tag_ends(),
                    c if c.is_ascii_whitespace() => State::BeforeValue,
                    quote @ ('"' | '\'') => self.value_begins(Some(quote)),
                    c => {
                        let state = self.value_begins(None);
                        self.value.push(Piece::Char(c));
                        state
                    }
                }
            }
            State::Value(Some(quote)) if char == quote => {
                self.value_ends()?;
                State::InTag
            }
            State::Value(None) if char == '>' || char.is_ascii_whitespace() => {
                self.value_ends()?;
                match char {
                    '>' => self.tag_ends(),
                    _ => State::InTag,
                }
            }
            State::Value(quote) => {
                self.value.push(piece);
                State::Value(quote)
            }
            State::Style => self.style(char),
        };
        Ok(())
    }

    fn variable(&mut self) -> Result<(), String> {
        match &self.state {
            State::Text | State::Comment => Ok(()),
            State::Value(Some(_)) => {
                self.value.push(Piece::Variable);
                Ok(())
            }
            State::BeforeValue | State::Value(None) => Err(format!(
                "{name}={{{{ … }}}}: put the value in quotes, {name}=\"{{{{ … }}}}\"",
                name = self.attribute
            )),
            State::Style => Err("a variable cannot stand in <style>".to_owned()),
            State::Opened(_) | State::TagName | State::InTag | State::AttributeName => Err(
                "a variable cannot stand inside a tag, except in the quotes of an attribute"
                    .to_owned(),
            ),
        }
    }

    fn tag_ends(&self) -> State {
        match self.tag.as_str() {
            "style" => State::Style,
            _ => State::Text,
        }
    }

    /// The name of an attribute is known, and a value follows.
    fn name_ends(&self) -> Result<(), String> {
        if self.attribute.starts_with("on") {
            return Err(format!(
                "{}= is not permitted: mail programs run no scripts",
                self.attribute
            ));
        }
        Ok(())
    }

    fn value_begins(&mut self, quote: Option<char>) -> State {
        self.value.clear();
        State::Value(quote)
    }

    /// Looks at how an address begins.
    fn value_ends(&self) -> Result<(), String> {
        let name = &self.attribute;
        if !LINKS.contains(&name.as_str()) {
            return Ok(());
        }
        let mut scheme = String::new();
        for piece in &self.value {
            match piece {
                Piece::Char('/' | '?' | '#') => return Ok(()),
                Piece::Char(':') => break,
                // Whatever is written as an entity, or comes in, may become a scheme.
                Piece::Char('&') | Piece::Variable => {
                    return Err(format!(
                        "{name}= must begin as the address does, e.g. with https://"
                    ));
                }
                Piece::Char(c) if c.is_whitespace() || c.is_control() => {}
                Piece::Char(c) => push(&mut scheme, *c),
            }
        }
        if SCHEMES.contains(&scheme.as_str()) {
            return Err(format!("{name}=\"{scheme}:…\" is not permitted in a mail"));
        }
        Ok(())
    }

    fn comment(&mut self, char: char) -> State {
        self.remember(char);
        // `<!doctype html>` ends with `>`, a comment with `-->`.
        let comment = self.last.starts_with("--");
        if char == '>' && (!comment || self.last.ends_with("-->")) {
            return State::Text;
        }
        if comment && self.last.len() > 8 {
            // What it began with stays, and what it may end with.
            let end: String = self.last.chars().rev().take(2).collect();
            self.last = format!("--_{}", end.chars().rev().collect::<String>());
        }
        State::Comment
    }

    fn style(&mut self, char: char) -> State {
        self.remember(char);
        if self.last.ends_with("</style") {
            self.last.clear();
            "/style".clone_into(&mut self.tag);
            return State::TagName;
        }
        if self.last.len() > 64 {
            self.last = self
                .last
                .chars()
                .rev()
                .take(8)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
        }
        State::Style
    }

    fn remember(&mut self, char: char) {
        self.last.push(char.to_ascii_lowercase());
    }
}

fn push(name: &mut String, char: char) {
    if name.len() < NAME_MAX {
        name.push(char.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mails_are_made_of_is_permitted() {
        for good in [
            "<p title=\"{{ app_name }}\">{{ app_name }} {{ code }}</p>",
            "<!doctype html>\n<html lang='{{ language }}'><!-- {{ code }} > --><body>{{ code }}",
            "<a href=\"https://{{ domain }}/x?a=1&b=2\" target=_blank>{{ code }}</a>",
            "{% if domain %}<a class=x href=\"https://{{ domain }}\">{% endif %}x</a>",
            "<style>a > b { color: red } /* <a href={} */</style><p>{{ code }}</p>",
            "<img src=\"cid:logo\" alt=\"{{ app_name }}\"><br/><a href='#top'>1 < 2 <3</a>",
            "<a href=\"mailto:help@example.com\" title=\"data: {{ code }}\">x</a>",
            "<p one two=2>{{ code }}</p>",
        ] {
            assert_eq!(check_html(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_leaves_its_place_or_runs_is_not() {
        for (bad, line, word) in [
            ("<p>\n<a href={{ app_name }}>", 2, "quotes"),
            ("<a href= {{ app_name }}>", 1, "quotes"),
            ("<a href=https://x/{{ app_name }}>", 1, "quotes"),
            ("<a href=\"x\"\n\n ONCLICK = 'x'>", 3, "onclick="),
            ("<img onerror=x>", 1, "onerror="),
            ("<svg/onload=x>", 1, "onload="),
            ("<p {% if domain %}onclick=\"x\"{% endif %}>", 1, "onclick="),
            ("<a href=\"javascript:x\">", 1, "javascript:"),
            ("<a href=\" JavaScript:x\">", 1, "javascript:"),
            ("<a href=\"java\nscript:x\">", 2, "javascript:"),
            ("<a href=javascript:x>", 1, "javascript:"),
            ("<a href=\"&#106;avascript:x\">", 1, "must begin"),
            ("<a href=\"{{ app_name }}\">", 1, "must begin"),
            ("<img src=\"data:image/svg+xml,x\">", 1, "data:"),
            ("<{{ app_name }}>", 1, "inside a tag"),
            ("<p {{ app_name }}>", 1, "inside a tag"),
            ("<p {{ app_name }}=\"x\">", 1, "inside a tag"),
            ("<style>a { {{ app_name }} }</style>", 1, "<style>"),
            ("<style>a</style><a href={{ code }}>", 1, "quotes"),
            ("<!-- a --><a href={{ code }}>", 1, "quotes"),
            (
                "<!-- a long comment, and more of it --><a href={{ code }}>",
                1,
                "quotes",
            ),
        ] {
            let fault = check_html(bad).unwrap_err();
            assert_eq!(fault.line, line, "{bad}: {fault}");
            assert!(fault.message.contains(word), "{bad}: {fault}");
        }
    }
}
