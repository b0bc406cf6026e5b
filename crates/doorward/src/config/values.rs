//! The layers put on top of each other: for every setting the value that holds and where it is from.

use std::collections::{BTreeMap, BTreeSet};
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

/// A value given by a flag. It may hold a password, hence without `Debug`.
#[derive(Clone)]
pub(crate) struct Override {
    /// The setting.
    pub(crate) variable: &'static Variable,
    /// Its value.
    pub(crate) text: String,
    /// The flag.
    pub(crate) flag: &'static str,
}

/// Directory of an embedded deployment. It implies a database and a master key.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    /// The directory.
    pub(crate) path: PathBuf,
    /// Who named it: a flag, or something weaker.
    pub(crate) by_flag: bool,
}

impl DataDir {
    /// Its database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("doorward.db")
    }

    /// The file with its master key.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }
}

/// What settings are read from. Each wins over those after it:
///
/// 1. flags,
/// 2. `DOORWARD_*`,
/// 3. what `--data-dir` implies: above the bare names, because a `DATABASE_URL` that happens to be
///    in somebody's shell belongs to another program,
/// 4. the bare names,
/// 5. the file,
/// 6. what a data directory implies that no flag named.
#[derive(Clone, Copy)]
pub(crate) struct Layers<'a> {
    /// Flags.
    pub(crate) flags: &'a [Override],
    /// Environment.
    pub(crate) environment: &'a Environment,
    /// Data directory.
    pub(crate) data_dir: Option<&'a DataDir>,
    /// TOML file.
    pub(crate) file: Option<&'a Path>,
}

/// Every value that somebody set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Values {
    by_key: BTreeMap<&'static str, Value>,
    readable_by_all: Vec<(String, PathBuf)>,
}

impl Values {
    /// Puts the layers on top of each other. What is wrong goes to `problems`, and it goes on.
    pub(crate) fn resolve(layers: &Layers<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut values = Self::default();
        let (by_flag, implied) = match layers.data_dir {
            Some(dir) if dir.by_flag => (Some(dir), None),
            other => (None, other),
        };
        values.imply(implied, problems);
        if let Some(path) = layers.file {
            values.read_file(path, problems);
        }
        let bare = registry::ALL
            .iter()
            .filter_map(|v| v.alias.map(|name| (v, name)));
        values.read_environment(bare, layers.environment, problems);
        values.imply(by_flag, problems);
        let ours = registry::ALL.iter().map(|v| (v, v.env));
        values.read_environment(ours, layers.environment, problems);
        refuse_unknown(layers.environment, problems);
        for Override {
            variable,
            text,
            flag,
        } in layers.flags
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
        let mut seen = BTreeSet::new();
        for entry in file::parse(path, &text, problems) {
            let Some((variable, from_file)) = file::lookup(&entry.key) else {
                continue;
            };
            let at = file::at(path, entry.line);
            if !seen.insert(variable.key) {
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

    fn imply(&mut self, data_dir: Option<&DataDir>, problems: &mut Vec<Problem>) {
        let Some(dir) = data_dir else { return };
        match dir.database().to_str() {
            Some(path) => {
                let source = Source::Flag("--data-dir");
                self.set(&registry::DATABASE_URL, format!("sqlite:{path}"), source);
            }
            None => problems.push(Problem::new("--data-dir", "is not UTF-8")),
        }
        if dir.master_key().exists() {
            let named_by = "--data-dir".to_owned();
            self.read_secret(&registry::MASTER_KEY, named_by, dir.master_key(), problems);
        }
    }

    fn read_environment(
        &mut self,
        names: impl Iterator<Item = (&'static Variable, &'static str)>,
        environment: &Environment,
        problems: &mut Vec<Problem>,
    ) {
        for (variable, name) in names {
            let file_name = format!("{name}_FILE");
            let direct = environment.get(name);
            let by_file = environment.get(&file_name).filter(|_| variable.secret);
            match (direct, by_file) {
                (Some(_), Some(_)) => problems.push(both("environment", name, &file_name)),
                (Some(value), None) => match value.to_str() {
                    Some(text) => self.set(variable, text.to_owned(), Source::Environment(name)),
                    None => problems.push(Problem::new(name, "is not UTF-8")),
                },
                (None, Some(path)) => {
                    self.read_secret(variable, file_name, PathBuf::from(path), problems);
                }
                (None, None) => {}
            }
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
        // Reading by a group is a common way to hand a secret to a service; writing never is.
        const OTHERS: u32 = 0o026;
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & OTHERS != 0 {
            self.readable_by_all.push((named_by, path.to_owned()));
        }
    }
}

fn refuse_unknown(environment: &Environment, problems: &mut Vec<Problem>) {
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
                None => "no such setting; `doorward config reference` lists every one".to_owned(),
            },
        ));
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
    /// What named it, when that was no flag of this command.
    pub(crate) fn named_in_passing(&self, variable: &Variable) -> Option<String> {
        match &self.by_key.get(variable.key)?.source {
            Source::Default | Source::Flag(_) => None,
            source => Some(source.to_string()),
        }
    }

    /// Whether somebody set it.
    pub(crate) fn is_set(&self, variable: &Variable) -> bool {
        self.by_key.contains_key(variable.key)
    }
}
