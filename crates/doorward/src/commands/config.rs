//! `doorward config`

use std::sync::Arc;

use std::process::ExitCode;

use serde::Serialize;

use crate::Outcome;
use crate::cli::{ConfigCommand, Global, ReferenceForm};
use crate::config::safety::{self, Verdict};
use crate::config::{Loaded, Problem, Source, Values, reference, registry};
use crate::deployment::Place;
use crate::output::{self, Report, table};
use crate::serve::senders;

use super::connect::Tried;

/// Runs it.
pub(super) fn run(global: &Global, command: &ConfigCommand) -> Outcome<ExitCode> {
    match command {
        ConfigCommand::Reference(args) => {
            output::text_out(&match args.form() {
                ReferenceForm::Text => reference::text(),
                ReferenceForm::Markdown => reference::markdown(),
                ReferenceForm::Toml => reference::toml(),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Show(args) => {
            let loaded = Place::of(global).load(args.overrides());
            output::report(
                global.json,
                &Shown {
                    values: views(&loaded.values),
                },
            )?;
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Check(args) => {
            let mut loaded = Place::of(global).load(args.serve.overrides());
            let verdict = judge(&mut loaded);
            let connections = match args.connect {
                true => Some(super::quietly(async {
                    Ok(Box::pin(super::connect::all(&loaded.config)).await)
                })?),
                false => None,
            };
            let checked = Checked::of(&loaded, &verdict, connections);
            output::report(global.json, &checked)?;
            Ok(if checked.ok {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            })
        }
    }
}

/// All that is wrong or worrying, the senders' own opinion included.
pub(crate) fn judge(loaded: &mut Loaded) -> Verdict {
    let verdict = safety::judge(&loaded.config, &loaded.values);
    let told_already =
        |refusal: &safety::Refusal| refusal.exception == Some(safety::Exception::SmtpTls);
    if !verdict.refusals.iter().any(told_already) {
        let senders = senders::build(&loaded.config);
        let alarms = senders.and_then(|mail| senders::alarms(&loaded.config, Arc::new(mail)));
        loaded.problems.extend(alarms.err());
    }
    verdict
}

/// A value as it may be shown.
#[derive(Serialize)]
struct ValueView {
    key: &'static str,
    environment: &'static str,
    value: Option<String>,
    source: String,
    secret: bool,
    #[serde(skip)]
    is_default: bool,
}

fn views(values: &Values) -> Vec<ValueView> {
    let view = |variable: &'static crate::config::Variable| {
        let value = values.get(variable);
        let source = value.as_ref().map(|value| value.source.clone());
        let text = value.map(|value| match variable.secret {
            true => "[redacted]".to_owned(),
            false => value.text.expose().to_owned(),
        });
        ValueView {
            key: variable.key,
            environment: variable.env,
            value: text,
            is_default: matches!(source, None | Some(Source::Default)),
            source: source.map_or("not set".to_owned(), |source| source.to_string()),
            secret: variable.secret,
        }
    };
    registry::ALL.iter().map(view).collect()
}

fn human(values: &[ValueView]) -> String {
    let rows: Vec<_> = values
        .iter()
        .map(|view| {
            let value = view.value.clone().unwrap_or_default();
            [view.key.to_owned(), value, view.source.clone()]
        })
        .collect();
    table(["KEY", "VALUE", "FROM"], &rows)
}

#[derive(Serialize)]
struct Shown {
    values: Vec<ValueView>,
}

impl Report for Shown {
    fn human(&self) -> String {
        human(&self.values)
    }
}

#[derive(Serialize)]
struct RefusalView {
    name: String,
    message: String,
    allow_insecure: Option<&'static str>,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<Problem>,
    refusals: Vec<RefusalView>,
    warnings: Vec<Problem>,
    /// What was tried with --connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<Vec<Tried>>,
    values: Vec<ValueView>,
    #[serde(skip)]
    told: String,
}

impl Checked {
    fn of(loaded: &Loaded, verdict: &Verdict, connections: Option<Vec<Tried>>) -> Self {
        let refusals: Vec<_> = verdict
            .refusals
            .iter()
            .map(|refusal| RefusalView {
                name: refusal.problem.name.clone(),
                message: refusal.problem.message.clone(),
                allow_insecure: refusal.exception.map(safety::Exception::name),
            })
            .collect();
        let connected = connections.iter().flatten().all(|tried| tried.ok);
        Self {
            ok: loaded.problems.is_empty() && refusals.is_empty() && connected,
            connections,
            problems: loaded.problems.clone(),
            refusals,
            warnings: verdict.warnings.clone(),
            values: views(&loaded.values),
            told: tell(&loaded.problems, verdict),
        }
    }
}

/// Everything as lines.
fn tell(problems: &[Problem], verdict: &Verdict) -> String {
    let problems = problems
        .iter()
        .map(|problem| format!("WRONG    {problem}\n"));
    let refusals = verdict
        .refusals
        .iter()
        .map(|refusal| format!("UNSAFE   {refusal}\n"));
    let warnings = verdict
        .warnings
        .iter()
        .map(|warning| format!("WARNING  {warning}\n"));
    problems.chain(refusals).chain(warnings).collect()
}

impl Report for Checked {
    fn human(&self) -> String {
        let set = self.values.iter().filter(|view| !view.is_default).count();
        let told = if self.told.is_empty() {
            String::new()
        } else {
            format!("{}\n", self.told)
        };
        let told = match &self.connections {
            None => told,
            Some(tried) => {
                let lines = tried.iter().map(|tried| {
                    let verdict = if tried.ok { "REACHED" } else { "FAILED " };
                    format!("{verdict}  {}: {}\n", tried.to, tried.seen)
                });
                format!("{told}{}\n", lines.collect::<String>())
            }
        };
        let verdict = if self.ok {
            "`doorward serve` would start with this."
        } else if self.problems.is_empty() && self.refusals.is_empty() {
            "The settings are right, but not everything they name can be reached."
        } else {
            "`doorward serve` would refuse to start with this."
        };
        let count = format!(
            "{set} of {} settings are set; the rest is default.",
            self.values.len()
        );
        format!("{}\n{count}\n\n{told}{verdict}\n", human(&self.values))
    }
}
