//! The body of a request: JSON, of bounded size, with a strict content type.

use std::time::Duration;

use axum::extract::{FromRef, FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, header};
use doorward_domain::Code;
use doorward_service::Error;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde_json::{Map, Value};

use super::json;
use crate::error::ApiError;

/// Time for a body to arrive. It is at most some kilobytes, and while it is awaited the request
/// holds one of the places in flight.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Longest body accepted, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// The object in the body. It may hold secrets, so it does not print.
pub(crate) struct JsonBody(pub(crate) Map<String, Value>);

impl<S> FromRequest<S> for JsonBody
where
    S: Send + Sync,
    BodyLimit: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(Code::UnsupportedMediaType));
        }
        let bytes = read(request, BodyLimit::from_ref(state)).await?;
        json::parse_object(&bytes)
            .map(Self)
            .map_err(|message| Error::field("body", message).into())
    }
}

/// A body of any kind, as it is: for what is signed. At most 16 KiB.
pub(crate) struct RawBody(pub(crate) axum::body::Bytes);

impl<S> FromRequest<S> for RawBody
where
    S: Send + Sync,
    BodyLimit: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        const MOST: usize = 16 * 1024;
        let BodyLimit(limit) = BodyLimit::from_ref(state);
        read(request, BodyLimit(limit.min(MOST))).await.map(Self)
    }
}

/// A body that may be left out: then there is neither a length nor a content type.
impl<S> OptionalFromRequest<S> for JsonBody
where
    S: Send + Sync,
    BodyLimit: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        let typed = request.headers().contains_key(header::CONTENT_TYPE);
        if !typed && request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

async fn read(
    request: Request,
    BodyLimit(limit): BodyLimit,
) -> Result<axum::body::Bytes, ApiError> {
    // A length that is announced too large is refused before anything of it is read.
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::new(Code::PayloadTooLarge));
    }
    let arriving = Limited::new(request.into_body(), limit).collect();
    let Ok(arrived) = tokio::time::timeout(ARRIVAL, arriving).await else {
        return Err(Error::field("body", "Did not arrive within 5 seconds").into());
    };
    match arrived {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::new(Code::PayloadTooLarge)),
        Err(_) => Err(Error::field("body", "Ended too early").into()),
    }
}

/// Whether the one content type is `application/json`, in UTF-8 (RFC 8259 §8.1).
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim_end().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            // Other parameters mean nothing for JSON; an empty one is a stray semicolon.
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let check = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, value.parse().unwrap());
            }
            is_json(&headers)
        };
        assert!(check(&["application/json"]));
        assert!(check(&["Application/JSON; Charset=\"UTF-8\""]));
        assert!(!check(&[]));
        assert!(!check(&["text/plain"]));
        assert!(!check(&["application/json; charset=latin1"]));
        assert!(!check(&["application/jsonx"]));
        assert!(!check(&["application/json", "text/plain"]));
        assert!(!check(&["text/plain; application/json"]));
    }
}
