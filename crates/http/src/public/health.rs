//! `GET /health`, on both faces.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::secret::{SecretText, constant_time_eq};
use doorward_service::Core;
use doorward_service::health::{self, HealthDetails, HealthStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;

/// What the handler needs.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) core: Arc<Core>,
    pub(crate) secret: Option<SecretText>,
}

impl FromRef<Arc<PublicFace>> for Health {
    fn from_ref(face: &Arc<PublicFace>) -> Self {
        Self {
            core: Arc::clone(&face.core),
            secret: face.health_secret.clone(),
        }
    }
}

/// Whether the service can do its work. Everything but `status` needs the health secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// `ok`, or `unavailable` when the database is out of reach or the server is about to stop.
    status: &'static str,
    /// Version of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    /// The database.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Database>,
    /// The schema; null when the database is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<Option<Migrations>>,
    /// The active signing key; null when the database is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<Option<SigningKey>>,
    /// The last maintenance run; null before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    maintenance: Option<Option<Maintenance>>,
    /// Messages waiting to be sent; null when the database is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    outbox: Option<Option<Outbox>>,
}

/// The database.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthDatabase)]
struct Database {
    /// `sqlite` or `postgres`.
    engine: &'static str,
    /// Whether it answers.
    reachable: bool,
}

/// The schema.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthMigrations)]
struct Migrations {
    /// Version of the database.
    current: i64,
    /// Version this program brings.
    latest: i64,
}

/// The active signing key.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthSigningKey)]
struct SigningKey {
    /// Its id.
    kid: String,
    /// Seconds since it began to sign.
    age_seconds: i64,
}

/// The last maintenance run.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthMaintenance)]
struct Maintenance {
    /// Its end, good or bad.
    #[schema(format = DateTime)]
    last_run_at: Option<String>,
    /// The last good end.
    #[schema(format = DateTime)]
    last_ok_at: Option<String>,
}

/// Messages waiting to be sent.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthOutbox)]
struct Outbox {
    /// How many (counted up to 10,000).
    queued: i64,
    /// Seconds for which the oldest has been due.
    oldest_due_seconds: i64,
}

refusals!(HealthRefusals = + InternalError);

/// Whether the service works
///
/// `{ "status": "ok" }` to everybody, at most a second old; details, always fresh, to who sends the
/// health secret.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "Operation",
    params(("X-Health-Secret" = Option<String>, Header, description = "Shows the details.")),
    responses(
        (status = 200, description = "It works.", body = HealthAnswer),
        (status = 503, description = "The database is out of reach, or the server is about to stop.", body = HealthAnswer),
        HealthRefusals,
    ),
    security(()),
)]
pub(crate) async fn health(State(health): State<Health>, headers: HeaderMap) -> Response {
    let answer = if health.is_told(&headers) {
        HealthAnswer::from(health::details(&health.core).await)
    } else {
        HealthAnswer::bare(health::status(&health.core).await)
    };
    if answer.status == word(HealthStatus::Ok) {
        Json(answer).into_response()
    } else {
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response();
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }
}

impl Health {
    /// Whether the request knows the secret. Without one configured, nobody does.
    fn is_told(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get("x-health-secret");
        self.secret
            .as_ref()
            .zip(shown)
            .is_some_and(|(secret, shown)| {
                constant_time_eq(secret.expose().as_bytes(), shown.as_bytes())
            })
    }
}

const fn word(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "ok",
        HealthStatus::Unavailable => "unavailable",
    }
}

impl HealthAnswer {
    const fn bare(status: HealthStatus) -> Self {
        Self {
            status: word(status),
            version: None,
            database: None,
            migrations: None,
            signing_key: None,
            maintenance: None,
            outbox: None,
        }
    }
}

impl From<HealthDetails> for HealthAnswer {
    fn from(details: HealthDetails) -> Self {
        let HealthDetails {
            status,
            version,
            database,
            migrations,
            signing_key,
            maintenance,
            outbox,
        } = details;
        Self {
            status: word(status),
            version: Some(version),
            database: Some(Database {
                engine: database.engine,
                reachable: database.reachable,
            }),
            migrations: Some(migrations.map(|m| Migrations {
                current: m.current,
                latest: m.latest,
            })),
            signing_key: Some(signing_key.map(|k| SigningKey {
                kid: k.kid,
                age_seconds: k.age_seconds,
            })),
            maintenance: Some(maintenance.map(|m| Maintenance {
                last_run_at: m.last_run_at,
                last_ok_at: m.last_ok_at,
            })),
            outbox: Some(outbox.map(|o| Outbox {
                queued: o.queued,
                oldest_due_seconds: o.oldest_due_seconds,
            })),
        }
    }
}
