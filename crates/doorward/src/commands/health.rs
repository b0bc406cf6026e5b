//! `doorward health`: for container health checks, which have no curl.

use std::time::Duration;

use serde_json::Value;

use crate::Outcome;
use crate::cli::Global;
use crate::deployment::Place;
use crate::doctor::ports::reached;
use crate::failure::Failure;
use crate::output;

/// Longest wait for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks; an answer other than 200 is a failure.
pub(super) async fn run(global: &Global, url: Option<String>) -> Outcome {
    // What else may be wrong with the settings does not matter to this question.
    let config = Place::of(global)
        .or_default_data_dir()
        .load(Vec::new())
        .config;
    let url = match url {
        Some(url) => whole(&url)?,
        None => format!("http://{}/health", reached(config.server.listen)),
    };
    let unwell = |why: String| Failure::failed("UNHEALTHY", format!("{url}: {why}"));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))?;
    let mut request = client.get(&url);
    if let Some(secret) = &config.health.secret {
        request = request.header("x-health-secret", secret.expose());
    }
    let answer = request
        .send()
        .await
        .map_err(|error| unwell(reason(&error)))?;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    if status != reqwest::StatusCode::OK {
        return Err(unwell(format!("answered {status}")));
    }
    output::text_out(&if global.json {
        format!("{body}\n")
    } else {
        human(&body)
    })
}

/// A server's address is enough.
fn whole(url: &str) -> Outcome<String> {
    let mut whole = url::Url::parse(url).map_err(|error| {
        Failure::usage(format!("--url: {error}, e.g. http://127.0.0.1:3000/health"))
    })?;
    if whole.path() == "/" {
        whole.set_path("/health");
    }
    Ok(whole.into())
}

/// The innermost cause, without the URL that stands in front of the message already.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn human(body: &Value) -> String {
    let lines = body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}: {text}\n"),
            other => format!("{key}: {other}\n"),
        });
    lines.collect()
}
