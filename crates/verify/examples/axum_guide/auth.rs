use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_verify::{
    Audience, FetchError, FetchJwks, RefreshTiming, RotatingKeys, VerifiedToken, Verifier,
    VerifyError,
};
use serde_json::{Map, Value, json};

/// What the program knows of the service and of its app.
pub(crate) struct Doorward {
    pub(crate) url: String,
    pub(crate) app_id: String,
    pub(crate) app_secret: String,
    pub(crate) http: reqwest::Client,
    verifier: Verifier,
    keys: RotatingKeys<Jwks>,
}

/// Where the service's public keys are. They are fetched when first needed, cached, and renewed when
/// a new one signs.
struct Jwks {
    http: reqwest::Client,
    url: String,
}

impl FetchJwks for Jwks {
    async fn fetch(&self) -> Result<String, FetchError> {
        let answer = self.http.get(&self.url).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

impl Doorward {
    pub(crate) fn from_env() -> Result<Self, Box<dyn Error>> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        let url = variable("AUTH_URL")?;
        let app_id = variable("APP_ID")?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let jwks = Jwks {
            http: http.clone(),
            url: format!("{url}/.well-known/jwks.json"),
        };
        // Checks RS256 and nothing else, type, issuer, audience, app and times, all as one.
        let audience = Audience::ServiceUrlAndSlug(variable("APP_SLUG")?);
        Ok(Self {
            verifier: Verifier::builder(&url, app_id.parse()?, audience).build()?,
            keys: RotatingKeys::new(jwks, RefreshTiming::default()),
            app_secret: variable("APP_SECRET")?,
            app_id,
            url,
            http,
        })
    }
}

/// Whoever is asking. A handler that takes one is for people who are signed in.
pub(crate) struct User(VerifiedToken);

impl Deref for User {
    type Target = VerifiedToken;

    fn deref(&self) -> &VerifiedToken {
        &self.0
    }
}

impl FromRequestParts<Arc<Doorward>> for User {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        doorward: &Arc<Doorward>,
    ) -> Result<Self, Refused> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let token = header
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .ok_or_else(|| Refused::new(401, "TOKEN_INVALID", "An access token is required."))?;
        let now = jiff::Timestamp::now();
        let verified = doorward
            .verifier
            .verify_with(token, &doorward.keys, now)
            .await;
        verified.map(Self).map_err(|error| {
            let message = match error {
                VerifyError::Expired => "The access token has expired: refresh it.",
                // Without keys nobody can say: the client keeps its token and tries again.
                VerifyError::Unavailable(_) => "Tokens cannot be verified now. Try again.",
                _ => "The access token is not valid.",
            };
            Refused::new(error.status(), error.code(), message)
        })
    }
}

impl User {
    /// Refuses whoever has none of these roles in the organization of the token.
    pub(crate) fn require_role(&self, roles: &[&str]) -> Result<(), Refused> {
        if roles.iter().any(|role| self.has_role(role)) {
            Ok(())
        } else {
            Err(Refused::forbidden())
        }
    }

    /// Refuses whoever has no role that permits this, in the organization of the token.
    pub(crate) fn require_permission(&self, permission: &str) -> Result<(), Refused> {
        if self.has_permission(permission) {
            Ok(())
        } else {
            Err(Refused::forbidden())
        }
    }
}

/// Something is refused; the answer is `{ error, message, status }`, as Doorward's own.
pub(crate) struct Refused {
    pub(crate) status: u16,
    body: Map<String, Value>,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self::with(status, code, message, Map::new())
    }

    pub(crate) fn with(status: u16, code: &str, message: &str, more: Map<String, Value>) -> Self {
        let mut body = more;
        body.insert("error".into(), code.into());
        body.insert("message".into(), message.into());
        body.insert("status".into(), status.into());
        Self { status, body }
    }

    fn forbidden() -> Self {
        Self::new(403, "FORBIDDEN", "Your role does not permit this.")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let retry_after = self.body.get("retry_after").and_then(Value::as_u64);
        let mut answer = (status, Json(json!(self.body))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = header::HeaderValue::from_static("Bearer");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(seconds) = retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
