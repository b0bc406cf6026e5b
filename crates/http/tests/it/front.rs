//! Both faces over one platform. Every answer is checked against the OpenAPI documents: a status or
//! an error code that is not documented fails the test that met it.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::secret::SecretText;
use doorward_http::{
    DevAids, OperatorFace, PublicFace, ShellOptions, operator_router, public_router,
};
use doorward_service::admin_keys::{self, CreateAdminKey};
use doorward_testkit::database::TestDatabase;
use doorward_testkit::platform::{Platform, TestApp};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tower::ServiceExt;

/// The health secret of the tests.
pub(crate) const HEALTH_SECRET: &str = "a-health-secret-for-tests";

/// Two faces over one platform.
pub(crate) struct Front {
    pub(crate) platform: Platform,
    pub(crate) public: Router,
    pub(crate) operator: Router,
    /// A key that may do everything.
    pub(crate) admin_key: String,
}

/// A request to be.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn ask(method: &str, path: impl Into<String>) -> Ask {
    let method = method.parse().unwrap();
    Ask {
        method,
        path: path.into(),
        headers: Vec::new(),
        body: None,
    }
}

pub(crate) fn get(path: impl Into<String>) -> Ask {
    ask("GET", path)
}

/// What a dangerous call carries.
pub(crate) fn meant(confirm: impl serde::Serialize) -> Value {
    json!({"reason": "a test", "confirm": confirm})
}

pub(crate) fn post(path: impl Into<String>, body: Value) -> Ask {
    ask("POST", path).body(body)
}

impl Ask {
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With an app's credentials in the body.
    pub(crate) fn by(mut self, app: &TestApp) -> Self {
        let body = self.body.get_or_insert_with(|| json!({}));
        body["app_id"] = json!(app.id);
        body["app_secret"] = json!(app.secret.expose());
        self
    }

    pub(crate) fn is_operator(&self) -> bool {
        ["/admin/", "/metrics", "/dev/"]
            .iter()
            .any(|start| self.path.starts_with(start))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The error code, or nothing.
    pub(crate) fn code(&self) -> String {
        serde_json::from_str::<Value>(&self.text)
            .ok()
            .and_then(|body| Some(body.get("error")?.as_str()?.to_owned()))
            .unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// (status, code)
    pub(crate) fn brief(&self) -> (u16, String) {
        (self.status, self.code())
    }

    /// The names of the refused fields.
    pub(crate) fn fields(&self) -> Vec<String> {
        let body = self.json();
        let details = body["details"].as_array().cloned().unwrap_or_default();
        details
            .iter()
            .map(|detail| detail["field"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Front {
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        Self::over(Platform::start(database).await).await
    }

    pub(crate) async fn over(platform: Platform) -> Self {
        let key = CreateAdminKey {
            name: "tests".to_owned(),
            scopes: Scopes::all(),
            expires_at: None,
            reason: None,
        };
        let key = admin_keys::create(&platform.core, &platform.operator(), key)
            .await
            .unwrap()
            .key;
        let options = ShellOptions {
            body_limit: 8 * 1024,
            ..ShellOptions::default()
        };
        let public = public_router(PublicFace {
            core: platform.core.clone(),
            health_secret: Some(SecretText::new(HEALTH_SECRET)),
            options: options.clone(),
        });
        let operator = operator_router(operator_face(&platform, options, None));
        Self {
            public,
            operator,
            admin_key: key.expose().to_owned(),
            platform,
        }
    }

    /// The operator face as `doorward dev` makes it.
    pub(crate) fn dev(&self) -> Router {
        let outbox = self.platform.outbox.clone();
        let aids = DevAids {
            outbox: std::sync::Arc::new(move |query| {
                let found = outbox.list(query.to.as_deref(), query.app_id);
                found
                    .iter()
                    .map(|message| serde_json::to_value(message).unwrap())
                    .collect()
            }),
            clock: self.platform.clock.clone(),
        };
        operator_router(operator_face(
            &self.platform,
            ShellOptions::default(),
            Some(aids),
        ))
    }

    /// A key with these scopes only.
    pub(crate) async fn key(&self, scopes: &[Scope]) -> String {
        let request = CreateAdminKey {
            name: "scoped".to_owned(),
            scopes: scopes.iter().copied().collect(),
            expires_at: None,
            reason: None,
        };
        let (core, operator) = (&self.platform.core, self.platform.operator());
        admin_keys::create(core, &operator, request)
            .await
            .unwrap()
            .key
            .expose()
            .to_owned()
    }

    /// Sends it as it is.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        let router = if ask.is_operator() {
            &self.operator
        } else {
            &self.public
        };
        let answer = send_to(router.clone(), &ask).await;
        check_documented(&ask, &answer);
        answer
    }

    /// Sends it with the key that may do everything.
    pub(crate) async fn admin(&self, ask: Ask) -> Answer {
        self.send(ask.header("x-admin-key", &self.admin_key)).await
    }
}

fn operator_face(platform: &Platform, options: ShellOptions, dev: Option<DevAids>) -> OperatorFace {
    OperatorFace {
        local: None,
        core: platform.core.clone(),
        health_secret: None,
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        options,
        dev,
    }
}

pub(crate) async fn send_to(router: Router, ask: &Ask) -> Answer {
    let mut request = Request::builder().method(&ask.method).uri(&ask.path);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let body = match &ask.body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text,
    }
}

/// Both documents.
pub(crate) fn documents() -> &'static [Value; 2] {
    static DOCUMENTS: OnceLock<[Value; 2]> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        [
            doorward_http::openapi_public(),
            doorward_http::openapi_operator(),
        ]
        .map(|text| serde_json::from_str(&text).unwrap())
    })
}

/// Every operation of a document as (method, path template, operation).
pub(crate) fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("responses").is_some() {
                out.push((method.to_uppercase(), path.clone(), operation));
            }
        }
    }
    out
}

pub(crate) fn matches(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(want, have)| want.starts_with('{') || *want == have)
}

fn check_documented(ask: &Ask, answer: &Answer) {
    let document = &documents()[usize::from(ask.is_operator())];
    let found = operations(document)
        .into_iter()
        .find(|(method, path, _)| method == ask.method.as_str() && matches(path, &ask.path));
    let Some((method, path, operation)) = found else {
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        !response.is_null(),
        "{method} {path}: undocumented {}",
        answer.status
    );
    let content = &response["content"];
    if !answer.text.is_empty() {
        let kind = answer.header("content-type").split(';').next().unwrap();
        assert!(
            content.get(kind).is_some(),
            "{method} {path}: undocumented {kind}"
        );
    }
    let code = answer.code();
    if !code.is_empty() {
        let examples = &content["application/json"]["examples"];
        assert!(
            examples.get(&code).is_some(),
            "{method} {path}: undocumented {code}"
        );
        let body = answer.json();
        assert_eq!(body["status"], answer.status, "{method} {path}");
        assert_eq!(
            body["request_id"],
            answer.header("x-request-id"),
            "{method} {path}"
        );
    }
}
