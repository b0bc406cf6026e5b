//! `doorward stats`

use doorward_domain::stats::{Counted, parse_day, show_day};
use doorward_service::stats::{self, Day};
use serde::Serialize;
use serde_json::{Map, Value};

use super::find;
use crate::Outcome;
use crate::cli::{Global, StatsArgs};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, columns};

/// Runs it.
pub(super) async fn run(global: &Global, args: StatsArgs) -> Outcome {
    let day = |flag: &str, text: Option<String>| {
        text.map(|text| {
            parse_day(&text).map_err(|message| Failure::usage(format!("{flag}: {message}")))
        })
        .transpose()
    };
    let (from, to) = (day("--from", args.from)?, day("--to", args.to)?);
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let app = find::app(&core, &operator, &args.of.app).await?.id;
    let days = stats::read(&core, &operator, app, from, to).await?;
    core.store.close().await;
    let items = days.into_iter().map(DayView).collect();
    output::report(global.json, &Days { items })
}

/// A day, in the names of the operator face.
struct DayView(Day);

impl Serialize for DayView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Map::new();
        out.insert("day".to_owned(), show_day(self.0.day).into());
        out.insert("active_users".to_owned(), self.0.active_users.into());
        for kind in Counted::ALL {
            out.insert(kind.as_str().to_owned(), self.0.get(kind).into());
        }
        Value::Object(out).serialize(serializer)
    }
}

#[derive(Serialize)]
struct Days {
    items: Vec<DayView>,
}

/// What a column counts, in the order in which its numbers stand there.
type Column = (&'static str, &'static [Counted]);

/// The columns, of which those with nothing in them are left out.
const COLUMNS: [Column; 6] = [
    ("SIGN-INS", &[Counted::SignIn, Counted::SignInFailure]),
    ("CODES", &[Counted::CodeEmail, Counted::CodeSms]),
    ("REFRESHES", &[Counted::Refresh, Counted::RefreshFailure]),
    (
        "LICENCES",
        &[
            Counted::LicenseActivation,
            Counted::LicenseVerify,
            Counted::LicenseFailure,
        ],
    ),
    (
        "MAILS",
        &[
            Counted::EmailAccepted,
            Counted::EmailDelivered,
            Counted::EmailFailed,
        ],
    ),
    (
        "SMS",
        &[
            Counted::SmsAccepted,
            Counted::SmsDelivered,
            Counted::SmsFailed,
        ],
    ),
];

const LEGEND: &str = "SIGN-INS, REFRESHES: done / refused. CODES: by mail / by SMS. LICENCES: activated \
                      / verified / refused.\nMAILS, SMS: accepted / delivered / failed.";

impl Report for Days {
    fn human(&self) -> String {
        let any = |day: &Day, kinds: &[Counted]| kinds.iter().any(|kind| day.get(*kind) != 0);
        let busy: Vec<_> = self
            .items
            .iter()
            .map(|DayView(day)| day)
            .filter(|day| day.active_users != 0 || any(day, Counted::ALL.as_ref()))
            .collect();
        let shown: Vec<_> = COLUMNS
            .iter()
            .filter(|(_, kinds)| busy.iter().any(|day| any(day, kinds)))
            .collect();
        let rows: Vec<Vec<String>> = busy
            .iter()
            .map(|day| {
                let first = [show_day(day.day), day.active_users.to_string()];
                let others = shown.iter().map(|(_, kinds)| {
                    let numbers: Vec<_> = kinds
                        .iter()
                        .map(|kind| day.get(*kind).to_string())
                        .collect();
                    numbers.join(" / ")
                });
                first.into_iter().chain(others).collect()
            })
            .collect();
        let rows: Vec<_> = rows.iter().map(Vec::as_slice).collect();
        let headings: Vec<_> = ["DAY", "ACTIVE USERS"]
            .into_iter()
            .chain(shown.iter().map(|(heading, _)| *heading))
            .collect();
        let quiet = self.items.len() - busy.len();
        let quiet = match quiet {
            0 => String::new(),
            days => format!(" {days} day(s) with nothing to count are left out; --json has them."),
        };
        format!("{}\n{LEGEND}{quiet}\n", columns(&headings, &rows))
    }
}
