//! Questions to the audit log.
//!
//! Each is led by one index, newest first, and looks at 2,000 of its rows at most; the other
//! conditions are judged on those. So no question is a scan, however large the log is and however
//! rare what is looked for: a page that found little says where the next one goes on.

use doorward_domain::{AppId, EventId, RequestId, Timestamp};
use uuid::Uuid;

use super::PlatformRead;
use super::audit::{StoredEvent, event};
use crate::error::StoreError;
use crate::value::Param;

/// Who or what an event names: its kind, and its id where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The kind, e.g. `admin_key`.
    pub kind: String,
    /// The id.
    pub id: Option<String>,
}

/// Which events to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only events of this app.
    pub app_id: Option<AppId>,
    /// Only what this one did. A kind that has ids is looked for with its id.
    pub actor: Option<Party>,
    /// Only this action.
    pub action: Option<String>,
    /// Only what was done to this one, by kind and id; a user together with its app.
    pub target: Option<Party>,
    /// Only `success` or `refused`.
    pub outcome: Option<String>,
    /// Only events of this request.
    pub request_id: Option<RequestId>,
    /// Only events from then on (to the millisecond).
    pub since: Option<Timestamp>,
    /// Only events before then (to the millisecond).
    pub until: Option<Timestamp>,
    /// Only events older than this one (a cursor).
    pub before: Option<EventId>,
    /// At most so many.
    pub limit: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The events, newest first; may be none although there are more.
    pub events: Vec<StoredEvent>,
    /// The cursor of the next page; `None` when there is nothing more.
    pub next: Option<EventId>,
}

/// The last row that one page may look at, and the page itself, for a condition that an index leads
/// by. The condition stands twice because its parameters have other numbers.
macro_rules! led_by {
    ($floor:literal, $page:literal) => {
        Statements {
            floor: concat!(
                "SELECT e.id FROM audit_events e WHERE e.id < $1 AND e.id >= $2",
                $floor,
                " ORDER BY e.id DESC LIMIT 1 OFFSET 1999"
            ),
            page: concat!(
                "SELECT e.id, e.at, e.app_id, e.actor_type, e.actor_id, e.action, e.target_type, \
                 e.target_id, e.outcome, e.reason, e.ip, e.user_agent, e.request_id, e.session_id, \
                 e.details, p.contact, p.ip \
                 FROM audit_events e LEFT JOIN audit_personal p ON p.event_id = e.id \
                 WHERE e.id < $1 AND e.id >= $2",
                $page,
                " AND (CAST($3 AS UUID) IS NULL OR e.app_id = $3) \
                 AND (CAST($4 AS TEXT) IS NULL OR e.actor_type = $4) \
                 AND (CAST($5 AS TEXT) IS NULL OR COALESCE(e.actor_id, e.actor_type) = $5) \
                 AND (CAST($6 AS TEXT) IS NULL OR e.action = $6) \
                 AND (CAST($7 AS TEXT) IS NULL OR e.target_type = $7) \
                 AND (CAST($8 AS TEXT) IS NULL OR e.target_id = $8) \
                 AND (CAST($9 AS TEXT) IS NULL OR e.outcome = $9) \
                 AND (CAST($10 AS UUID) IS NULL OR e.request_id = $10) \
                 ORDER BY e.id DESC LIMIT $11"
            ),
        }
    };
}

struct Statements {
    floor: &'static str,
    page: &'static str,
}

const BY_REQUEST: Statements = led_by!(" AND e.request_id = $3", " AND e.request_id = $10");
const BY_USER: Statements = led_by!(
    " AND e.target_type = 'user' AND e.app_id = $3 AND e.target_id = $4",
    " AND e.target_type = 'user' AND e.app_id = $3 AND e.target_id = $8"
);
const BY_TARGET: Statements = led_by!(
    " AND e.target_type <> 'user' AND e.target_type = $3 AND e.target_id = $4",
    " AND e.target_type <> 'user' AND e.target_type = $7 AND e.target_id = $8"
);
const BY_ACTOR: Statements = led_by!(
    " AND e.actor_type <> 'app' AND COALESCE(e.actor_id, e.actor_type) = $3",
    " AND e.actor_type <> 'app' AND COALESCE(e.actor_id, e.actor_type) = $5"
);
const REFUSED_OF_APP: Statements = led_by!(
    " AND e.outcome = 'refused' AND e.app_id = $3",
    " AND e.outcome = 'refused' AND e.app_id = $3"
);
const BY_APP: Statements = led_by!(" AND e.app_id = $3", " AND e.app_id = $3");
const ALL: Statements = led_by!("", "");

