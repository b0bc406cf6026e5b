//! Why a command did not do what was asked, for people and for programs.

use std::process::ExitCode;

use doorward_domain::Code;
use doorward_service::Error;
use doorward_store::StoreError;
use serde::Serialize;

use crate::config::Problem;

/// The master key is not the one of the database.
pub(crate) const MASTER_KEY: &str = "MASTER_KEY";
/// The database cannot be opened, or does not answer.
pub(crate) const DATABASE: &str = "DATABASE";

/// The exit codes, as documented in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 1: refused, or failed.
    Failed,
    /// 2: the command line or the configuration is wrong.
    Usage,
}

/// Why a command did not do what was asked. Holds no secret.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// A stable code.
    #[serde(rename = "error")]
    code: &'static str,
    /// For people.
    message: String,
    /// What to do about it, where the message does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// Every single thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Debug, Serialize)]
struct Detail {
    field: String,
    message: String,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code: "USAGE",
            message,
            advice: None,
            details: Vec::new(),
            exit: Exit::Usage,
        }
    }

    /// The configuration is wrong.
    pub(crate) fn configuration(message: impl Into<String>, problems: &[Problem]) -> Self {
        let details = problems
            .iter()
            .map(|problem| Detail {
                field: problem.name.clone(),
                message: problem.message.clone(),
            })
            .collect();
        Self {
            code: "CONFIGURATION",
            message: message.into(),
            advice: None,
            details,
            exit: Exit::Usage,
        }
    }

    /// It did not work.
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            advice: None,
            details: Vec::new(),
            exit: Exit::Failed,
        }
    }

    /// With what to do about it.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.exit {
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
        }
    }

    /// What is wrong, without what to do.
    pub(crate) fn seen(&self) -> String {
        let mut text = format!("{} ({})", self.message, self.code);
        for Detail { field, message } in &self.details {
            text.push_str(&format!("\n  {field}: {message}"));
        }
        text
    }

    /// The form for the terminal.
    pub(crate) fn human(&self) -> String {
        match &self.advice {
            None => format!("error: {}", self.seen()),
            Some(advice) => format!("error: {}\n  → {advice}", self.seen()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(problem) = error.wrong_master_key() {
            return Self::failed(
                MASTER_KEY,
                format!("The master key does not open this database: {problem}"),
            )
            .advise(
                "Set the master key that the database was made with: in DOORWARD_MASTER_KEY_FILE or \
                 DOORWARD_MASTER_KEY, or as the file master.key of the directory that --data-dir names. \
                 `doorward config show` tells which of them is taken.",
            );
        }
        let mut message = error.message().to_owned();
        // There is no request body on a command line.
        if error.code() == Code::ValidationError && message == error.code().message() {
            "Something that was given is not right.".clone_into(&mut message);
        }
        // Whoever runs the command has the machine: the cause is for him.
        if let Some(internal) = error.internal_message() {
            message.push_str(&format!(" Cause: {internal}."));
        }
        let details = error
            .details()
            .iter()
            .map(|field| Detail {
                field: field.field.clone().into_owned(),
                message: field.message.clone().into_owned(),
            })
            .collect();
        Self {
            code: error.code().as_str(),
            message,
            advice: None,
            details,
            exit: Exit::Failed,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Schema(_) => "SCHEMA",
            _ => Error::from(error.clone()).code().as_str(),
        };
        Self::failed(code, error.to_string())
    }
}
