//! Whether a template consists of the permitted constructs only.
//!
//! | construct | |
//! |---|---|
//! | `{{ variable }}` | its value; in HTML escaped |
//! | `{% if variable %}`, `{% if not variable %}`, `{% if variable == 1 %}`, `{% if variable == "x" %}` with `==`, `!=`, `<`, `<=`, `>`, `>=`, joined by `and`, `or` | a question |
//! | `{% elif … %}`, `{% else %}`, `{% endif %}` | |
//! | `{# … #}` | a comment |
//! | `{% extends "layout.html" %}`, `{% block content %}`, `{% endblock %}` | HTML only: the built-in frame |
//!
//! A `-` beside a delimiter removes the white space there.

use super::VARIABLES;

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong there. Names nothing but what stands in the template.
    pub message: String,
}

impl std::fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line {}: {}", self.line, self.message)
    }
}

/// Most questions inside one another.
const DEPTH_MAX: usize = 8;

/// Most `{% if … %}` and `{% elif … %}` of a template, and most terms of one of them. The engine keeps
/// each `elif` inside the one before it, and each term too: what is long for us is deep for it, and a
/// stack that runs out ends the whole process.
const QUESTIONS_MAX: usize = 64;
const TERMS_MAX: usize = 16;

/// Checks a template; `html` permits the built-in frame.
///
/// # Errors
/// The first thing that is not permitted.
pub fn check(text: &str, html: bool) -> Result<(), TemplateFault> {
    let mut rest = text;
    let mut open = Open::default();
    while let Some(at) = next_delimiter(rest) {
        let (_, from) = rest.split_at(at);
        // Counted for a fault only: whoever writes a template must not have all of it counted again
        // at each of its delimiters.
        let fault = |message: String| TemplateFault {
            line: line_of(text, from),
            message,
        };
        let (opening, inside) = from.split_at(2);
        let closing = match opening {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        let Some((inside, after)) = inside.split_once(closing) else {
            return Err(fault(format!("{opening} is never closed by {closing}")));
        };
        rest = after;
        if opening == "{#" {
            continue;
        }
        let words = words(inside).map_err(fault)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if opening == "{{" {
            value(&words).map_err(fault)?;
        } else {
            statement(&words, html, &mut open).map_err(fault)?;
        }
    }
    if open.depth > 0 {
        return Err(TemplateFault {
            line: text.lines().count().max(1),
            message: "an {% if … %} is never closed by {% endif %}".to_owned(),
        });
    }
    Ok(())
}

/// Questions met so far.
#[derive(Default)]
struct Open {
    /// Not closed yet.
    depth: usize,
    /// All of them.
    asked: usize,
}

/// One pass over the text, up to the first delimiter.
fn next_delimiter(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut pairs = bytes.windows(2);
    pairs.position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// The line in which `rest`, the end of `text`, begins.
fn line_of(text: &str, rest: &str) -> usize {
    let before = text.len().saturating_sub(rest.len());
    1 + text
        .bytes()
        .take(before)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The words between two delimiters: names, numbers, quoted texts and comparisons. Anything else is
/// refused, whatever the engine would make of it; so nothing here can hide a delimiter from us that
/// the engine sees.
fn words(inside: &str) -> Result<Vec<String>, String> {
    let inside = inside.strip_prefix('-').unwrap_or(inside);
    let inside = inside.strip_suffix('-').unwrap_or(inside);
    let mut words = Vec::new();
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        let mut word = String::from(c);
        match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {
                while let Some(more) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(more);
                }
            }
            '=' | '!' | '<' | '>' => {
                if let Some(equals) = chars.next_if_eq(&'=') {
                    word.push(equals);
                }
            }
            '"' | '\'' => loop {
                match chars.next() {
                    Some(end) if end == c => {
                        word.push('"');
                        break;
                    }
                    Some(inner) if inner.is_alphanumeric() || " .-_/:".contains(inner) => {
                        word.push(inner);
                    }
                    _ => {
                        return Err(
                            "a text in quotes may hold letters, digits and . - _ / : only"
                                .to_owned(),
                        );
                    }
                }
            },
            other => return Err(format!("{other:?} is not permitted in a template")),
        }
        words.push(word);
    }
    Ok(words)
}

fn value(words: &[&str]) -> Result<(), String> {
    match words {
        [name] => variable(name),
        [] => Err("{{ }} is empty".to_owned()),
        _ => Err("{{ … }} takes the name of one variable and nothing else".to_owned()),
    }
}

fn variable(name: &str) -> Result<(), String> {
    if VARIABLES.contains(&name) {
        Ok(())
    } else {
        let name: String = name.chars().take(32).collect();
        Err(format!(
            "there is no variable {name}; there are {}",
            VARIABLES.join(", ")
        ))
    }
}

fn statement(words: &[&str], html: bool, open: &mut Open) -> Result<(), String> {
    match words {
        ["if", condition @ ..] => {
            open.depth += 1;
            if open.depth > DEPTH_MAX {
                return Err(format!("at most {DEPTH_MAX} questions inside one another"));
            }
            question(condition, open)
        }
        ["elif", condition @ ..] if open.depth > 0 => question(condition, open),
        ["else"] if open.depth > 0 => Ok(()),
        ["endif"] if open.depth > 0 => {
            open.depth -= 1;
            Ok(())
        }
        ["extends", "\"layout.html\"" | "'layout.html\""]
        | ["block", "content"]
        | ["endblock"]
        | ["endblock", "content"]
            if html =>
        {
            Ok(())
        }
        [word, ..] => {
            let word: String = word.chars().take(32).collect();
            Err(format!("{{% {word} … %}} is not permitted here"))
        }
        [] => Err("{% %} is empty".to_owned()),
    }
}

