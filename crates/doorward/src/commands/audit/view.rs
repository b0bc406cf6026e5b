//! How events look.

use doorward_domain::time::iso;
use doorward_service::audit::StoredEvent;
use serde::Serialize;

use crate::Outcome;
use crate::failure::Failure;
use crate::output::{Report, seconds, table};

/// Somebody or something, by kind and id.
#[derive(Serialize)]
struct Party {
    r#type: String,
    id: Option<String>,
}

impl Party {
    fn text(&self) -> String {
        match &self.id {
            Some(id) => format!("{}:{id}", self.r#type),
            None => self.r#type.clone(),
        }
    }
}

/// An event, as the operator face shows it.
#[derive(Serialize)]
pub(super) struct EventView {
    id: String,
    at: String,
    app_id: Option<String>,
    actor: Party,
    action: String,
    target: Option<Party>,
    outcome: String,
    reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    session_id: Option<String>,
    details: Option<serde_json::Value>,
}

impl From<StoredEvent> for EventView {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: iso(event.at),
            app_id: event.app_id.map(|id| id.to_string()),
            actor: Party {
                r#type: event.actor_type,
                id: event.actor_id,
            },
            action: event.action,
            target: event.target_type.map(|kind| Party {
                r#type: kind,
                id: event.target_id,
            }),
            outcome: event.outcome,
            reason: event.reason,
            ip: event.ip,
            user_agent: event.user_agent,
            request_id: event.request_id.map(|id| id.to_string()),
            session_id: event.session_id.map(|id| id.to_string()),
            details: event.details,
        }
    }
}

impl EventView {
    /// As a line of JSON.
    pub(super) fn line(&self) -> Outcome<String> {
        serde_json::to_string(self)
            .map(|text| text + "\n")
            .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))
    }

    fn cells(&self) -> [String; 5] {
        [
            seconds(&self.at),
            self.action.clone(),
            self.reason.clone().unwrap_or_else(|| self.outcome.clone()),
            self.actor.text(),
            match self.target.as_ref().map(Party::text) {
                Some(target) if target == self.actor.text() => "itself".to_owned(),
                target => target.unwrap_or_default(),
            },
        ]
    }

    /// As a line for people.
    pub(super) fn row(&self) -> String {
        let [at, action, outcome, actor, target] = self.cells();
        format!("{at}  {action:26}  {outcome:16}  {actor}  {target}\n")
    }
}

/// Events.
#[derive(Serialize)]
pub(super) struct EventList {
    pub(super) items: Vec<EventView>,
    pub(super) next_cursor: Option<String>,
}

impl Report for EventList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no such event.\n".to_owned();
        }
        let rows: Vec<_> = self.items.iter().map(EventView::cells).collect();
        let mut out = table(["AT", "ACTION", "OUTCOME", "ACTOR", "TARGET"], &rows);
        if let Some(next) = &self.next_cursor {
            out.push_str(&format!("\nThere are more: --cursor {next}\n"));
        }
        out
    }
}
