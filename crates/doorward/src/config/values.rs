//! The layers put on top of each other: for every setting the value that holds and where it is from.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use doorward_domain::secret::SecretText;

use super::environment::Environment;
use super::file;
use super::problem::Problem;
use super::registry::{self, LOCATORS};
use super::suggest::nearest;
use super::variable::Variable;

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// `path:line` of the TOML file.
    File(String),
    /// An environment variable.
    Environment(&'static str),
    /// A flag of the command line, or what one implies.
    Flag(&'static str),
    /// The content of a file that something else names.
    SecretFile {
        /// What names it.
        named_by: String,
        /// The file.
        path: PathBuf,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(at) => f.write_str(at),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::SecretFile { named_by, path } => write!(f, "{} ({named_by})", path.display()),
        }
    }
}

/// The value that holds.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// In the form of an environment variable.
    pub(crate) text: SecretText,
    /// Where it is from.
    pub(crate) source: Source,
}

/// A value given by a flag, or by what a flag implies.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    /// The setting.
    pub(crate) variable: &'static Variable,
    /// Its value.
    pub(crate) text: String,
    /// The flag.
    pub(crate) flag: &'static str,
}

/// Every value that somebody set.
#[derive(Debug, Default)]
pub(crate) struct Values {
    by_key: BTreeMap<&'static str, Value>,
    readable_by_all: Vec<(String, PathBuf)>,
}

impl Values {
    /// Flags over environment over the file. What is wrong goes to `problems`, and resolving goes on.
    pub(crate) fn resolve(
        overrides: &[Override],
        environment: &Environment,
        file: Option<&Path>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut values = Self::default();
        if let Some(path) = file {
            values.read_file(path, problems);
        }
        values.read_environment(environment, problems);
        for Override {
            variable,
            text,
            flag,
        } in overrides
        {
            values.set(variable, text.clone(), Source::Flag(flag));
        }
        values
    }

    /// What somebody set, or the default.
    pub(crate) fn get(&self, variable: &Variable) -> Option<Value> {
        self.by_key.get(variable.key).cloned().or_else(|| {
            let text = SecretText::new(variable.default?);
            Some(Value {
                text,
                source: Source::Default,
            })
        })
    }

    /// The name by which a setting was given, for messages: `PORT`, `doorward.toml:3`, `--port`; or
    /// the environment variable to set when it was not.
    pub(crate) fn name_of(&self, variable: &Variable) -> String {
        match self.by_key.get(variable.key).map(|value| &value.source) {
            None | Some(Source::Default) => variable.env.to_owned(),
            Some(Source::File(at)) => format!("{at} ({})", variable.key),
            Some(Source::Environment(name)) => (*name).to_owned(),
            Some(Source::Flag(name)) => (*name).to_owned(),
            Some(Source::SecretFile { named_by, .. }) => named_by.clone(),
        }
    }

    /// Files with a secret in them that every user of this machine can read, and what names them.
    pub(crate) fn readable_by_all(&self) -> &[(String, PathBuf)] {
        &self.readable_by_all
    }

    fn set(&mut self, variable: &Variable, text: String, source: Source) {
        self.by_key.insert(
            variable.key,
            Value {
                text: SecretText::new(text),
                source,
            },
        );
    }

    fn read_file(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                problems.push(Problem::new(
                    path.display().to_string(),
                    format!("cannot read the configuration file: {error}"),
                ));
                return;
            }
        };
        let mut holds_secret = false;
        for entry in file::parse(path, &text, problems) {
            let Some((variable, from_file)) = file::lookup(&entry.key) else {
                continue;
            };
            let at = file::at(path, entry.line);
            if self.by_key.contains_key(variable.key) {
                problems.push(both(&at, variable.key, &format!("{}_file", variable.key)));
            } else if from_file {
                // Relative to the file that names it, wherever the server is started.
                let secret = path.parent().unwrap_or(Path::new("")).join(&entry.text);
                self.read_secret(variable, at, secret, problems);
            } else {
                holds_secret |= variable.secret;
                self.set(variable, entry.text, Source::File(at));
            }
        }
        if holds_secret {
            self.note_permissions("--config".to_owned(), path);
        }
    }

    fn read_environment(&mut self, environment: &Environment, problems: &mut Vec<Problem>) {
        for variable in registry::ALL {
            // The name with our prefix wins over the bare one.
            for name in variable.env_names() {
                let file_name = format!("{name}_FILE");
                let direct = environment.get(name);
                let by_file = environment.get(&file_name).filter(|_| variable.secret);
                match (direct, by_file) {
                    (Some(_), Some(_)) => problems.push(both("environment", name, &file_name)),
                    (Some(value), None) => match value.to_str() {
                        Some(text) => {
                            let source = Source::Environment(name);
                            self.set(variable, text.to_owned(), source);
                        }
                        None => problems.push(Problem::new(name, "is not UTF-8")),
                    },
                    (None, Some(path)) => {
                        self.read_secret(variable, file_name, PathBuf::from(path), problems);
                    }
                    (None, None) => continue,
                }
                break;
            }
        }
        let known = known_names();
        for name in environment
            .ours()
            .filter(|name| !known.iter().any(|known| known == name))
        {
            let hint = nearest(name, known.iter().map(String::as_str));
            problems.push(Problem::new(
                name,
                match hint {
                    Some(known) => format!("no such setting; did you mean {known}?"),
                    None => "no such setting; `doorward config reference` lists every one".into(),
                },
            ));
        }
    }

    fn read_secret(
        &mut self,
        variable: &Variable,
        named_by: String,
        path: PathBuf,
        problems: &mut Vec<Problem>,
    ) {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                // Editors and `echo` end a file with a newline that is no part of the secret.
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                if text.is_empty() {
                    problems.push(Problem::new(
                        named_by,
                        format!("{} is empty", path.display()),
                    ));
                } else {
                    self.note_permissions(named_by.clone(), &path);
                    self.set(variable, text, Source::SecretFile { named_by, path });
                }
            }
            Err(error) => problems.push(Problem::new(
                named_by,
                format!("cannot read {}: {error}", path.display()),
            )),
        }
    }

    fn note_permissions(&mut self, named_by: String, path: &Path) {
        const OTHERS_READ: u32 = 0o004;
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & OTHERS_READ != 0 {
            self.readable_by_all.push((named_by, path.to_owned()));
        }
    }
}

fn both(at: &str, one: &str, other: &str) -> Problem {
    Problem::new(at, format!("{one} and {other} are both set; keep one"))
}

fn known_names() -> Vec<String> {
    let settings = registry::ALL.iter().flat_map(|variable| {
        let file = variable.secret.then(|| format!("{}_FILE", variable.env));
        std::iter::once(variable.env.to_owned()).chain(file)
    });
    settings
        .chain(LOCATORS.iter().map(|(name, _)| (*name).to_owned()))
        .collect()
}

impl Values {
    /// Whether somebody set it.
    pub(crate) fn is_set(&self, variable: &Variable) -> bool {
        self.by_key.contains_key(variable.key)
    }
}
