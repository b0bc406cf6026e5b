//! The interactive reference. Its files are in the binary; nothing is fetched from elsewhere, and
//! nothing is built before somebody asks.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use doorward_domain::Code;
use doorward_service::Error;
use utoipa_swagger_ui::Config;

use crate::error::{ApiError, ApiResult};

/// The page runs its own scripts and talks to its own server. Swagger UI writes inline styles.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// `/openapi.json` and `/docs`.
pub(crate) fn page(document: fn() -> String) -> Router {
    let rendered: Arc<OnceLock<Bytes>> = Arc::default();
    let json = move || {
        let body = rendered.get_or_init(|| document().into()).clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    Router::new()
        .route("/openapi.json", get(json))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route("/docs/", get(async || file("index.html")))
        .route(
            "/docs/{file}",
            get(async |Path(name): Path<String>| file(&name)),
        )
}

fn file(name: &str) -> ApiResult<Response> {
    let config = Arc::new(Config::from("/openapi.json").validator_url("none"));
    let file = utoipa_swagger_ui::serve(name, config)
        .map_err(|error| Error::internal(error.to_string()))?
        .ok_or_else(|| ApiError::new(Code::NotFound))?;
    let bytes = Bytes::from(file.bytes.into_owned());
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let charset = if file.content_type.starts_with("text/") {
        "; charset=utf-8"
    } else {
        ""
    };
    if let Ok(kind) = HeaderValue::from_str(&format!("{}{charset}", file.content_type)) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CSP),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    Ok(response)
}
