//! `/admin/apps/{app_id}/incidents/…` and `/admin/incidents/…`: one call for each incident.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::reason::Reason;
use doorward_domain::time::iso;
use doorward_domain::{AppId, UserId};
use doorward_service::{Deliberate, Operator, incidents};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::OperatorFace;
use super::apps::rotate_secret::RotatedSecret;
use super::apps::{AppView, app_id};
use super::auth::Authenticated;
use super::creating::Creating;
use super::deliberate::{DangerousRequest, meant};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{Fields, JsonBody, uuid};
use crate::routes::Routes;

/// Routes for incidents.
pub(super) fn routes<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(secret_exposed))
        .routes(routes!(suspicious_sign_in))
        .routes(routes!(public_key))
        .routes(routes!(stop_app))
        .routes(routes!(end_all_sessions))
}

fn read(operator: &Operator, mut fields: Fields) -> ApiResult<Deliberate> {
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    fields.finish(|| meant)?.by(operator)
}

refusals!(IncidentRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// I1: an app's secret is known to somebody
///
/// It is replaced; the former one is dead at once on every node. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/incidents/secret-exposed", operation_id = "incidentSecretExposed", tag = "Incidents",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = DangerousRequest,
    responses((status = 200, description = "Replaced.", body = RotatedSecret), IncidentRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn secret_exposed(
    State(face): State<Arc<OperatorFace>>,
    Path(app): Path<String>,
    Creating { operator, fields }: Creating,
) -> ApiResult<Json<RotatedSecret>> {
    let app = app_id(&app)?;
    let deliberate = read(&operator, fields)?;
    let secret = incidents::secret_exposed(&face.core, &operator, app, deliberate).await?;
    Ok(Json(RotatedSecret::new(app, &secret)))
}

/// Somebody else may be signed in as a user.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct SuspiciousSignInRequest {
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = String, min_length = 3, max_length = 500)]
    reason: Reason,
    /// The user's id, e-mail address or phone number, once more.
    #[schema(max_length = 254)]
    confirm: String,
}

/// What ended.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedOut {
    /// Sessions that were alive.
    sessions_revoked: u64,
    /// Codes and reset tokens that were on their way.
    secrets_voided: u64,
}

refusals!(
    SuspiciousSignInRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound
);

/// I2: a suspicious sign-in
///
/// Every session of the user ends, and what it may have set on its way; the user signs in anew.
/// Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/incidents/suspicious-sign-in", operation_id = "incidentSuspiciousSignIn", tag = "Incidents",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = SuspiciousSignInRequest,
    responses((status = 200, description = "Signed out.", body = SignedOut), SuspiciousSignInRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn suspicious_sign_in(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<SignedOut>> {
    let app = app_id(&app)?;
    let mut fields = Fields::from(body);
    let user = fields.required("user_id", uuid);
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let (user, meant) = fields.finish(|| Some((user?, meant?)))?;
    let deliberate = meant.by(&operator)?;
    let ended = incidents::suspicious_sign_in(&face.core, &operator, app, user, deliberate).await?;
    Ok(Json(SignedOut {
        sessions_revoked: ended.sessions,
        secrets_voided: ended.secrets,
    }))
}

/// The public key in every form.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicKey {
    /// The id of the active key.
    kid: String,
    /// As one line of base64 (`JWT_PUBLIC_KEY`).
    jwt_public_key: String,
    /// As PEM.
    pem: String,
    /// Every published key, as at `/.well-known/jwks.json`.
    #[schema(value_type = Object)]
    jwks: serde_json::Value,
}

refusals!(PublicKeyRefusals = ALWAYS | OPERATOR);

/// I3: a consumer lost the public key
///
/// It is public: here it is again, in every form. Scope `keys:read`.
#[utoipa::path(
    get, path = "/admin/incidents/public-key", operation_id = "incidentPublicKey", tag = "Incidents",
    responses((status = 200, description = "The public key.", body = PublicKey), PublicKeyRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn public_key(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<PublicKey>> {
    let forms = incidents::public_key(&face.core, &operator).await?;
    let jwks = serde_json::from_str(&forms.jwks)
        .map_err(|error| doorward_service::Error::internal(format!("our own JWKS: {error}")))?;
    Ok(Json(PublicKey {
        kid: forms.kid,
        jwt_public_key: forms.jwt_public_key,
        pem: forms.pem,
        jwks,
    }))
}

/// I4: an app must stop at once
///
/// It is switched off: it signs nobody in, refreshes nothing, and consumers that subscribe to
/// revocations refuse its tokens. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/incidents/stop-app", operation_id = "incidentStopApp", tag = "Incidents",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = DangerousRequest,
    responses((status = 200, description = "It is off.", body = AppView), IncidentRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn stop_app(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<AppView> {
    let app = app_id(&app)?;
    let deliberate = read(&operator, Fields::from(body))?;
    let app = incidents::stop_app(&face.core, &operator, app, deliberate).await?;
    Ok(app.into())
}

/// Everybody is signed out.
#[derive(Serialize, ToSchema)]
pub(super) struct AllSessionsEnded {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// When.
    #[schema(format = DateTime)]
    sessions_ended_at: String,
    /// Consumers that subscribe to revocations refuse tokens issued until then.
    #[schema(format = DateTime)]
    tokens_issued_until: String,
}

/// I4, finer: end every session of an app
///
/// One statement, however many there are, on every node within a second. The app goes on: people
/// sign in again. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/incidents/end-all-sessions", operation_id = "incidentEndAllSessions", tag = "Incidents",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = DangerousRequest,
    responses((status = 200, description = "Ended.", body = AllSessionsEnded), IncidentRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn end_all_sessions(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<AllSessionsEnded>> {
    let app_id = app_id(&app)?;
    let deliberate = read(&operator, Fields::from(body))?;
    let ended = incidents::end_all_sessions(&face.core, &operator, app_id, deliberate).await?;
    Ok(Json(AllSessionsEnded {
        app_id,
        sessions_ended_at: iso(ended.at),
        tokens_issued_until: iso(ended.tokens_issued_until),
    }))
}
