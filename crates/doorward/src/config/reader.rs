//! From texts to types. Every problem is noted and reading goes on, so that all are told at once.

use std::collections::BTreeSet;
use std::net::IpAddr;

use doorward_domain::secret::SecretText;
use url::Url;

use super::problem::Problem;
use super::values::Values;
use super::variable::{Kind, Variable};

/// Reads typed values and collects what is wrong with them.
pub(crate) struct Reader<'a> {
    values: &'a Values,
    problems: &'a mut Vec<Problem>,
    read: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(values: &'a Values, problems: &'a mut Vec<Problem>) -> Self {
        Self {
            values,
            problems,
            read: BTreeSet::new(),
        }
    }

    /// Which settings were asked for.
    #[cfg(test)]
    pub(crate) fn asked_for(&self) -> &BTreeSet<&'static str> {
        &self.read
    }

    /// Notes a problem with a setting.
    pub(crate) fn problem(&mut self, variable: &Variable, message: impl Into<String>) {
        self.problems
            .push(Problem::new(self.values.name_of(variable), message));
    }

    /// Whether somebody set it.
    pub(crate) fn is_set(&self, variable: &Variable) -> bool {
        self.values.is_set(variable)
    }

    pub(crate) fn secret(&mut self, variable: &Variable) -> Option<SecretText> {
        self.read.insert(variable.key);
        self.values.get(variable).map(|value| value.text)
    }

    pub(crate) fn text(&mut self, variable: &Variable) -> Option<String> {
        self.secret(variable)
            .map(|text| text.expose().trim().to_owned())
    }

    /// A text that must be there because another setting asks for it.
    pub(crate) fn needed(&mut self, variable: &Variable, because: &str) -> String {
        self.text(variable).unwrap_or_else(|| {
            self.problem(variable, format!("must be set, because {because}"));
            String::new()
        })
    }

    /// A number within the limits of its kind. Numbers always have a default, or 0.
    pub(crate) fn integer(&mut self, variable: &Variable) -> i64 {
        let fallback = variable
            .default
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let Some(text) = self.text(variable) else {
            return fallback;
        };
        let Kind::Integer { min, max, .. } = variable.kind else {
            return fallback;
        };
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problem(
                    variable,
                    format!("must be a whole number, {}", variable.kind.describe()),
                );
                fallback
            }
        }
    }

    /// A number that fits a smaller type because its kind says so.
    pub(crate) fn number<T: TryFrom<i64> + Default>(&mut self, variable: &Variable) -> T {
        T::try_from(self.integer(variable)).unwrap_or_default()
    }

    pub(crate) fn seconds(&mut self, variable: &Variable) -> std::time::Duration {
        std::time::Duration::from_secs(self.number(variable))
    }

    pub(crate) fn address(&mut self, variable: &Variable) -> IpAddr {
        let text = self.text(variable).unwrap_or_default();
        text.parse().unwrap_or_else(|_| {
            self.problem(variable, "must be an IP address, e.g. 127.0.0.1 or 0.0.0.0");
            IpAddr::from([127, 0, 0, 1])
        })
    }

    pub(crate) fn url(&mut self, variable: &Variable) -> Option<Url> {
        let text = self.text(variable)?;
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.problem(variable, "must be an absolute http:// or https:// URL");
                None
            }
        }
    }

    /// One of the words of its kind; the first one after a problem.
    pub(crate) fn choice(&mut self, variable: &Variable) -> &'static str {
        let Kind::Choice(words) = variable.kind else {
            return "";
        };
        let text = self.text(variable).unwrap_or_default();
        words
            .iter()
            .copied()
            .find(|word| *word == text)
            .unwrap_or_else(|| {
                self.problem(variable, format!("must be one of {}", words.join(", ")));
                words.first().copied().unwrap_or_default()
            })
    }

    pub(crate) fn list(&mut self, variable: &Variable) -> Vec<SecretText> {
        let text = self.secret(variable);
        let text = text.as_ref().map_or("", SecretText::expose);
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(SecretText::new)
            .collect()
    }
}
