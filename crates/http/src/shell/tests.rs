//! The surroundings, around toy routes.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use doorward_domain::{OsRandom, SystemClock};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::read::{AppBody, BodyLimit, BrowserSecrets, JsonBody};

fn shell(options: ShellOptions) -> Router {
    let limited = Router::new()
        .route(
            "/panic",
            get(async || -> &'static str { panic!("secret-in-panic") }),
        )
        .route("/internal", get(async || ApiError::from(internal())))
        .route(
            "/slow",
            get(async || tokio::time::sleep(Duration::from_secs(3600)).await),
        )
        .route(
            "/who",
            get(async |meta: Meta| format!("{:?}", meta.context().origin.ip)),
        )
        .route(
            "/json",
            post(async |body: JsonBody| Value::Object(body.0).to_string()),
        )
        .route("/app", post(async |body: AppBody| answer(body)))
        .with_state(Limit(1_000));
    let free = Router::new().route("/free", get(async || "free"));
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    Shell {
        face: Face::Public,
        options,
        clock,
        random,
    }
    .around(limited, free)
}

#[derive(Clone)]
struct Limit(usize);

impl axum::extract::FromRef<Limit> for BodyLimit {
    fn from_ref(limit: &Limit) -> Self {
        Self(limit.0)
    }
}

impl BrowserSecrets for Limit {
    async fn seen(
        &self,
        _: doorward_service::Context,
        _: Option<doorward_domain::AppId>,
    ) -> Result<(), doorward_service::Error> {
        Ok(())
    }
}

fn internal() -> doorward_service::Error {
    doorward_service::Error::internal("the-database-password").with_message("also-not-for-callers")
}

fn answer(body: AppBody) -> Result<String, ApiError> {
    let bearer = body.bearer.clone();
    let (credentials, ()) = body.finish(|| Some(()))?;
    let bearer = bearer
        .map(|token| token.expose().to_owned())
        .unwrap_or_default();
    Ok(format!(
        "{} {} {bearer}",
        credentials.app_id,
        credentials.app_secret.expose()
    ))
}

async fn send(router: Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        parts.status,
        parts.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn get_it(path: &str) -> (StatusCode, HeaderMap, String) {
    let request = request("GET", path).body(Body::empty()).unwrap();
    send(shell(ShellOptions::default()), request).await
}

/// The error body without its request id, which is checked to be the header's.
fn refusal(headers: &HeaderMap, body: &str) -> Value {
    let mut body: Value = serde_json::from_str(body).unwrap();
    let id = body.as_object_mut().unwrap().remove("request_id").unwrap();
    assert_eq!(id, headers["x-request-id"].to_str().unwrap());
    assert_eq!(headers["content-type"], "application/json");
    body
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods() {
    let (status, headers, body) = get_it("/nowhere").await;
    assert_eq!(status, 404);
    assert_eq!(
        refusal(&headers, &body),
        json!({"error": "NOT_FOUND", "message": "There is nothing here.", "status": 404})
    );
    for path in ["/json", "/app"] {
        let (status, headers, body) = get_it(path).await;
        assert_eq!(status, 405);
        assert_eq!(headers["allow"], "POST");
        assert_eq!(refusal(&headers, &body)["error"], "METHOD_NOT_ALLOWED");
    }
    let trace = request("TRACE", "/free").body(Body::empty()).unwrap();
    let (status, headers, _) = send(shell(ShellOptions::default()), trace).await;
    assert_eq!(
        (status.as_u16(), headers["allow"].to_str().unwrap()),
        (405, "GET,HEAD")
    );
}

#[tokio::test]
async fn our_own_errors_say_nothing() {
    for path in ["/panic", "/internal"] {
        let (status, headers, body) = get_it(path).await;
        assert_eq!(status, 500);
        assert_eq!(
            refusal(&headers, &body),
            json!({
                "error": "INTERNAL_ERROR",
                "message": "Something went wrong on our side.",
                "status": 500
            })
        );
    }
}

#[tokio::test]
async fn every_answer_carries_security_headers() {
    for path in ["/free", "/nowhere", "/panic", "/json"] {
        let (_, headers, _) = get_it(path).await;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        let csp = headers["content-security-policy"].to_str().unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert!(!headers.contains_key("strict-transport-security"), "{path}");
        assert!(!headers.contains_key("server"), "{path}");
    }
    let options = ShellOptions {
        https: true,
        ..ShellOptions::default()
    };
    let request = request("GET", "/nowhere").body(Body::empty()).unwrap();
    let (_, headers, _) = send(shell(options), request).await;
    assert!(
        headers["strict-transport-security"]
            .to_str()
            .unwrap()
            .contains("max-age=31536000")
    );
}

#[tokio::test]
async fn our_request_id_stands_whatever_the_client_sends() {
    let request = request("GET", "/free")
        .header("x-request-id", "theirs")
        .body(Body::empty())
        .unwrap();
    let (_, headers, _) = send(shell(ShellOptions::default()), request).await;
    let id = headers["x-request-id"]
        .to_str()
        .unwrap()
        .parse::<uuid::Uuid>()
        .unwrap();
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_is_cut_off() {
    let (status, headers, body) = get_it("/slow").await;
    assert_eq!(status, 503);
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(refusal(&headers, &body)["retry_after"], 1);
}

#[tokio::test(start_paused = true)]
async fn overload_is_answered_at_once_and_health_still_answers() {
    let router = shell(ShellOptions {
        max_in_flight: 2,
        ..ShellOptions::default()
    });
    let slow = || {
        let router = router.clone();
        let request = request("GET", "/slow").body(Body::empty()).unwrap();
        tokio::spawn(async move { send(router, request).await })
    };
    let (one, two) = (slow(), slow());
    tokio::task::yield_now().await;
    let started = tokio::time::Instant::now();
    let busy = request("GET", "/who").body(Body::empty()).unwrap();
    let (status, headers, body) = send(router.clone(), busy).await;
    assert_eq!((status.as_u16(), started.elapsed()), (503, Duration::ZERO));
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(refusal(&headers, &body)["error"], "SERVICE_UNAVAILABLE");
    let free = request("GET", "/free").body(Body::empty()).unwrap();
    assert_eq!(send(router.clone(), free).await.0, 200);
    // The places come back.
    let (_, _) = (one.await, two.await);
    let after = request("GET", "/who").body(Body::empty()).unwrap();
    assert_eq!(send(router, after).await.0, 200);
}

#[tokio::test]
async fn a_place_is_held_until_the_answer_is_handed_over() {
    let router = shell(ShellOptions {
        max_in_flight: 1,
        ..ShellOptions::default()
    });
    let who = || request("GET", "/who").body(Body::empty()).unwrap();
    for read in [true, false] {
        let unread = router.clone().oneshot(who()).await.unwrap();
        assert_eq!(unread.status(), 200);
        assert_eq!(
            send(router.clone(), who()).await.0,
            503,
            "its body is not read"
        );
        if read {
            unread.into_body().collect().await.unwrap();
        } else {
            drop(unread);
        }
        assert_eq!(send(router.clone(), who()).await.0, 200);
    }
}

/// A body that never arrives.
struct Never;

impl hyper::body::Body for Never {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_has_five_seconds_to_arrive() {
    let started = tokio::time::Instant::now();
    let ask = request("POST", "/json").header("content-type", "application/json");
    let router = shell(ShellOptions::default());
    let (status, headers, body) = send(router, ask.body(Body::new(Never)).unwrap()).await;
    assert_eq!(
        (status.as_u16(), started.elapsed()),
        (400, Duration::from_secs(5))
    );
    assert_eq!(
        refusal(&headers, &body)["details"],
        json!([{"field": "body", "message": "Did not arrive within 5 seconds"}])
    );
}

#[tokio::test]
async fn the_client_address_comes_from_trusted_proxies_only() {
    let ask = async |peer: &str, networks: &[&str]| {
        let networks = networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let proxies = TrustedProxies {
            networks,
            header: ForwardedHeader::XForwardedFor,
        };
        let options = ShellOptions {
            proxies,
            ..ShellOptions::default()
        };
        let mut request = request("GET", "/who")
            .header("x-forwarded-for", "198.51.100.7")
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(Peer(peer.parse::<SocketAddr>().unwrap()));
        send(shell(options), request).await.2
    };
    assert_eq!(
        ask("127.0.0.1:9", &["127.0.0.0/8"]).await,
        "Some(198.51.100.7)"
    );
    assert_eq!(
        ask("203.0.113.5:9", &["127.0.0.0/8"]).await,
        "Some(203.0.113.5)"
    );
    assert_eq!(ask("127.0.0.1:9", &[]).await, "Some(127.0.0.1)");
}

#[tokio::test]
async fn bodies() {
    let post = async |kind: &str, body: String| {
        let request = request("POST", "/json")
            .header("content-type", kind)
            .body(Body::from(body));
        let (status, headers, body) = send(shell(ShellOptions::default()), request.unwrap()).await;
        (
            status.as_u16(),
            if status == 200 {
                json!(body)
            } else {
                refusal(&headers, &body)
            },
        )
    };
    let json_type = "application/json";
    assert_eq!(post(json_type, "{}".to_owned()).await.0, 200);
    assert_eq!(post("text/plain", "{}".to_owned()).await.0, 415);
    assert_eq!(
        post(json_type, "{".to_owned()).await.1,
        json!({
            "error": "VALIDATION_ERROR",
            "message": "Invalid request body.",
            "status": 400,
            "details": [{"field": "body", "message": "Must be valid JSON"}]
        })
    );
    let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(992));
    assert_eq!(exact.len(), 1_000);
    assert_eq!(post(json_type, exact.clone()).await.0, 200);
    assert_eq!(post(json_type, format!("{exact} ")).await.0, 413);
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let chunks = futures_chunks(1_001);
    let request = request("POST", "/json")
        .header("content-type", "application/json")
        .body(chunks);
    assert_eq!(
        send(shell(ShellOptions::default()), request.unwrap())
            .await
            .0,
        413
    );
}

fn futures_chunks(bytes: usize) -> Body {
    let body = http_body_util::Full::<axum::body::Bytes>::from(vec![b' '; bytes]);
    // A body whose size hint is hidden is sent, and read, as one of unknown length.
    Body::new(body.map_frame(std::convert::identity))
}

const APP: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

async fn post_app(headers: &[(&str, &str)], body: Value) -> (u16, HeaderMap, String) {
    let mut builder = request("POST", "/app").header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Body::from(body.to_string())).unwrap();
    let (status, headers, body) = send(shell(ShellOptions::default()), request).await;
    (status.as_u16(), headers, body)
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    let pair = format!("{user}:{password}");
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
}

#[tokio::test]
async fn app_credentials_in_body_or_header() {
    let in_body = json!({"app_id": APP, "app_secret": "s"});
    assert_eq!(post_app(&[], in_body.clone()).await.2, format!("{APP} s "));
    let header = basic(APP, "s");
    let with_basic = &[("authorization", header.as_str())];
    assert_eq!(post_app(with_basic, json!({})).await.2, format!("{APP} s "));
    assert_eq!(
        post_app(with_basic, in_body.clone()).await.2,
        format!("{APP} s ")
    );
    let bearer = &[("authorization", "Bearer tok")];
    assert_eq!(post_app(bearer, in_body).await.2, format!("{APP} s tok"));

    let other = json!({"app_id": uuid::Uuid::nil(), "app_secret": "t"});
    let (status, headers, body) = post_app(with_basic, other).await;
    assert_eq!(status, 400);
    let details = &refusal(&headers, &body)["details"];
    assert_eq!(
        (&details[0]["field"], &details[1]["field"]),
        (&json!("app_id"), &json!("app_secret"))
    );

    let (status, headers, body) = post_app(&[], json!({"app_id": "x"})).await;
    assert_eq!(status, 400);
    assert_eq!(
        refusal(&headers, &body)["details"],
        json!([
            {"field": "app_id", "message": "Must be a valid UUID"},
            {"field": "app_secret", "message": "Is required"}
        ])
    );

    let malformed = &[("authorization", "Basic nonsense!")];
    let (status, headers, _) = post_app(malformed, json!({})).await;
    assert_eq!(status, 401);
    assert!(
        headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn a_browser_with_a_secret_is_refused() {
    let origin = ("origin", "https://shop.example");
    let secret = json!({"app_id": APP, "app_secret": "s"});
    let (status, headers, body) = post_app(&[origin], secret).await;
    assert_eq!(status, 403);
    let body = refusal(&headers, &body);
    assert_eq!(body["error"], "FORBIDDEN");
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("from your backend")
    );
    let header = basic(APP, "s");
    assert_eq!(
        post_app(&[origin, ("authorization", &header)], json!({}))
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn head_has_headers_and_no_body() {
    let head = request("HEAD", "/nowhere").body(Body::empty()).unwrap();
    let (status, _, body) = send(shell(ShellOptions::default()), head).await;
    assert_eq!((status.as_u16(), body.as_str()), (404, ""));
}
