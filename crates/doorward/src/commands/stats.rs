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
use crate::output::{self, Report, table};

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

impl Report for Days {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|DayView(day)| {
                let pair =
                    |good: Counted, bad: Counted| format!("{} / {}", day.get(good), day.get(bad));
                let messages =
                    |kinds: [Counted; 3]| kinds.map(|kind| day.get(kind).to_string()).join(" / ");
                [
                    show_day(day.day),
                    day.active_users.to_string(),
                    pair(Counted::SignIn, Counted::SignInFailure),
                    pair(Counted::CodeEmail, Counted::CodeSms),
                    pair(Counted::Refresh, Counted::RefreshFailure),
                    format!(
                        "{} / {} / {}",
                        day.get(Counted::LicenseActivation),
                        day.get(Counted::LicenseVerify),
                        day.get(Counted::LicenseFailure)
                    ),
                    messages([
                        Counted::EmailAccepted,
                        Counted::EmailDelivered,
                        Counted::EmailFailed,
                    ]),
                    messages([
                        Counted::SmsAccepted,
                        Counted::SmsDelivered,
                        Counted::SmsFailed,
                    ]),
                ]
            })
            .collect();
        let headings = [
            "DAY",
            "ACTIVE USERS",
            "SIGN-INS / REFUSED",
            "CODES MAIL / SMS",
            "REFRESHES / REFUSED",
            "LICENCES ACTIVATED / VERIFIED / REFUSED",
            "MAILS ACCEPTED / DELIVERED / FAILED",
            "SMS ACCEPTED / DELIVERED / FAILED",
        ];
        table(headings, &rows)
    }
}
