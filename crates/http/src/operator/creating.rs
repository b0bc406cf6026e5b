//! A call that creates something: who asks, what was sent, and the key that lets it be repeated.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use doorward_service::{IdempotencyKey, Operator};

use super::OperatorFace;
use super::auth::Authenticated;
use crate::error::ApiError;
use crate::read::{Fields, JsonBody, idempotency_key};

/// Stands where other handlers have [`Authenticated`] and a body. The operator carries the
/// `Idempotency-Key`, which the use case heeds by itself; a key that is none is among the refused
/// fields. A body that was left out has no fields.
pub(super) struct Creating {
    /// Who asks.
    pub(super) operator: Operator,
    /// What was sent.
    pub(super) fields: Fields,
}

impl FromRequest<Arc<OperatorFace>> for Creating {
    type Rejection = ApiError;

    async fn from_request(request: Request, face: &Arc<OperatorFace>) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Authenticated(operator) = Authenticated::from_request_parts(&mut parts, face).await?;
        let headers = parts.headers.clone();
        let target = format!("{} {}", parts.method, parts.uri);
        // What was in the path and the query may be an address, and the audit keeps it for good.
        let template = parts.extensions.get::<MatchedPath>();
        let template = template.map_or("", MatchedPath::as_str);
        let operation = format!("{} {template}", parts.method);
        let request = Request::from_parts(parts, body);
        let body = Option::<JsonBody>::from_request(request, face).await?;
        // In the order of the names, so that it is the same however it was written.
        let sent = body
            .as_ref()
            .map(|JsonBody(object)| serde_json::to_vec(object).unwrap_or_default())
            .unwrap_or_default();
        let mut fields = body.map_or_else(Fields::empty, Fields::from);
        let key = idempotency_key(&headers, &mut fields).flatten();
        let key = key.and_then(|key| IdempotencyKey::new(&key, operation, &target, &sent).ok());
        Ok(Self {
            operator: operator.repeatable(key),
            fields,
        })
    }
}
