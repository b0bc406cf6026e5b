//! From flags to a question.

use doorward_domain::audit::Action;
use doorward_domain::time::plus_seconds;
use doorward_domain::{RequestId, Timestamp};
use doorward_service::audit::{self, AuditFilter};
use doorward_service::{Core, Operator};

use crate::Outcome;
use crate::cli::Question;
use crate::commands::find;
use crate::failure::Failure;

const MOMENT: &str = "write 90d, 12h, 30m (ago) or a time such as 2027-01-01T00:00:00Z";

/// What is asked.
pub(super) async fn filter(
    core: &Core,
    operator: &Operator,
    question: Question,
) -> Outcome<AuditFilter> {
    let now = core.clock.now();
    let wrong = |flag: &str, message: &str| Failure::usage(format!("{flag}: {message}"));
    let party = |flag: &'static str, text: Option<String>| {
        text.map(|text| audit::party(&text).map_err(|message| wrong(flag, message)))
            .transpose()
    };
    let moment = |flag: &'static str, text: Option<String>| {
        text.map(|text| moment(&text, now).ok_or_else(|| wrong(flag, MOMENT)))
            .transpose()
    };
    let known = |action: &String| Action::ALL.iter().any(|known| known.as_str() == action);
    if question
        .action
        .as_ref()
        .is_some_and(|action| !known(action))
    {
        let message = "is none; docs/reference/audit-actions.md lists them";
        return Err(wrong("--action", message));
    }
    let outcome = question
        .outcome
        .map(|text| audit::outcome(&text).map_err(|message| wrong("--outcome", message)))
        .transpose()?;
    let request_id = question
        .request_id
        .map(|text| text.parse::<RequestId>())
        .transpose()
        .map_err(|_| wrong("--request-id", "is no request's id"))?;
    let app_id = match &question.app {
        Some(app) => Some(find::app(core, operator, app).await?.id),
        None => None,
    };
    Ok(AuditFilter {
        app_id,
        actor: party("--actor", question.actor)?,
        action: question.action,
        target: party("--target", question.target)?,
        outcome,
        request_id,
        since: moment("--since", question.since)?,
        until: moment("--until", question.until)?,
        before: None,
        limit: audit::PAGE_MAX,
    })
}

/// A span back from now, or a point in time.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let span = [('d', 86_400), ('h', 3_600), ('m', 60)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
            (count > 0).then(|| count.saturating_mul(seconds))
        });
    match span {
        Some(seconds) => Some(plus_seconds(now, -seconds)),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_back() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("1d", "2026-01-01T00:00:00Z"),
            ("6h", "2026-01-01T18:00:00Z"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(text, now), expected.parse().ok(), "{text}");
        }
        for bad in ["", "h", "-1h", "yesterday"] {
            assert_eq!(moment(bad, now), None, "{bad}");
        }
    }
}