/// One or more terms, joined by `and` and `or`.
fn question(words: &[&str], open: &mut Open) -> Result<(), String> {
    open.asked += 1;
    if open.asked > QUESTIONS_MAX {
        return Err(format!("at most {QUESTIONS_MAX} questions in a template"));
    }
    let joined = words.iter().filter(|word| matches!(**word, "and" | "or"));
    if joined.count() >= TERMS_MAX {
        return Err(format!("at most {TERMS_MAX} terms in a question"));
    }
    words
        .split(|word| matches!(*word, "and" | "or"))
        .try_for_each(term)
}

fn term(words: &[&str]) -> Result<(), String> {
    match words {
        [name] | ["not", name] => variable(name),
        [name, "==" | "!=" | "<" | "<=" | ">" | ">=", literal] => {
            variable(name)?;
            let number = literal.len() <= 9 && literal.bytes().all(|b| b.is_ascii_digit());
            if number || literal.ends_with('"') {
                Ok(())
            } else {
                Err("a variable is compared with a number or a text in quotes".to_owned())
            }
        }
        _ => Err("this is no question that a template can ask".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_built_in_templates_use_is_permitted() {
        for good in [
            "",
            "{ } {a} %} }} #}",
            "{{ code }} {{code}} {{- code -}}",
            "{% if minutes != 1 %}s{% endif %}",
            "{% if domain and minutes > 1 or not domain %}a{% elif language == \"de\" %}b{% else %}c{% endif %}",
            "{%- if domain %}\n\n@{{ domain }} #{{ code }}\n{%- endif %}",
            "{# {{ anything }} |safe #}{{ code }}",
        ] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        let framed =
            "{% extends \"layout.html\" %}{% block content %}{{ code }}{% endblock content %}";
        assert_eq!(check(framed, true), Ok(()));
        assert!(check(framed, false).is_err());
    }

    #[test]
    fn nothing_else_is() {
        for bad in [
            "{{ code|safe }}",
            "{{ code | e }}",
            "{{ code ~ code }}",
            "{{ code * 9 }}",
            "{{ code[0] }}",
            "{{ code.x }}",
            "{{ range(9) }}",
            "{{ 'x' }}",
            "{{ nobody }}",
            "{{ self }}",
            "{{ }}",
            "{{ code",
            "{{ '}}' }}",
            "{{ {{ code }} }}",
            "{{+ code }}",
            "{% set a = code %}",
            "{% for a in code %}{% endfor %}",
            "{% autoescape false %}{{ app_name }}{% endautoescape %}",
            "{%autoescape false%}{%endautoescape%}",
            "{%+ autoescape false %}",
            "{% raw %}{{ code }}{% endraw %}",
            "{% include 'layout.html' %}",
            "{% import 'x' as y %}",
            "{% macro f() %}{% endmacro %}",
            "{% filter upper %}{% endfilter %}",
            "{% call f() %}{% endcall %}",
            "{% do code %}",
            "{% if code is defined %}{% endif %}",
            "{% if code == domain %}{% endif %}",
            "{% if (code) %}{% endif %}",
            "{% if code in 'x' %}{% endif %}",
            "{% if %}{% endif %}",
            "{% if code and %}{% endif %}",
            "{% if code %}",
            "{% endif %}",
            "{% else %}",
            "{# never closed",
            "{% if code == \"%}{{ x }}\" %}{% endif %}",
            "{% if code == 1e9 %}{% endif %}",
            "{% extends \"other.html\" %}",
            "{% block other %}{% endblock %}",
            &format!("{}{}", "{% if code %}".repeat(9), "{% endif %}".repeat(9)),
        ] {
            assert!(check(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_would_be_deep_in_the_engine_is_bounded() {
        let chain = |count: usize| {
            let more = "{% elif code %}".repeat(count - 1);
            format!("{{% if code %}}{more}{{% endif %}}")
        };
        assert_eq!(check(&chain(QUESTIONS_MAX), false), Ok(()));
        assert!(check(&chain(QUESTIONS_MAX + 1), false).is_err());
        let terms = |count: usize| {
            let more = " or code".repeat(count - 1);
            format!("{{% if code{more} %}}{{% endif %}}")
        };
        assert_eq!(check(&terms(TERMS_MAX), false), Ok(()));
        assert!(check(&terms(TERMS_MAX + 1), false).is_err());
        let blocks = "{% if code %}{% endif %}".repeat(QUESTIONS_MAX + 1);
        assert!(check(&blocks, false).is_err());
    }

    /// Eight times the text must not take sixty-four times as long.
    #[test]
    fn the_time_grows_with_the_text() {
        let took = |count: usize| {
            let text = "{{code}}".repeat(count);
            let begun = std::time::Instant::now();
            assert_eq!(check(&text, true), Ok(()));
            begun.elapsed()
        };
        let few = (0..5).map(|_| took(4_000)).min().unwrap();
        let many = (0..5).map(|_| took(32_000)).min().unwrap();
        assert!(many < few * 24, "{few:?} for 4,000, {many:?} for 32,000");
    }

    #[test]
    fn the_line_is_named() {
        let fault = check("a\n{{ code }}\n{{ nobody }}", false).unwrap_err();
        assert_eq!(fault.line, 3);
        assert!(
            fault
                .to_string()
                .starts_with("Line 3: there is no variable nobody")
        );
    }
}