/// The parts of a filter as parameters.
struct Asked<'a> {
    app: Option<AppId>,
    actor_type: Option<&'a str>,
    actor: Option<&'a str>,
    target_type: Option<&'a str>,
    target_id: Option<&'a str>,
    filter: &'a AuditFilter,
}

impl<'a> Asked<'a> {
    fn of(filter: &'a AuditFilter) -> Self {
        let id = |party: &'a Party| party.id.as_deref();
        Self {
            app: filter.app_id,
            actor_type: filter.actor.as_ref().map(|actor| actor.kind.as_str()),
            actor: filter
                .actor
                .as_ref()
                .map(|actor| id(actor).unwrap_or(&actor.kind)),
            target_type: filter.target.as_ref().map(|target| target.kind.as_str()),
            target_id: filter.target.as_ref().and_then(id),
            filter,
        }
    }

    /// The statements that the most selective condition leads by, and its parameters.
    fn lead(&self) -> (&'static Statements, Vec<Param<'a>>) {
        if let Some(request) = self.filter.request_id {
            return (&BY_REQUEST, vec![request.into()]);
        }
        match (self.target_type, self.target_id, self.app) {
            (Some("user"), Some(id), Some(app)) => return (&BY_USER, vec![app.into(), id.into()]),
            (Some(kind), Some(id), _) if kind != "user" => {
                return (&BY_TARGET, vec![kind.into(), id.into()]);
            }
            _ => {}
        }
        match (self.actor_type, self.actor, self.app) {
            (Some(kind), Some(actor), _) if kind != "app" => (&BY_ACTOR, vec![actor.into()]),
            (_, _, Some(app)) if self.filter.outcome.as_deref() == Some("refused") => {
                (&REFUSED_OF_APP, vec![app.into()])
            }
            (_, _, Some(app)) => (&BY_APP, vec![app.into()]),
            _ => (&ALL, Vec::new()),
        }
    }
}

/// The lowest id that an event of this millisecond can have (RFC 9562 §5.7).
fn first_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millisecond())
        .unwrap_or(0)
        .min((1 << 48) - 1);
    Uuid::from_u128(u128::from(millis) << 80)
}

impl PlatformRead<'_> {
    /// Events, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn audit_events(&mut self, filter: &AuditFilter) -> Result<AuditPage, StoreError> {
        let asked = Asked::of(filter);
        let (statements, lead) = asked.lead();
        let until = filter.until.map_or(Uuid::max(), first_at);
        let end = filter
            .before
            .map_or(until, |before| before.as_uuid().min(until));
        let start = filter.since.map_or(Uuid::nil(), first_at);

        let mut params = vec![end.into(), start.into()];
        params.extend(lead);
        let floor = self.connection.query(statements.floor, &params)?;
        let floor = floor.into_iter().next();
        let floor: Option<Uuid> = floor.map(|mut row| row.take()).transpose()?;

        let rows = self.connection.query(
            statements.page,
            &[
                end.into(),
                floor.unwrap_or(start).into(),
                asked.app.into(),
                asked.actor_type.into(),
                asked.actor.into(),
                filter.action.as_deref().into(),
                asked.target_type.into(),
                asked.target_id.into(),
                filter.outcome.as_deref().into(),
                filter.request_id.into(),
                filter.limit.into(),
            ],
        )?;
        let events: Vec<StoredEvent> = rows.into_iter().map(event).collect::<Result<_, _>>()?;
        let full = u32::try_from(events.len()).is_ok_and(|count| count >= filter.limit);
        let next = match events.last() {
            // There may be nothing beyond: then the next page is empty, and the last.
            Some(last) if full => Some(last.id),
            _ => floor.map(EventId::from_uuid),
        };
        Ok(AuditPage { events, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the leading index that one page looks at.
    const EXAMINED: usize = 2_000;

    #[test]
    fn the_offset_in_the_statements_is_what_is_said() {
        for statements in [
            &BY_REQUEST,
            &BY_USER,
            &BY_TARGET,
            &BY_ACTOR,
            &REFUSED_OF_APP,
            &BY_APP,
            &ALL,
        ] {
            let offset = format!("OFFSET {}", EXAMINED - 1);
            assert!(statements.floor.ends_with(&offset));
        }
    }

    #[test]
    fn times_are_bounds_of_ids() {
        let at: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let of = |millis: u64, random: [u8; 10]| {
            uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
        };
        let millis = u64::try_from(at.as_millisecond()).unwrap();
        assert!(first_at(at) <= of(millis, [0; 10]));
        assert!(first_at(at) > of(millis - 1, [255; 10]));
        assert_eq!(first_at(Timestamp::MIN), Uuid::nil());
    }
}
