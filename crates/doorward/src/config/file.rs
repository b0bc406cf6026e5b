//! The TOML file, flattened to `section.name` with the line each value stands in.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::registry;
use super::suggest::nearest;

/// One value of the file. It may be a secret, hence without `Debug`.
pub(super) struct Entry {
    /// `section.name`, possibly with `_file` at its end.
    pub(super) key: String,
    /// The value, in the form of an environment variable.
    pub(super) text: String,
    /// Where it stands, from 1.
    pub(super) line: usize,
}

/// Reads a file. Keys that no setting has are problems, with the nearest known name.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<Entry> {
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            problems.push(Problem::new(at(path, line), error.message()));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (section, value) in root.get_ref() {
        let line = line_of(text, section.span().start);
        match value.get_ref() {
            DeValue::Table(table) => {
                for (name, value) in table {
                    let key = format!("{}.{}", section.get_ref(), name.get_ref());
                    let line = line_of(text, name.span().start);
                    if is_known(&key) {
                        entry(path, key, value, line, &mut entries, problems);
                    } else {
                        problems.push(unknown(path, &key, line));
                    }
                }
            }
            _ => problems.push(unknown(path, section.get_ref(), line)),
        }
    }
    entries
}

/// The setting that a key of the file stands for, and whether the key names a file to read it from.
pub(super) fn lookup(key: &str) -> Option<(&'static super::Variable, bool)> {
    let named = |key: &str| registry::ALL.iter().find(|variable| variable.key == key);
    named(key).map(|variable| (variable, false)).or_else(|| {
        let variable = named(key.strip_suffix("_file")?)?;
        variable.secret.then_some((variable, true))
    })
}

fn is_known(key: &str) -> bool {
    lookup(key).is_some()
}

fn unknown(path: &Path, key: &str, line: usize) -> Problem {
    let keys = || registry::ALL.iter().map(|variable| variable.key);
    // A name in the wrong section is found by its last part.
    let elsewhere = || {
        let name = key.rsplit('.').next()?;
        keys().find(|known| known.rsplit('.').next() == Some(name))
    };
    let hint = nearest(key, keys()).or_else(elsewhere);
    Problem::new(
        at(path, line),
        match hint {
            Some(known) => format!("unknown key `{key}`; did you mean `{known}`?"),
            None => {
                format!("unknown key `{key}`; `doorward config reference` lists every one there is")
            }
        },
    )
}

fn entry(
    path: &Path,
    key: String,
    value: &Spanned<DeValue<'_>>,
    line: usize,
    entries: &mut Vec<Entry>,
    problems: &mut Vec<Problem>,
) {
    let is_list = lookup(&key).is_some_and(|(variable, file)| variable.kind.is_list() && !file);
    let text = match value.get_ref() {
        DeValue::Array(items) if is_list => items
            .iter()
            .map(|item| scalar(item.get_ref()))
            .collect::<Option<Vec<_>>>()
            .map(|items| items.join(",")),
        other => scalar(other),
    };
    match text {
        Some(text) => entries.push(Entry { key, text, line }),
        None => problems.push(Problem::new(
            at(path, line),
            format!(
                "`{key}` must be a single value, not a {}",
                value.get_ref().type_str()
            ),
        )),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// `file:line`, as editors understand it.
pub(super) fn at(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Entry>, Vec<String>) {
        let mut problems = Vec::new();
        let entries = parse(Path::new("d.toml"), text, &mut problems);
        (entries, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_come_with_their_line() {
        let (entries, problems) = read(
            "[server]\nport = 4000\ntrusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]\n\n\
             [keys]\nmaster_key_file = \"/run/k\"\n",
        );
        assert!(problems.is_empty(), "{problems:?}");
        let seen: Vec<_> = entries
            .iter()
            .map(|e| (e.key.as_str(), e.text.as_str(), e.line))
            .collect();
        assert!(seen.contains(&("server.port", "4000", 2)));
        assert!(seen.contains(&("server.trusted_proxies", "10.0.0.0/8,::1/128", 3)));
        assert!(seen.contains(&("keys.master_key_file", "/run/k", 6)));
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_name() {
        let (_, problems) = read("[smtp]\nhots = \"x\"\n[server]\nport_file = \"y\"\n");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("d.toml:") && problems.concat().contains("`smtp.host`"));
        let (_, problems) = read("public_url = \"https://a\"\n");
        assert!(problems[0].contains("`server.public_url`"), "{problems:?}");
        let (_, problems) = read("[zzz]\nqqqqqqqqqq = 1\n");
        assert!(problems[0].contains("config reference"), "{problems:?}");
    }

    #[test]
    fn a_broken_file_names_the_line() {
        let (_, problems) = read("[server]\nport = = 1\n");
        assert!(problems[0].starts_with("d.toml:2:"), "{problems:?}");
        let (_, problems) = read("[server]\nport = { a = 1 }\n");
        assert!(problems[0].contains("single value"), "{problems:?}");
    }
}
