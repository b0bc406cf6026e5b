use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Doorward, Refused};

/// No script can read it, no other site can send it.
const COOKIE: &str = "Path=/session; HttpOnly; Secure; SameSite=Strict";
const THIRTY_DAYS: u32 = 30 * 24 * 60 * 60;

type Body<T> = Result<Json<T>, JsonRejection>;

pub(crate) fn routes() -> Router<Arc<Doorward>> {
    Router::new()
        .route("/start", post(start))
        .route("/verify", post(verify))
        .route("/refresh", post(refresh))
        .route("/end", post(end))
}

impl Doorward {
    /// Calls the service in the name of the app. What it refuses is refused in its words.
    async fn call(&self, path: &str, mut body: Value, key: Option<&str>) -> Result<Value, Refused> {
        let away = |_| {
            let message = "Signing in is not possible now. Try again.";
            Refused::new(503, "SERVICE_UNAVAILABLE", message)
        };
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
            members.insert("app_id".into(), self.app_id.clone().into());
            members.insert("app_secret".into(), self.app_secret.clone().into());
        }
        let mut request = self.http.post(format!("{}{path}", self.url)).json(&body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        let result: Value = answer.json().await.map_err(away)?;
        if status.is_success() {
            return Ok(result);
        }
        let more = ["details", "retry_after"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), result.get(name)?.clone())));
        let text = |name: &str| result[name].as_str().unwrap_or_default();
        let (code, message) = (text("error"), text("message"));
        Err(Refused::with(
            status.as_u16(),
            code,
            message,
            more.collect(),
        ))
    }
}

fn signed_in(tokens: &Value) -> Result<Response, Refused> {
    let Some(token) = tokens["refresh_token"].as_str() else {
        return Err(Refused::new(502, "INTERNAL_ERROR", "Something went wrong."));
    };
    let cookie = format!("refresh_token={token}; Max-Age={THIRTY_DAYS}; {COOKIE}");
    let headers = [
        (header::SET_COOKIE, cookie.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((
        headers,
        Json(json!({ "access_token": tokens["access_token"] })),
    )
        .into_response())
}

/// Has the browser lose the cookie.
fn forgotten(answer: impl IntoResponse) -> Response {
    let cookie = format!("refresh_token=; Max-Age=0; {COOKIE}");
    ([(header::SET_COOKIE, cookie)], answer).into_response()
}

fn refresh_token(headers: &HeaderMap) -> Result<&str, Refused> {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok());
    cookies
        .into_iter()
        .flat_map(|cookies| cookies.split("; "))
        .find_map(|cookie| cookie.strip_prefix("refresh_token="))
        .ok_or_else(|| Refused::new(401, "TOKEN_INVALID", "You are not signed in."))
}

impl From<JsonRejection> for Refused {
    fn from(_: JsonRejection) -> Self {
        Self::new(400, "VALIDATION_ERROR", "Invalid request body.")
    }
}

#[derive(Deserialize)]
struct Start {
    email: String,
}

async fn start(
    State(doorward): State<Arc<Doorward>>,
    body: Body<Start>,
) -> Result<Json<Value>, Refused> {
    let Json(Start { email }) = body?;
    let body = json!({ "email": email, "purpose": "LOGIN" });
    let sent = doorward.call("/auth/send-otp", body, None).await?;
    Ok(Json(json!({ "otp_request_id": sent["otp_request_id"] })))
}

#[derive(Deserialize)]
struct Verify {
    otp_request_id: String,
    otp: String,
    tenant_id: Option<String>,
}

async fn verify(
    State(doorward): State<Arc<Doorward>>,
    body: Body<Verify>,
) -> Result<Response, Refused> {
    let Json(Verify {
        otp_request_id,
        otp,
        tenant_id,
    }) = body?;
    let body = json!({
        "otp_request_id": otp_request_id, "otp": otp, "tenant_id": tenant_id, "purpose": "LOGIN",
    });
    signed_in(&doorward.call("/auth/verify-otp", body, None).await?)
}

#[derive(Deserialize, Default)]
struct Refresh {
    /// The next token speaks for this organization.
    tenant_id: Option<String>,
}

async fn refresh(
    State(doorward): State<Arc<Doorward>>,
    headers: HeaderMap,
    body: Result<Option<Json<Refresh>>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(Refresh { tenant_id }) = body?.unwrap_or_default();
    let body = json!({ "refresh_token": refresh_token(&headers)?, "tenant_id": tenant_id });
    // The same key with the same token gets the same answer: a repeated request is no theft.
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok());
    match doorward.call("/auth/refresh", body, key).await {
        Ok(tokens) => signed_in(&tokens),
        Err(refused) if refused.status == 401 => Ok(forgotten(refused)),
        Err(refused) => Err(refused),
    }
}

async fn end(
    State(doorward): State<Arc<Doorward>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let body = json!({ "refresh_token": refresh_token(&headers)? });
    doorward.call("/auth/revoke", body, None).await?;
    Ok(forgotten(Json(json!({ "success": true }))))
}
