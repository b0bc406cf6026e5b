//! What a setting is: one declaration, from which parsing and documentation follow.

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text that is not empty.
    Text,
    /// An absolute URL.
    Url,
    /// An IP address to listen on.
    Address,
    /// A whole number within limits, in a unit (empty when it counts things).
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// For people.
        unit: &'static str,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several of these words, separated by commas; an array in TOML.
    Choices(&'static [&'static str]),
    /// Several texts, separated by commas; an array in TOML. The text says what each is.
    List(&'static str),
}

impl Kind {
    /// For the reference: what may stand there.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Url => "URL".to_owned(),
            Self::Address => "IP address".to_owned(),
            Self::Integer { min, max, unit: "" } => format!("{min} to {max}"),
            Self::Integer { min, max, unit } => format!("{min} to {max} {unit}"),
            Self::Choice(words) => words.join(" | "),
            Self::Choices(words) => format!("list of {}", words.join(" | ")),
            Self::List(what) => format!("list of {what}"),
        }
    }

    /// Whether it is an array in TOML.
    pub(crate) const fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Choices(_))
    }
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Variable {
    /// `section.name` in the TOML file.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) env: &'static str,
    /// A name without prefix under which platforms set it.
    pub(crate) alias: Option<&'static str>,
    /// What it looks like.
    pub(crate) kind: Kind,
    /// What holds when nobody sets it, in the form of an environment variable.
    pub(crate) default: Option<&'static str>,
    /// Whether it must never be shown. Every secret can also be read from a file: `<env>_FILE`,
    /// `<key>_file`.
    pub(crate) secret: bool,
    /// What it does.
    pub(crate) doc: &'static str,
}

impl Variable {
    /// A setting without default.
    pub(super) const fn new(
        key: &'static str,
        env: &'static str,
        kind: Kind,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            env,
            alias: None,
            kind,
            default: None,
            secret: false,
            doc,
        }
    }

    /// With a default.
    pub(super) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Also recognised under this bare name.
    pub(super) const fn alias(mut self, name: &'static str) -> Self {
        self.alias = Some(name);
        self
    }

    /// Must never be shown; may come from a file.
    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The environment names, the more specific first.
    pub(crate) fn env_names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.env).chain(self.alias)
    }

    /// Its section and its name in it.
    pub(crate) fn section_and_name(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}
