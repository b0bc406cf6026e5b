//! What is written about requests, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use doorward_testkit::on_both_engines;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::front::{Front, HEALTH_SECRET, ask, get, post};

/// Collects the log of this thread, where the requests of a test run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The access lines.
    fn access(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["target"] == "doorward::access")
            .collect()
    }
}

on_both_engines! {
    async fn each_request_leaves_one_line(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (log, _guard) = Log::start();
        let body = json!({"refresh_token": "x"});
        let answer = front.send(post("/auth/revoke?secret-in-query=1", body).by(&app)).await;
        front.send(get("/nowhere/secret-in-path")).await;
        front.admin(get(format!("/admin/apps/{}", app.id))).await;
        front.platform.core.store.close().await;
        front.admin(get("/admin/apps")).await;

        let lines = log.access();
        let seen: Vec<_> = lines
            .iter()
            .map(|line| {
                let f = &line["fields"];
                (line["level"].clone(), f["face"].clone(), f["route"].clone(), f["status"].clone(), f["code"].clone())
            })
            .collect();
        assert_eq!(seen, [
            (json!("INFO"), json!("public"), json!("/auth/revoke"), json!(200), Value::Null),
            (json!("INFO"), json!("public"), json!("unmatched"), json!(404), json!("NOT_FOUND")),
            (json!("INFO"), json!("operator"), json!("/admin/apps/{app_id}"), json!(200), Value::Null),
            (json!("WARN"), json!("operator"), json!("/admin/apps"), json!(503), json!("SERVICE_UNAVAILABLE")),
        ]);
        assert_eq!(lines[0]["fields"]["app_id"], app.id.to_string());
        assert_eq!(lines[0]["fields"]["request_id"], answer.header("x-request-id"));
        assert!(lines[0]["fields"]["duration_ms"].as_f64().unwrap() > 0.0);
        assert!(lines[3]["fields"]["internal"].is_string());
    }

    async fn no_secret_is_logged(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (log, _guard) = Log::start();
        let (user, tokens) = front.platform.sign_in(&app, "ada.lovelace@example.com").await;
        let (access, refresh) = (tokens.access_token.expose(), tokens.refresh_token.expose());
        front.send(get(format!("/auth/me?access_token={access}")).bearer(access)).await;
        front.send(get("/auth/me").bearer(&access[1..])).await;
        front.send(get("/health").header("x-health-secret", HEALTH_SECRET)).await;
        let rotated = post("/auth/refresh", json!({"refresh_token": refresh})).by(&app);
        let rotated = front.send(rotated.header("idempotency-key", "idem-key-1")).await.json();
        front.send(post("/auth/refresh", json!({"refresh_token": refresh})).by(&app)).await;
        let send = json!({"email": "ada.lovelace@example.com", "purpose": "LOGIN"});
        let sent = front.send(post("/auth/send-otp", send).by(&app)).await.json();
        let code = front.platform.code(app.id, "ada.lovelace@example.com", 1).await;
        let verify = json!({"otp_request_id": sent["otp_request_id"], "otp": code.expose(), "purpose": "LOGIN"});
        let signed_in = front.send(post("/auth/verify-otp", verify).by(&app)).await.json();
        let key = front.admin(post("/admin/admin-keys", json!({"name": "k", "scopes": ["apps:read"]}))).await.json();
        let secret = front.admin(post(format!("/admin/apps/{}/rotate-secret", app.id), crate::front::meant(app.id))).await.json();
        let renewed = doorward_testkit::platform::TestApp {
            secret: doorward_domain::secret::AppSecret::parse(secret["app_secret"].as_str().unwrap()).unwrap(),
            ..app.clone()
        };
        let licence = front.send(post("/license/generate", json!({})).by(&renewed)).await.json();
        let licence = licence["license_key"].as_str().unwrap().to_owned();
        for (path, key) in [
            ("/license/activate", licence.clone()),
            ("/license/verify", licence.clone()),
            ("/license/verify", format!("{licence}1")),
            ("/license/status", licence.to_lowercase()),
        ] {
            let body = json!({"license_key": key, "device_id": "a-device-of-ada"});
            front.send(post(format!("{path}?license_key={licence}"), body).by(&renewed)).await;
        }
        front.send(post("/auth/revoke-user", json!({"user_id": user})).by(&app)).await;
        // A browser's mistake is reported, without what it gave away.
        let browser = post("/auth/revoke", json!({"refresh_token": refresh})).by(&app);
        front.send(browser.header("origin", "https://shop.example")).await;

        let log = log.text();
        assert!(log.contains("rotate it") && log.contains("doorward::access"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for secret in [
            app.secret.expose().to_owned(),
            access.to_owned(),
            refresh.to_owned(),
            "idem-key-1".to_owned(),
            HEALTH_SECRET.to_owned(),
            front.admin_key.clone(),
            text(&rotated["access_token"]),
            text(&rotated["refresh_token"]),
            text(&signed_in["refresh_token"]),
            text(&key["admin_key"]),
            text(&secret["app_secret"]),
            "ada.lovelace@".to_owned(),
            licence.clone(),
            licence.to_lowercase(),
            licence.replace('-', ""),
            "a-device-of-ada".to_owned(),
        ] {
            assert!(!log.contains(&secret), "the log holds {secret}");
            // Nor the part of it that makes it a secret.
            let tail = secret.len().saturating_sub(24);
            assert!(!log.contains(&secret[tail..]), "the log holds the end of {secret}");
        }
        let quoted = format!("\"{}\"", code.expose());
        assert!(!log.contains(&quoted), "the log holds the code");
    }

    async fn a_client_that_hangs_up_is_logged_too(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (log, _guard) = Log::start();
        let request = axum::http::Request::post("/auth/send-otp")
            .header("content-type", "application/json")
            .body(axum::body::Body::new(Never))
            .unwrap();
        let mut answer = Box::pin(tower::ServiceExt::oneshot(front.public.clone(), request));
        // The first poll begins to read the body; then the caller is gone.
        assert!(!poll_once(answer.as_mut()).await, "there is no body to answer to");
        drop(answer);
        let lines = log.access();
        assert_eq!((lines.len(), &lines[0]["fields"]["status"]), (1, &json!(499)));
    }

    async fn requests_are_counted_by_bounded_labels(db: TestDatabase) {
        let front = Front::start(&db).await;
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _guard = metrics::set_default_local_recorder(&recorder);
        front.send(get("/health")).await;
        front.send(get("/random/1")).await;
        front.send(get("/random/2")).await;
        front.send(ask("BREW", "/health")).await;
        let text = handle.render();
        for line in [
            r#"doorward_http_requests_total{face="public",method="GET",route="/health",status="200"} 1"#,
            r#"doorward_http_requests_total{face="public",method="GET",route="unmatched",status="404"} 2"#,
            r#"doorward_http_requests_total{face="public",method="OTHER",route="/health",status="405"} 1"#,
            r#"doorward_http_request_duration_seconds_count{face="public",method="GET",route="/health"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(!text.contains("random"));
    }
}

/// Polls once; whether it was ready.
async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

/// A body that never comes.
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
