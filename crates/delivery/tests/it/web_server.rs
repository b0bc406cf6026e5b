//! A local HTTP server that notes what it is asked and answers as it was told.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use doorward_delivery::sender::HttpOptions;
use hyper::body::Frame;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The one header of this name.
    pub(crate) fn header(&self, name: &str) -> &str {
        let all: Vec<_> = self.headers.get_all(name).iter().collect();
        assert_eq!(all.len(), 1, "{name}");
        all[0].to_str().unwrap()
    }
}

/// What the server is to answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This status and body.
    With(u16, &'static str),
    /// 429 with `Retry-After`.
    Limited(&'static str),
    /// A redirect to another path of the same server.
    Redirect(u16, &'static str),
    /// Nothing for a long time.
    Never,
    /// This status, and a body without end.
    Endless(u16),
    /// The connection is cut in the middle of the body.
    Cut,
}

#[derive(Clone, Default)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// A running server. Ends with its runtime.
pub(crate) struct WebServer {
    pub(crate) port: u16,
    shared: Shared,
}

impl WebServer {
    pub(crate) async fn start() -> Self {
        let shared = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { port, shared }
    }

    /// The next request is answered so. Without this: 200 and an empty object.
    pub(crate) fn will(&self, answer: Answer) {
        self.shared.answers.lock().unwrap().push_back(answer);
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// The one thing that was asked since the last call.
    pub(crate) fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.to_string();
    shared.asked.lock().unwrap().push(Asked {
        method,
        path,
        headers,
        body,
    });
    let answer = shared.answers.lock().unwrap().pop_front();
    let with = |status: u16| Response::builder().status(StatusCode::from_u16(status).unwrap());
    match answer.unwrap_or(Answer::With(200, "{}")) {
        Answer::With(status, body) => with(status).body(Body::from(body)),
        Answer::Limited(seconds) => with(429).header("retry-after", seconds).body(Body::empty()),
        Answer::Redirect(status, to) => with(status).header("location", to).body(Body::empty()),
        Answer::Never => std::future::pending().await,
        Answer::Endless(status) => with(status).body(Body::new(Endless)),
        Answer::Cut => with(200)
            .header("content-length", "1000")
            .body(Body::new(CutOff(None))),
    }
    .unwrap()
}

/// A body without end.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<FrameOrError>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 8192])))))
    }
}

/// A body that breaks off after a few bytes, which are on their way by then.
struct CutOff(Option<Pin<Box<tokio::time::Sleep>>>);

impl HttpBody for CutOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<FrameOrError>> {
        let Some(sleep) = &mut self.0 else {
            self.0 = Some(Box::pin(tokio::time::sleep(Duration::from_millis(50))));
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{")))));
        };
        let error = std::io::ErrorKind::ConnectionReset;
        sleep
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(error.into())))
    }
}

type FrameOrError = Result<Frame<Bytes>, std::io::Error>;

/// Options whose time-outs a test can wait for.
pub(crate) fn quick() -> HttpOptions {
    HttpOptions {
        timeout: Duration::from_millis(400),
        ..HttpOptions::default()
    }
}
