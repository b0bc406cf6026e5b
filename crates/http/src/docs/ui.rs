//! The interactive reference. Its files are in the binary; nothing is fetched from elsewhere, and
//! nothing is built before somebody asks.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

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
    let files = Arc::new(Files::default());
    Router::new()
        .route("/openapi.json", get(json))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route(
            "/docs/",
            get({
                let files = Arc::clone(&files);
                async move || answer(files.get("index.html")?)
            }),
        )
        .route(
            "/docs/{file}",
            get(async move |Path(name): Path<String>| answer(files.get(&name)?)),
        )
}

/// The page's files, each held once however many readers take their time with it.
#[derive(Default)]
struct Files(RwLock<HashMap<String, (Bytes, HeaderValue)>>);

impl Files {
    fn get(&self, name: &str) -> ApiResult<(Bytes, HeaderValue)> {
        let held = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        if let Some(held) = held {
            return Ok(held);
        }
        let config = Arc::new(Config::from("/openapi.json").validator_url("none"));
        // Only what exists is kept: the names that callers invent are not.
        let file = utoipa_swagger_ui::serve(name, config)
            .map_err(|error| Error::internal(error.to_string()))?
            .ok_or_else(|| ApiError::new(Code::NotFound))?;
        let charset = if file.content_type.starts_with("text/") {
            "; charset=utf-8"
        } else {
            ""
        };
        let kind = HeaderValue::from_str(&format!("{}{charset}", file.content_type))
            .map_err(|error| Error::internal(error.to_string()))?;
        let made = (Bytes::from(file.bytes.into_owned()), kind);
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(files.entry(name.to_owned()).or_insert(made).clone())
    }
}

fn answer((bytes, kind): (Bytes, HeaderValue)) -> ApiResult<Response> {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_once() {
        let files = Files::default();
        let (first, _) = files.get("swagger-ui-bundle.js").unwrap();
        let (second, _) = files.get("swagger-ui-bundle.js").unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert!(files.get("../Cargo.toml").is_err());
        assert_eq!(files.0.read().unwrap().len(), 1);
    }
}
