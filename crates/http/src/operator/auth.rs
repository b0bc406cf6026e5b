//! Who the operator is. Asked before anything else of the request is looked at.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use doorward_domain::secret::SecretText;
use doorward_service::{Error, Operator, admin_keys};

use super::OperatorFace;
use crate::error::{ApiError, ApiResult};
use crate::read::{Authorization, authorization};
use crate::shell::Meta;

/// An operator whose key was accepted. What it may do is asked in the use case.
pub(super) struct Authenticated(pub(super) Operator);

impl FromRequestParts<Arc<OperatorFace>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        face: &Arc<OperatorFace>,
    ) -> Result<Self, ApiError> {
        let meta = Meta::from_request_parts(parts, face).await?;
        let key = key(&parts.headers)?;
        // A missing key takes the way of a wrong one: it is refused and audited like any.
        let key = key.as_ref().map_or("", SecretText::expose);
        Ok(Self(
            admin_keys::authenticate(&face.core, meta.context(), key).await?,
        ))
    }
}

/// The header `X-Admin-Key`, or a Bearer token (what Prometheus can send).
fn key(headers: &HeaderMap) -> ApiResult<Option<SecretText>> {
    const NAME: &str = "X-Admin-Key";
    let mut values = headers.get_all(NAME).iter();
    if let Some(value) = values.next() {
        if values.next().is_some() {
            return Err(Error::field(NAME, "Must be sent once").into());
        }
        return Ok(value.to_str().ok().map(SecretText::new));
    }
    Ok(match authorization(headers) {
        Ok(Authorization::Bearer(token)) => Some(token),
        _ => None,
    })
}
