//! `doorward limit`

use doorward_domain::limit::LimitRule;
use doorward_service::apps::{self, UpdateApp};
use doorward_service::limits::{self, Standing, Subject};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::find;
use crate::Outcome;
use crate::cli::{Global, LimitCommand, LimitSubject};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Done, Report, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: LimitCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let (core, json) = (&*core, global.json);
    let outcome = match command {
        LimitCommand::Show { of, subject } => {
            let subject = whose(subject)?;
            let app = find::app(core, &operator, &of.app).await?.id;
            let found = limits::show(core, &operator, app, subject).await?;
            output::report(json, &LimitList::from(found))
        }
        LimitCommand::Clear { of, subject } => {
            let subject = whose(subject)?;
            if matches!(subject, Subject::App) {
                return Err(Failure::usage(
                    "Say whose: --contact, --address or --license.",
                ));
            }
            let app = find::app(core, &operator, &of.app).await?.id;
            limits::clear(core, &operator, app, subject).await?;
            output::report(json, &Done("Forgotten: the next call is allowed."))
        }
        LimitCommand::Set { name, rule, of } => {
            let rule = rule_of(&rule)?;
            let app = find::app(core, &operator, &of.app).await?.id;
            let mut settings = Map::new();
            settings.insert("limits".to_owned(), json!({ name: rule }));
            let request = UpdateApp {
                settings: Some(settings),
                ..UpdateApp::default()
            };
            apps::update(core, &operator, app, request).await?;
            output::report(
                json,
                &Done("Done. It holds on every server within a second."),
            )
        }
    };
    core.store.close().await;
    outcome
}

fn whose(subject: LimitSubject) -> Outcome<Subject> {
    let wrong = |flag: &str, message: &str| Failure::usage(format!("{flag}: {message}"));
    if let Some(contact) = subject.contact {
        let contact = limits::parse_contact(&contact);
        return Ok(Subject::Contact(
            contact.map_err(|message| wrong("--contact", message))?,
        ));
    }
    if let Some(address) = subject.address {
        let address = address.parse().map_err(|_| wrong("--address", "is none"))?;
        return Ok(Subject::Address(address));
    }
    if let Some(license) = subject.license {
        let id = license
            .parse()
            .map_err(|_| wrong("--license", "is no licence's id"))?;
        return Ok(Subject::License(id));
    }
    Ok(Subject::App)
}

/// `5/600`, or `null`.
fn rule_of(text: &str) -> Outcome<Value> {
    if text == "null" {
        return Ok(Value::Null);
    }
    let rule = text.split_once('/').and_then(|(max, seconds)| {
        Some(json!({ "max": max.parse::<u32>().ok()?, "seconds": seconds.parse::<u32>().ok()? }))
    });
    rule.ok_or_else(|| Failure::usage(format!("`{text}`: write MAX/SECONDS, e.g. 5/600, or null")))
}

#[derive(Serialize)]
struct LimitView {
    name: &'static str,
    max: u32,
    seconds: u32,
    used: u32,
    retry_after: i64,
}

#[derive(Serialize)]
struct LimitList {
    items: Vec<LimitView>,
}

impl From<Vec<Standing>> for LimitList {
    fn from(found: Vec<Standing>) -> Self {
        let view = |standing: Standing| {
            let LimitRule { max, seconds } = standing.rule;
            LimitView {
                name: standing.name,
                max,
                seconds,
                used: standing.used,
                retry_after: standing.retry_after,
            }
        };
        Self {
            items: found.into_iter().map(view).collect(),
        }
    }
}

impl Report for LimitList {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|limit| {
                [
                    limit.name.to_owned(),
                    format!("{} in {} s", limit.max, limit.seconds),
                    limit.used.to_string(),
                    match limit.retry_after {
                        0 => "now".to_owned(),
                        seconds => format!("in {seconds} s"),
                    },
                ]
            })
            .collect();
        table(["LIMIT", "AT MOST", "USED", "ONE MORE"], &rows)
    }
}
