//! Asks once more before something dangerous.

use std::io::{self, BufRead as _, IsTerminal as _};

use doorward_domain::reason::Reason;
use doorward_service::{Deliberate, Operator};

use crate::Outcome;
use crate::cli::Meant;
use crate::failure::Failure;
use crate::output;

/// A reason, as it was typed.
pub(super) fn reason(text: &str) -> Outcome<Reason> {
    Reason::parse(text).map_err(|message| Failure::usage(format!("--reason: {message}.")))
}

/// As [`reason`], where it may be left out.
pub(super) fn optional_reason(text: Option<&str>) -> Outcome<Option<Reason>> {
    text.map(reason).transpose()
}

/// Joins the reason and the name of what the act is done to, which a person types once more; a
/// program says `--yes`.
pub(super) fn deliberate(
    operator: &Operator,
    meant: &Meant,
    what: &str,
    name: &str,
) -> Outcome<Deliberate> {
    let reason = reason(&meant.reason)?;
    if !meant.yes {
        ask(what, name)?;
    }
    Ok(Deliberate::new(operator.fresh_proof()?, reason, name))
}

fn ask(what: &str, name: &str) -> Outcome {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "This {what}. There is no terminal to ask on: add --yes when `{name}` is what you mean."
        )));
    }
    output::note(&format!("This {what}. Type {name} to go on:"));
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::failed("INPUT", error.to_string()))?;
    if line.trim() == name {
        Ok(())
    } else {
        Err(Failure::failed("NOT_CONFIRMED", "Nothing was done."))
    }
}
