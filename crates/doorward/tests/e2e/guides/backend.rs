//! The program of a guide, running, and the browsers that talk to it.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::page::Shell;
use crate::support::{Answer, Server};

/// The program. It is killed when dropped, with what it started.
pub(super) struct Backend {
    child: Child,
    command: String,
    port: u16,
    url: String,
    http: reqwest::Client,
}

impl Backend {
    /// Runs a command of the page, and waits until it listens.
    pub(super) async fn start(shell: &Shell, command: &str, port: u16) -> Self {
        let log = std::fs::File::create(shell.dir.path().join("backend.log")).unwrap();
        let child = shell
            .command("sh")
            .args(["-e", "-u", "-c", &shell.adapt(command)])
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut backend = Self {
            child,
            command: command.to_owned(),
            port,
            url: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = backend.child.try_wait().unwrap().is_some();
            if ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(shell.dir.path().join("backend.log"));
                panic!("the program does not come up: {}", log.unwrap());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        backend
    }

    /// The program as it is after a restart, which knows no keys yet.
    pub(super) async fn restarted(self, shell: &Shell) -> Self {
        let (command, port) = (self.command.clone(), self.port);
        drop(self);
        Self::start(shell, &command, port).await
    }

    /// Calls it; the headers of the answer come along.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (Answer, reqwest::header::HeaderMap) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}"));
        (Answer { status, body }, headers)
    }

    /// `GET /orders`, and what came of it: the status and the code of a refusal.
    pub(super) async fn orders(&self, bearer: &str) -> (u16, String) {
        let bearer = format!("Bearer {bearer}");
        let headers = [("authorization", bearer.as_str())];
        let (answer, _) = self.ask("GET", "/orders", &headers, None).await;
        (answer.status, answer.code().to_owned())
    }

    /// `POST /orders/7/refund`.
    pub(super) async fn refund(&self, bearer: &str) -> Answer {
        let bearer = format!("Bearer {bearer}");
        let headers = [("authorization", bearer.as_str())];
        self.ask("POST", "/orders/7/refund", &headers, None).await.0
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _already_gone =
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        drop(self.child.wait());
    }
}

/// A browser in which somebody is signed in: the access token in memory, the cookie in its jar.
pub(super) struct Browser {
    pub(super) access: String,
    pub(super) cookie: String,
}

/// The cookie that an answer sets, and its attributes in lower case.
fn cookie_of(headers: &reqwest::header::HeaderMap) -> (String, Vec<String>) {
    let text = headers["set-cookie"].to_str().unwrap();
    let mut parts = text.split("; ");
    let cookie = parts.next().unwrap().to_owned();
    let mut attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
    // Some frameworks say it in both ways.
    attributes.retain(|attribute| !attribute.starts_with("expires="));
    attributes.sort();
    (cookie, attributes)
}

impl Browser {
    /// Signs in through the program, with a wrong code first.
    pub(super) async fn sign_in(
        server: &Server,
        backend: &Backend,
        app: &str,
        email: &str,
    ) -> Self {
        let body = json!({ "email": email });
        let (sent, _) = backend.ask("POST", "/session/start", &[], Some(body)).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let code = server.code_of(app, email, 0).await;
        let wrong = if code == "000000" { "111111" } else { "000000" };
        let body =
            |otp: &str| Some(json!({ "otp_request_id": sent.body["otp_request_id"], "otp": otp }));
        let (refused, _) = backend
            .ask("POST", "/session/verify", &[], body(wrong))
            .await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "OTP_INVALID"),
            "{refused:?}"
        );
        let (signed_in, headers) = backend
            .ask("POST", "/session/verify", &[], body(&code))
            .await;
        Self::of(&signed_in, &headers)
    }

    fn of(answer: &Answer, headers: &reqwest::header::HeaderMap) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            ["access_token"],
            "the refresh token is in the cookie only"
        );
        let (cookie, attributes) = cookie_of(headers);
        assert!(cookie.starts_with("refresh_token="), "{cookie}");
        let expected = [
            "httponly",
            "max-age=2592000",
            "path=/session",
            "samesite=strict",
            "secure",
        ];
        assert_eq!(attributes, expected);
        assert_eq!(headers["cache-control"], "no-store");
        Self {
            access: answer.text("access_token"),
            cookie,
        }
    }

    /// One refresh, whatever comes of it; also whether the cookie was taken back.
    pub(super) async fn try_refresh(&self, backend: &Backend, body: Value) -> (Answer, bool) {
        let headers = [("cookie", self.cookie.as_str())];
        let (answer, headers) = backend
            .ask("POST", "/session/refresh", &headers, Some(body))
            .await;
        let cleared = headers.get("set-cookie").is_some_and(|text| {
            let text = text.to_str().unwrap().to_ascii_lowercase();
            text.contains("max-age=0") || text.contains("expires=thu, 01 jan 1970")
        });
        (answer, cleared)
    }

    /// A refresh with a key, so that it can be repeated when its answer got lost.
    pub(super) async fn keyed_refresh(&self, backend: &Backend, key: &str) -> Self {
        let headers = [("cookie", self.cookie.as_str()), ("idempotency-key", key)];
        let (answer, headers) = backend
            .ask("POST", "/session/refresh", &headers, Some(json!({})))
            .await;
        Self::of(&answer, &headers)
    }

    pub(super) async fn refresh(&mut self, backend: &Backend, body: Value) {
        let headers = [("cookie", self.cookie.as_str())];
        let (answer, headers) = backend
            .ask("POST", "/session/refresh", &headers, Some(body))
            .await;
        *self = Self::of(&answer, &headers);
    }
}
