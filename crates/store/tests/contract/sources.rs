//! What stands in the sources of the handles: their methods, and every SQL statement.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of this crate.
pub(crate) struct Source {
    /// From the crate's folder on, e.g. `src/app/otp.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The Rust files of a folder.
pub(crate) fn files(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(root)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| Source {
            path: format!(
                "{folder}/{}",
                path.file_name().expect("a name").to_string_lossy()
            ),
            text: fs::read_to_string(path).expect("it is readable"),
        })
        .collect()
}

/// `Owner::method` for each public function in an inherent `impl`.
pub(crate) fn methods(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut owner = None;
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("impl") {
            let rest = rest.strip_prefix("<'a>").unwrap_or(rest).trim_start();
            let end = rest
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(rest.len());
            owner = (!rest.contains(" for ")).then(|| rest[..end].to_owned());
        } else if line == "}" {
            owner = None;
        } else if let (Some(owner), Some(rest)) = (&owner, line.strip_prefix("    pub ")) {
            let rest = rest.strip_prefix("const ").unwrap_or(rest);
            if let Some(name) = rest.strip_prefix("fn ") {
                let end = name.find(['(', '<']).expect("a parameter list");
                found.insert(format!("{owner}::{}", &name[..end]));
            }
        }
    }
    found
}

/// The string literals of a source that are SQL.
pub(crate) fn statements(source: &str) -> Vec<String> {
    literals(source)
        .into_iter()
        .filter(|text| {
            ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "]
                .iter()
                .any(|word| text.starts_with(word))
        })
        .collect()
}

fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().take_while(|c| *c != '\n').for_each(drop);
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                            Some(escaped) => text.push(escaped),
                            None => {}
                        },
                        c => text.push(c),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

#[test]
fn methods_are_found() {
    let source = "impl<'a> A<'a> {\n    pub(crate) fn no() {}\n    pub const fn one(\n    }\n}\n\
                  impl B<'_> {\n    pub fn two<T>() {}\n}\nimpl C {\n    pub fn three() {}\n}\n\
                  impl<'a> Deref for A<'a> {\n    pub fn no() {}\n}\npub fn no() {}\n";
    let found: Vec<_> = methods(source).into_iter().collect();
    assert_eq!(found, ["A::one", "B::two", "C::three"]);
}

#[test]
fn statements_are_found() {
    let source = "// \"SELECT no\"\nconst A: &str = \"SELECT 1 \\\n    FROM x\"; \"no\" \"DELETE \\\"y\\\"\"";
    assert_eq!(statements(source), ["SELECT 1 FROM x", "DELETE \"y\""]);
}
