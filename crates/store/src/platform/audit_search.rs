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

/// The action that is written most, as it stands in the statements.
const REFRESHED: &str = "session.refreshed";

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

/// The events between two ids that every part of the question holds for, newest first.
macro_rules! page {
    ($lead:literal) => {
        concat!(
            "SELECT e.id, e.at, e.app_id, e.actor_type, e.actor_id, e.action, e.target_type, \
             e.target_id, e.outcome, e.reason, e.ip, e.user_agent, e.request_id, e.session_id, \
             e.details, p.contact, p.ip \
             FROM audit_events e LEFT JOIN audit_personal p ON p.event_id = e.id \
             WHERE e.id < $1 AND e.id >= $2",
            $lead,
            " AND (CAST($3 AS UUID) IS NULL OR e.app_id = $3) \
             AND (CAST($4 AS TEXT) IS NULL OR e.actor_type = $4) \
             AND (CAST($5 AS TEXT) IS NULL OR COALESCE(e.actor_id, e.actor_type) = $5) \
             AND (CAST($6 AS TEXT) IS NULL OR e.action = $6) \
             AND (CAST($7 AS TEXT) IS NULL OR e.target_type = $7) \
             AND (CAST($8 AS TEXT) IS NULL OR e.target_id = $8) \
             AND (CAST($9 AS TEXT) IS NULL OR e.outcome = $9) \
             AND (CAST($10 AS UUID) IS NULL OR e.request_id = $10) \
             ORDER BY e.id DESC LIMIT $11"
        )
    };
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
            page: page!($page),
        }
    };
}

struct Statements {
    floor: &'static str,
    page: &'static str,
}

/// What is written most stands in neither of the next two indexes: each refresh would pay for it.
const BY_REQUEST: Statements = led_by!(
    " AND e.action <> 'session.refreshed' AND e.request_id = $3",
    " AND e.action <> 'session.refreshed' AND e.request_id = $10"
);
const BY_USER: Statements = led_by!(
    " AND e.target_type = 'user' AND e.action <> 'session.refreshed' AND e.app_id = $3 \
     AND e.target_id = $4",
    " AND e.target_type = 'user' AND e.action <> 'session.refreshed' AND e.app_id = $3 \
     AND e.target_id = $8"
);
/// A refresh is found by its request all the same: both ids begin with their time, so its event is
/// among those that follow. The first statement finds where looking ends.
const REFRESH_OF_REQUEST: Statements = Statements {
    floor: "SELECT e.id FROM audit_events e WHERE e.id < $1 AND e.id >= $2 \
            ORDER BY e.id LIMIT 1 OFFSET 19999",
    page: page!(" AND e.action = 'session.refreshed'"),
};
/// The refresh that is asked for by its request is looked for from so long before it on: a clock may
/// have been set back in between. Milliseconds.
const CLOCK_STEP_MILLIS: u64 = 1_000;
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
            // The app's own index holds refreshes as well.
            (Some("user"), Some(_), Some(_))
                if self.filter.action.as_deref() == Some(REFRESHED) => {}
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
    first_of(u64::try_from(at.as_millisecond()).unwrap_or(0))
}

fn first_of(millis: u64) -> Uuid {
    Uuid::from_u128(u128::from(millis.min((1 << 48) - 1)) << 80)
}

/// The lowest id that an event of this request can have; `None` for an id that tells no time, which
/// is none of ours.
fn first_of_request(request: RequestId) -> Option<Uuid> {
    let id = request.as_uuid();
    let millis = u64::try_from(id.as_u128() >> 80).ok()?;
    (id.get_version_num() == 7).then(|| first_of(millis.saturating_sub(CLOCK_STEP_MILLIS)))
}

impl PlatformRead<'_> {
    /// Events, newest first.
    ///
    /// Who asks by user gets everything but granted refreshes, unless it asks for the action
    /// `session.refreshed`. Who asks by request gets its refresh too, when no more than 20,000 events
    /// lie between the request's beginning and it (at the full speed of a node, some seconds).
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
        let floor = self.one_id(statements.floor, &params)?;
        let mut events = self.audit_page(statements.page, &asked, floor.unwrap_or(start)..end)?;
        if let Some(first) = filter.request_id.and_then(first_of_request) {
            let from = first.max(start);
            let to = self.one_id(REFRESH_OF_REQUEST.floor, &[end.into(), from.into()])?;
            // Not beyond this page: the next one begins where it ends, and looks there again.
            let from = floor.map_or(from, |floor| from.max(floor));
            let within = from..to.unwrap_or(end);
            events.extend(self.audit_page(REFRESH_OF_REQUEST.page, &asked, within)?);
            events.sort_unstable_by_key(|event| std::cmp::Reverse(event.id));
            events.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        }
        let full = u32::try_from(events.len()).is_ok_and(|count| count >= filter.limit);
        let next = match events.last() {
            // There may be nothing beyond: then the next page is empty, and the last.
            Some(last) if full => Some(last.id),
            _ => floor.map(EventId::from_uuid),
        };
        Ok(AuditPage { events, next })
    }

    fn one_id(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Option<Uuid>, StoreError> {
        let rows = self.connection.query(sql, params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }

    fn audit_page(
        &mut self,
        sql: &'static str,
        asked: &Asked<'_>,
        within: std::ops::Range<Uuid>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = self.connection.query(
            sql,
            &[
                within.end.into(),
                within.start.into(),
                asked.app.into(),
                asked.actor_type.into(),
                asked.actor.into(),
                asked.filter.action.as_deref().into(),
                asked.target_type.into(),
                asked.target_id.into(),
                asked.filter.outcome.as_deref().into(),
                asked.filter.request_id.into(),
                asked.filter.limit.into(),
            ],
        )?;
        rows.into_iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use doorward_domain::audit::Action;

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
    fn what_is_left_out_of_indexes_is_what_a_refresh_writes() {
        assert_eq!(Action::SessionRefreshed.as_str(), REFRESHED);
        for statements in [&BY_REQUEST, &BY_USER, &REFRESH_OF_REQUEST] {
            assert!(statements.page.contains("'session.refreshed'"));
        }
    }

    #[test]
    fn requests_are_bounds_of_ids() {
        let of = |millis: u64, random: [u8; 10]| {
            uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
        };
        let request = |id| first_of_request(RequestId::from_uuid(id));
        assert_eq!(request(of(5_000, [255; 10])), Some(first_of(4_000)));
        assert!(first_of(4_000) <= of(4_000, [0; 10]));
        assert_eq!(request(of(5, [0; 10])), Some(Uuid::nil()));
        assert_eq!(
            request(uuid::Builder::from_random_bytes([7; 16]).into_uuid()),
            None
        );
        assert_eq!(request(Uuid::nil()), None);
        assert_eq!(request(Uuid::max()), None);
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
