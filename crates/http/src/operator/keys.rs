//! `/admin/keys`: signing keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::reason::Reason;
use doorward_domain::signing::{KeyState, SigningAlg};
use doorward_domain::time::iso;
use doorward_service::signing::{self, RotateMode, StoredSigningKey};
use doorward_service::{Error, TimeCursor};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use super::deliberate::meant;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{Fields, JsonBody, Page, Paged, QueryFields};

/// A signing key, its public side.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(super) struct SigningKeyView {
    /// Thumbprint of the public key (RFC 7638); `kid` in tokens.
    kid: String,
    /// What it signs with.
    #[schema(value_type = String, example = "RS256-2048")]
    alg: SigningAlg,
    /// `next`, `active`, `retiring` or `retired`.
    #[schema(value_type = String, example = "active")]
    state: KeyState,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it began to sign.
    #[schema(format = DateTime)]
    activated_at: Option<String>,
    /// When it stopped.
    #[schema(format = DateTime)]
    retiring_at: Option<String>,
    /// When the last token it signed is dead.
    #[schema(format = DateTime)]
    retire_after: Option<String>,
    /// When it left the JWKS.
    #[schema(format = DateTime)]
    retired_at: Option<String>,
}

impl From<StoredSigningKey> for SigningKeyView {
    fn from(key: StoredSigningKey) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg,
            state: key.state,
            created_at: iso(key.created_at),
            activated_at: key.activated_at.map(iso),
            retiring_at: key.retiring_at.map(iso),
            retire_after: key.retire_after.map(iso),
            retired_at: key.retired_at.map(iso),
        }
    }
}

/// The signing keys.
#[derive(Serialize, ToSchema)]
pub(super) struct SigningKeys {
    /// The keys, newest first, retired ones included.
    #[serde(flatten)]
    page: Paged<SigningKeyView>,
    /// The active public key as one line of base64 (`JWT_PUBLIC_KEY`).
    jwt_public_key: String,
    /// The same as PEM.
    pem: String,
    /// The JWKS document as it is published: next, active and retiring keys.
    #[schema(value_type = Object)]
    jwks: Box<RawValue>,
}

refusals!(ListKeysRefusals = ALWAYS | OPERATOR + ValidationError);

/// List signing keys
///
/// Scope `keys:read`.
#[utoipa::path(
    get, path = "/admin/keys", operation_id = "listSigningKeys", tag = "Signing keys",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "The keys.", body = SigningKeys), ListKeysRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<SigningKeys>> {
    let page = Page::read_with(&mut fields, str::parse::<TimeCursor>);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let found = signing::list(&face.core, &operator, page.cursor.clone(), page.fetch()).await?;
    let keys = face.core.signing();
    let jwks = RawValue::from_string(keys.jwks().to_string())
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(Json(SigningKeys {
        page: page.of(
            found,
            |key| TimeCursor {
                at: key.created_at,
                id: key.kid.clone(),
            },
            SigningKeyView::from,
        ),
        jwt_public_key: keys.jwt_public_key().to_owned(),
        pem: keys.public_pem().to_owned(),
        jwks,
    }))
}

/// How to rotate.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct RotateKeysRequest {
    /// For a leaked key: it leaves the JWKS at once and every token it signed is refused. Absent or
    /// false: it stays until its last token is dead.
    retire_now: Option<bool>,
    /// Why. Required with `retire_now`; it goes to the audit and stays there.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 500)]
    reason: Option<Reason>,
    /// The id of the active key, once more. Required with `retire_now`.
    #[schema(max_length = 254)]
    confirm: Option<String>,
}

/// The key that signs from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct RotatedKey {
    /// Its id.
    kid: String,
    /// Its public side as one line of base64 (`JWT_PUBLIC_KEY`).
    jwt_public_key: String,
}

refusals!(RotateKeysRefusals = ALWAYS | OPERATOR | BODY + Conflict);

/// Rotate the signing keys
///
/// The next key begins to sign, and its successor is published. The body may be left out. Scope
/// `keys:write`.
#[utoipa::path(
    post, path = "/admin/keys/rotate", operation_id = "rotateSigningKeys", tag = "Signing keys",
    request_body = Option<RotateKeysRequest>,
    responses((status = 200, description = "Rotated.", body = RotatedKey), RotateKeysRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn rotate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    body: Option<JsonBody>,
) -> ApiResult<Json<RotatedKey>> {
    let mut fields = body.map_or_else(Fields::empty, Fields::from);
    let retire_now = fields.optional_bool("retire_now");
    // Without `retire_now` nothing dies: then neither is known here.
    let meant = (retire_now == Some(Some(true))).then(|| meant(&mut fields));
    fields.refuse_unknown();
    let meant =
        fields.finish(|| retire_now.and_then(|_| meant.map_or(Some(None), |m| m.map(Some))))?;
    let mode = match meant {
        Some(meant) => RotateMode::RetireNow(meant.by(&operator)?),
        None => RotateMode::Overlap,
    };
    let kid = signing::rotate(&face.core, &operator, mode).await?;
    let jwt_public_key = face.core.signing().jwt_public_key().to_owned();
    Ok(Json(RotatedKey {
        kid,
        jwt_public_key,
    }))
}
