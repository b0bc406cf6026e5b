//! The audit log: written in the transaction it describes, read by operators.

use doorward_domain::audit::{AuditEvent, Personal};
use doorward_domain::{AppId, EventId, RequestId, SessionId, Timestamp};

use super::PlatformWrite;
use crate::error::StoreError;
use crate::port::Connection;
use crate::value::Row;

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredEvent {
    /// Ordered by time.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// In which app; `None` for the platform itself.
    pub app_id: Option<AppId>,
    /// Kind of actor.
    pub actor_type: String,
    /// Who.
    pub actor_id: Option<String>,
    /// What.
    pub action: String,
    /// Kind of target.
    pub target_type: Option<String>,
    /// To what.
    pub target_id: Option<String>,
    /// `success` or `refused`.
    pub outcome: String,
    /// The code of a refusal.
    pub reason: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<RequestId>,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// Anything more.
    pub details: Option<serde_json::Value>,
}

pub(crate) fn insert_event(
    connection: &mut dyn Connection,
    event: &AuditEvent,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO audit_events (id, at, app_id, actor_type, actor_id, action, \
         target_type, target_id, outcome, reason, ip, user_agent, request_id, session_id, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    const PERSONAL: &str = "INSERT INTO audit_personal (app_id, event_id, user_id, contact_ref, \
         contact, ip) VALUES ($1, $2, $3, $4, $5, $6)";
    let personal = event
        .personal
        .as_ref()
        .filter(|part| **part != Personal::default());
    if let (Some(app_id), Some(personal)) = (event.app_id, personal) {
        let ip = personal.ip.map(|ip| ip.to_string());
        connection.defer(
            PERSONAL,
            &[
                app_id.into(),
                event.id.into(),
                event.subject().into(),
                personal.contact_ref.as_ref().into(),
                personal.contact.as_deref().into(),
                ip.as_deref().into(),
            ],
        )?;
    }
    let actor_id = event.actor.id();
    let ip = event.ip.map(|ip| ip.to_string());
    let details = event.details.as_ref().map(ToString::to_string);
    connection.defer(
        SQL,
        &[
            event.id.into(),
            event.at.into(),
            event.app_id.into(),
            event.actor.kind().into(),
            actor_id.as_deref().into(),
            event.action.as_str().into(),
            event.target.as_ref().map(|target| target.kind).into(),
            event
                .target
                .as_ref()
                .map(|target| target.id.as_str())
                .into(),
            event.outcome.as_str().into(),
            event.outcome.reason().into(),
            ip.as_deref().into(),
            event.user_agent.as_deref().into(),
            event.request_id.into(),
            event.session_id.into(),
            details.as_deref().into(),
        ],
    )
}

/// From the columns of the event, then the address and the network address of its personal part. To
/// whoever reads, the two are one.
pub(crate) fn event(mut row: Row) -> Result<StoredEvent, StoreError> {
    let mut event = StoredEvent {
        id: row.take()?,
        at: row.take()?,
        app_id: row.take()?,
        actor_type: row.take()?,
        actor_id: row.take()?,
        action: row.take()?,
        target_type: row.take()?,
        target_id: row.take()?,
        outcome: row.take()?,
        reason: row.take()?,
        ip: row.take()?,
        user_agent: row.take()?,
        request_id: row.take()?,
        session_id: row.take()?,
        details: row
            .take::<Option<String>>()?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| StoreError::decode("audit details that are no JSON"))?,
    };
    if let Some(contact) = row.take::<Option<String>>()? {
        let details = event.details.get_or_insert_with(|| serde_json::json!({}));
        if let Some(details) = details.as_object_mut() {
            details.insert("contact".to_owned(), contact.into());
        }
    }
    if let Some(ip) = row.take::<Option<String>>()? {
        event.ip = Some(ip);
    }
    Ok(event)
}

impl PlatformWrite<'_> {
    /// Writes an event in the transaction it describes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        insert_event(self.connection, event)
    }
}
