//! The one place where a refusal becomes an answer.
//!
//! A handler returns an [`ApiError`]. Its response is a bare status with the refusal attached; the
//! outermost layer ([`crate::shell`]), which knows the request id and the face, writes the body.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::{Error, FieldError};
use serde::Serialize;

use crate::shell::Face;

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    error: Box<Error>,
    challenge: Option<Challenge>,
    status: Option<StatusCode>,
}

/// What handlers return.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// Which credentials a 401 asks for (RFC 9110 §11.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The app's id and secret (RFC 7617).
    Basic,
    /// A user's access token; none was sent (RFC 6750 §3: then no error code is given).
    BearerMissing,
    /// A user's access token; the one sent was refused (RFC 6750 §3.1).
    BearerInvalid,
    /// An operator's key.
    AdminKey,
}

impl Challenge {
    const fn header(self) -> &'static str {
        match self {
            Self::Basic => r#"Basic realm="doorward", charset="UTF-8""#,
            Self::BearerMissing => r#"Bearer realm="doorward""#,
            Self::BearerInvalid => r#"Bearer realm="doorward", error="invalid_token""#,
            Self::AdminKey => r#"Bearer realm="doorward-operator""#,
        }
    }
}

impl ApiError {
    /// Of a code, with its own message.
    pub(crate) fn new(code: Code) -> Self {
        Error::new(code).into()
    }

    /// With the credentials a 401 asks for, where they are not the face's usual ones.
    #[must_use]
    pub(crate) const fn challenging(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// With status 404 in place of the code's own: the code says what a device is told, and here it
    /// is an id that nothing goes by.
    #[must_use]
    pub(crate) const fn not_found(mut self) -> Self {
        self.status = Some(StatusCode::NOT_FOUND);
        self
    }

    fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| status_of(self.error.code()))
    }

    /// The refusal itself.
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self {
            error: Box::new(error),
            challenge: None,
            status: None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The body of every refusal.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    pub(crate) error: Code,
    pub(crate) message: &'a str,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) details: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<i64>,
    pub(crate) request_id: &'a str,
}

/// Writes the refusal into its response.
pub(crate) fn write(
    response: &mut Response,
    refusal: &ApiError,
    face: Face,
    method: &Method,
    request_id: &str,
) {
    let error = refusal.error();
    let code = error.code();
    // What an error of ours has to say is for the log; the caller gets the code's own words.
    let message = if code == Code::InternalError {
        code.message()
    } else {
        error.message()
    };
    // Every 429 and 503 says when to come back, also where the place that raised it did not know.
    let retry_after = error
        .retry_after()
        .or(matches!(code.status(), 429 | 503).then_some(1));
    let body = ErrorBody {
        error: code,
        message,
        status: refusal.status().as_u16(),
        details: error.details(),
        retry_after,
        request_id,
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if code.status() == StatusCode::UNAUTHORIZED.as_u16() {
        let challenge = refusal.challenge.unwrap_or(match face {
            Face::Public => Challenge::Basic,
            Face::Operator => Challenge::AdminKey,
        });
        challenge_with(headers, challenge);
    }
    if method != Method::HEAD {
        *response.body_mut() = serde_json::to_vec(&body).unwrap_or_default().into();
    }
}

fn challenge_with(headers: &mut HeaderMap, challenge: Challenge) {
    headers.insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge.header()),
    );
}
