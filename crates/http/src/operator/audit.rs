//! `GET /admin/audit`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::audit::Action;
use doorward_domain::time::iso;
use doorward_domain::{AppId, EventId, RequestId, SessionId};
use doorward_service::audit::{self, AuditFilter, StoredEvent};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{Page, Paged, QueryFields, time, uuid};

/// Somebody or something, by kind and id.
#[derive(Serialize, ToSchema)]
pub(super) struct Party {
    /// The kind.
    r#type: String,
    /// The id, where there is one.
    id: Option<String>,
}

/// An audit event.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(super) struct AuditEventView {
    /// Its id, ordered by time.
    #[schema(value_type = uuid::Uuid)]
    id: EventId,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// In which app; null for the platform itself.
    #[schema(value_type = Option<uuid::Uuid>)]
    app_id: Option<AppId>,
    /// Who.
    actor: Party,
    /// What.
    action: String,
    /// To what.
    target: Option<Party>,
    /// `success` or `refused`.
    outcome: String,
    /// The error code of a refusal.
    reason: Option<String>,
    /// From where.
    ip: Option<String>,
    /// With what.
    user_agent: Option<String>,
    /// In which request.
    #[schema(value_type = Option<uuid::Uuid>)]
    request_id: Option<RequestId>,
    /// In which session.
    #[schema(value_type = Option<uuid::Uuid>)]
    session_id: Option<SessionId>,
    /// Anything more.
    details: Option<serde_json::Value>,
}

impl From<StoredEvent> for AuditEventView {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            at: iso(event.at),
            app_id: event.app_id,
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
            request_id: event.request_id,
            session_id: event.session_id,
            details: event.details,
        }
    }
}

/// The name of an action, from the closed list.
struct ActionName;

impl utoipa::PartialSchema for ActionName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(Action::ALL.iter().map(|action| action.as_str())))
            .into()
    }
}

impl ToSchema for ActionName {}

/// How it went.
struct OutcomeName;

impl utoipa::PartialSchema for OutcomeName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(["success", "refused"]))
            .into()
    }
}

impl ToSchema for OutcomeName {}

refusals!(ListAuditRefusals = ALWAYS | OPERATOR + ValidationError);

/// Read the audit log
///
/// Newest first. Filters add up. A page looks at a bounded number of events: it may hold fewer than
/// `limit`, or none, although there are more; go on until `next_cursor` is null. Scope `audit:read`.
#[utoipa::path(
    get, path = "/admin/audit", operation_id = "listAuditEvents", tag = "Audit",
    params(
        ("app_id" = Option<uuid::Uuid>, Query, description = "Only this app's events."),
        ("actor" = Option<String>, Query, pattern = "^[a-z_]{1,40}(:.{1,200})?$", description = "Only what this one did: `admin_key:ID`, `user:ID`, `app:ID`, `cli`, `system` or `anonymous`."),
        ("action" = inline(Option<ActionName>), Query, description = "Only this action."),
        ("target" = Option<String>, Query, pattern = "^[a-z_]{1,40}:.{1,200}$", description = "Only what was done to this one, e.g. `license:ID`; `user:ID` together with `app_id`. The refreshes of a user are found with the action `session.refreshed`."),
        ("outcome" = inline(Option<OutcomeName>), Query, description = "Only what was done, or only what was refused."),
        ("request_id" = Option<uuid::Uuid>, Query, description = "Only events of this request."),
        ("since" = Option<String>, Query, format = DateTime, description = "Only events from then on."),
        ("until" = Option<String>, Query, format = DateTime, description = "Only events before then."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<AuditEventView>), ListAuditRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<AuditEventView>>> {
    let app_id = fields.optional("app_id", uuid);
    let actor = fields.optional("actor", audit::party);
    let action = fields.optional("action", action);
    let target = fields.optional("target", audit::party);
    let outcome = fields.optional("outcome", audit::outcome);
    let request_id = fields.optional("request_id", uuid);
    let since = fields.optional("since", time);
    let until = fields.optional("until", time);
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let filter = fields.finish(|| {
        let page: Page<EventId> = page?;
        Some(AuditFilter {
            app_id: app_id?,
            actor: actor?,
            action: action?,
            target: target?,
            outcome: outcome?,
            request_id: request_id?,
            since: since?,
            until: until?,
            before: page.cursor,
            limit: page.limit(),
        })
    })?;
    let found = audit::list(&face.core, &operator, filter).await?;
    let items = found.events.into_iter().map(AuditEventView::from).collect();
    Ok(Json(Paged::new(items, found.next)))
}

fn action(text: &str) -> Result<String, &'static str> {
    Action::ALL
        .iter()
        .find(|action| action.as_str() == text)
        .map(|action| action.as_str().to_owned())
        .ok_or("Is no action; docs/reference/audit-actions.md lists them")
}
