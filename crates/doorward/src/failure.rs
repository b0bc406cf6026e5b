//! Why a command did not do what was asked, for people and for programs.

use std::process::ExitCode;

use doorward_service::Error;
use doorward_store::StoreError;
use serde::Serialize;

use crate::config::Problem;

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
            details,
            exit: Exit::Usage,
        }
    }

    /// It did not work.
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            exit: Exit::Failed,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.exit {
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
        }
    }

    /// The form for the terminal.
    pub(crate) fn human(&self) -> String {
        let mut text = format!("error: {} ({})", self.message, self.code);
        for Detail { field, message } in &self.details {
            text.push_str(&format!("\n  {field}: {message}"));
        }
        text
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = error.message().to_owned();
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
