//! `/admin/apps/{app_id}/users/{user_id}/sessions` and `/admin/apps/{app_id}/sessions/{session_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::session::SessionRecord;
use doorward_domain::time::iso;
use doorward_domain::{AppId, SessionId, TenantId, Timestamp, UserId};
use doorward_service::{Error, sessions};
use serde::Serialize;
use utoipa::ToSchema;

use super::change::ShowUserRefusals;
use super::ids;
use super::status::{ReasonRequest, why};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::read::{JsonBody, Page, Paged, QueryFields, uuid};

/// A session: one sign-in on one device.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// Its id: `sid` in tokens.
    #[schema(value_type = uuid::Uuid)]
    session_id: SessionId,
    /// Whose it is.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// The organization its tokens speak for.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// `active`, `expired` or `ended`.
    state: &'static str,
    /// How the person proved who they are (RFC 8176): at most each method once.
    amr: Vec<String>,
    /// The address it was begun from.
    ip: Option<String>,
    /// What it was begun with, in the client's words.
    user_agent: Option<String>,
    /// Sign-in.
    #[schema(format = DateTime)]
    created_at: String,
    /// Last sign-in or refresh.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When it ends by itself, unless it is used.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it ended before its time.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why: `logout`, `reuse`, `user_revoked`, `user_inactive`, `operator` or `app_revoked`.
    end_reason: Option<&'static str>,
}

impl SessionView {
    fn new(record: SessionRecord, now: Timestamp) -> Self {
        let state = record.state(now);
        let SessionRecord {
            session,
            ip,
            user_agent,
        } = record;
        let end = session.expires_at.min(session.absolute_expires_at);
        Self {
            session_id: session.id,
            user_id: session.user_id,
            tenant_id: session.tenant_id,
            state,
            amr: session
                .amr
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect(),
            ip,
            user_agent,
            created_at: iso(session.created_at),
            last_used_at: iso(session.last_used_at),
            expires_at: iso(end),
            ended_at: session.ended.map(|(at, _)| iso(at)),
            end_reason: session.ended.map(|(_, why)| why.as_str()),
        }
    }
}

/// List a user's sessions
///
/// Newest first; ended ones until they are cleaned up. Scope `users:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/users/{user_id}/sessions", operation_id = "listSessions", tag = "Sessions",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<SessionView>), ShowUserRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<SessionView>>> {
    let (app_id, user_id) = ids(path)?;
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let (cursor, fetch) = (page.cursor, page.fetch());
    let found = sessions::list(&face.core, &operator, app_id, user_id, cursor, fetch).await?;
    let now = face.core.clock.now();
    Ok(Json(page.of(
        found,
        |record| record.session.id,
        |record| SessionView::new(record, now),
    )))
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedSessions {
    /// How many were alive.
    sessions_revoked: u64,
}

refusals!(
    EndSessionsRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound
);

/// End every session of a user
///
/// Doing it twice is no error. The body may be left out. Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/sessions/end", operation_id = "endSessionsOfUser", tag = "Sessions",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "Ended.", body = EndedSessions), EndSessionsRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn end_all(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<Json<EndedSessions>> {
    let (app_id, user_id) = ids(path)?;
    let reason = why(body)?;
    let ended = sessions::end_all(&face.core, &operator, app_id, user_id, reason).await?;
    Ok(Json(EndedSessions {
        sessions_revoked: ended,
    }))
}

fn session_ids((app, session): (String, String)) -> ApiResult<(AppId, SessionId)> {
    let session = uuid(&session).map_err(|message| Error::field("session_id", message))?;
    Ok((app_id(&app)?, session))
}

refusals!(
    ShowSessionRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    NotFound
);

/// Show a session
///
/// Scope `users:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/sessions/{session_id}", operation_id = "showSession", tag = "Sessions",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("session_id" = uuid::Uuid, Path, description = "The session."),
    ),
    responses((status = 200, description = "The session.", body = SessionView), ShowSessionRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<SessionView>> {
    let (app_id, id) = session_ids(path)?;
    let record = sessions::show(&face.core, &operator, app_id, id).await?;
    Ok(Json(SessionView::new(record, face.core.clock.now())))
}

refusals!(
    EndSessionRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    NotFound
);

/// End a session
///
/// Its refresh token is dead at once; its access token lives to its `exp`, except for consumers that
/// subscribe to revocations. Doing it twice is no error. The body may be left out. Scope
/// `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/sessions/{session_id}/end", operation_id = "endSession", tag = "Sessions",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("session_id" = uuid::Uuid, Path, description = "The session."),
    ),
    request_body = Option<ReasonRequest>,
    responses((status = 200, description = "Ended.", body = SessionView), EndSessionRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn end(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<Json<SessionView>> {
    let (app_id, id) = session_ids(path)?;
    let reason = why(body)?;
    let record = sessions::end(&face.core, &operator, app_id, id, reason).await?;
    Ok(Json(SessionView::new(record, face.core.clock.now())))
}
