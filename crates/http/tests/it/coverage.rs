//! Every documented operation has a case without credentials, one with another app's, and an
//! expectation of what the audit says of it. An operation without them fails this test.

mod isolation;
mod licenses;
mod messages;
mod organizations;
mod people;
mod receipts;
mod repeatable;

use std::collections::BTreeSet;

use doorward_domain::scope::Scope;
use doorward_testkit::database::TestDatabase;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Ask, Front, ask, documents, get, operations, post};

/// Whose credentials an operation asks for.
enum Needs {
    Nothing,
    App,
    User,
    Key(Scope),
}

/// What happens when the credentials are another app's.
enum Foreign {
    /// This answer, and nothing else.
    Refused(u16, &'static str),
    /// The operation answers as if nothing were there; the test that shows that nothing happened.
    Harmless,
    /// No app is involved.
    NotDue,
}

/// What the audit says of a successful request.
type Audited = &'static [&'static str];

struct Case {
    operation: &'static str,
    needs: Needs,
    /// A request that succeeds once the credentials are added.
    good: Ask,
    foreign: Foreign,
    /// The same request about app A's things, as app B would send it, where it differs.
    as_foreign: Option<Ask>,
    audited: Audited,
}

/// Two apps with a user each, and what is needed to ask about them.
struct World {
    front: Front,
    a: TestApp,
    b: TestApp,
    user: String,
    access_token: String,
    refresh_tokens: Vec<String>,
    otp_request_id: String,
    otp: String,
    spare_key_id: String,
    organization: organizations::Organization,
    licenses: licenses::Licenses,
    people: people::People,
    receipt: Ask,
}

impl World {
    async fn new(database: &TestDatabase) -> Self {
        let front = Front::start(database).await;
        let (a, b) = (
            front.platform.app("app-a").await,
            front.platform.app("app-b").await,
        );
        let mut refresh_tokens = Vec::new();
        let mut access_token = String::new();
        let mut user = String::new();
        for _ in 0..2 {
            let (id, tokens) = front.platform.sign_in(&a, "ada@example.com").await;
            refresh_tokens.push(tokens.refresh_token.expose().to_owned());
            access_token = tokens.access_token.expose().to_owned();
            user = id.to_string();
        }
        let send = post(
            "/auth/send-otp",
            json!({"email": "bob@example.com", "purpose": "LOGIN"}),
        );
        let sent = front.send(send.by(&a)).await.json();
        let otp = front
            .platform
            .code(a.id, "bob@example.com", 0)
            .await
            .expose()
            .to_owned();
        let spare = post(
            "/admin/admin-keys",
            json!({"name": "spare", "scopes": ["apps:read"]}),
        );
        let spare_key_id = front.admin(spare).await.json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let user_id = user.parse().unwrap();
        let organization =
            organizations::Organization::seed(&front.platform, &a, &b, user_id).await;
        let people = people::People::seed(&front.platform, &a, &b).await;
        let licenses = licenses::Licenses::seed(&front.platform, &a, &b, user_id).await;
        let to = doorward_testkit::platform::contact("ops@example.com");
        let mail = Some((to, front.platform.outbox.clone() as _));
        let alarms = doorward_delivery::alarms::Alarms::new(None, mail);
        front.platform.core.messages.set_alarms(alarms.into());
        let receipt = receipts::seed(&front.platform).await;
        let otp_request_id = sent["otp_request_id"].as_str().unwrap().to_owned();
        Self {
            front,
            a,
            b,
            user,
            access_token,
            refresh_tokens,
            otp_request_id,
            otp,
            spare_key_id,
            organization,
            licenses,
            people,
            receipt,
        }
    }

    fn cases(&self) -> Vec<Case> {
        let (a, b) = (self.a.id, self.b.id);
        let app = |operation, good, foreign, audited| Case {
            operation,
            needs: Needs::App,
            good,
            foreign,
            as_foreign: None,
            audited,
        };
        let key = |operation, scope, good, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good,
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited,
        };
        let open = |operation, good| Case {
            operation,
            needs: Needs::Nothing,
            good,
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited: &[],
        };
        let mut cases = self.organization.cases();
        cases.extend(self.licenses.cases());
        cases.extend(messages::cases(a));
        cases.extend(self.people.cases());
        let meant = json!({"reason": "a test", "confirm": b});
        cases.extend([
            app(
                "POST /auth/send-otp",
                post(
                    "/auth/send-otp",
                    json!({"email": "new@example.com", "purpose": "EMAIL_VERIFY", "user_id": self.user}),
                ),
                Foreign::Refused(404, "USER_NOT_FOUND"),
                &["otp.sent"],
            ),
            app(
                "POST /auth/verify-otp",
                post(
                    "/auth/verify-otp",
                    json!({"otp_request_id": self.otp_request_id, "otp": self.otp, "purpose": "LOGIN"}),
                ),
                Foreign::Refused(403, "OTP_WRONG_APP"),
                &["otp.verified", "session.created", "user.created"],
            ),
            app(
                "POST /auth/refresh",
                post(
                    "/auth/refresh",
                    json!({"refresh_token": self.refresh_tokens[0]}),
                ),
                Foreign::Refused(401, "TOKEN_INVALID"),
                &["session.refreshed"],
            ),
            app(
                "POST /auth/revoke",
                post(
                    "/auth/revoke",
                    json!({"refresh_token": self.refresh_tokens[1]}),
                ),
                // The good case, which comes after, finds the session alive.
                Foreign::Harmless,
                &["session.revoked"],
            ),
            app(
                "POST /auth/revoke-user",
                post("/auth/revoke-user", json!({"user_id": self.user})),
                Foreign::Refused(404, "USER_NOT_FOUND"),
                &["user.sessions_revoked"],
            ),
            Case {
                operation: "GET /auth/me",
                needs: Needs::User,
                good: get("/auth/me"),
                foreign: Foreign::NotDue,
                as_foreign: None,
                audited: &[],
            },
            open("GET /health", get("/health")),
            open("GET /.well-known/jwks.json", get("/.well-known/jwks.json")),
            open(
                "GET /apps/{app_id}/revocations",
                get(format!("/apps/{a}/revocations")),
            ),
            open(
                "POST /apps/{app_id}/delivery/receipts/{reference}",
                self.receipt.clone(),
            ),
            open(
                "GET /apps/{app_id}/license-keys.json",
                get(format!("/apps/{a}/license-keys.json")),
            ),
            key("GET /admin/apps", Scope::AppsRead, get("/admin/apps"), &[]),
            key(
                "POST /admin/apps",
                Scope::AppsWrite,
                post("/admin/apps", json!({"name": "New", "slug": "new"})),
                &["app.created"],
            ),
            key(
                "GET /admin/apps/{app_id}",
                Scope::AppsRead,
                get(format!("/admin/apps/{b}")),
                &[],
            ),
            key(
                "PATCH /admin/apps/{app_id}",
                Scope::AppsWrite,
                ask("PATCH", format!("/admin/apps/{b}")).body(json!({"name": "Changed"})),
                &["app.updated"],
            ),
            key(
                "POST /admin/apps/{app_id}/deactivate",
                Scope::AppsWrite,
                post(format!("/admin/apps/{b}/deactivate"), meant.clone()),
                &["app.deactivated"],
            ),
            key(
                "POST /admin/apps/{app_id}/reactivate",
                Scope::AppsWrite,
                ask("POST", format!("/admin/apps/{b}/reactivate")),
                &["app.reactivated"],
            ),
            key(
                "POST /admin/apps/{app_id}/rotate-secret",
                Scope::AppsWrite,
                post(format!("/admin/apps/{b}/rotate-secret"), meant),
                &["app.secret_rotated"],
            ),
            key(
                "GET /admin/admin-keys",
                Scope::AdminKeysRead,
                get("/admin/admin-keys"),
                &[],
            ),
            key(
                "POST /admin/admin-keys",
                Scope::AdminKeysWrite,
                post(
                    "/admin/admin-keys",
                    json!({"name": "k", "scopes": ["apps:read"]}),
                ),
                &["admin_key.created"],
            ),
            key(
                "DELETE /admin/admin-keys/{id}",
                Scope::AdminKeysWrite,
                ask(
                    "DELETE",
                    format!(
                        "/admin/admin-keys/{}?reason=a+test&confirm=spare",
                        self.spare_key_id
                    ),
                ),
                &["admin_key.revoked"],
            ),
            key("GET /admin/keys", Scope::KeysRead, get("/admin/keys"), &[]),
            key(
                "POST /admin/keys/rotate",
                Scope::KeysWrite,
                ask("POST", "/admin/keys/rotate"),
                &[
                    "signing_key.created",
                    "signing_key.created",
                    "signing_key.rotated",
                ],
            ),
            key(
                "GET /admin/audit",
                Scope::AuditRead,
                get("/admin/audit"),
                &[],
            ),
            Case {
                operation: "GET /admin/apps/{app_id}/stats",
                needs: Needs::Key(Scope::MetricsRead),
                good: get(format!("/admin/apps/{b}/stats")),
                foreign: Foreign::NotDue,
                as_foreign: None,
                audited: &[],
            },
            key(
                "GET /admin/apps/{app_id}/limits",
                Scope::AppsRead,
                get(format!("/admin/apps/{a}/limits")),
                &[],
            ),
            key(
                "POST /admin/apps/{app_id}/limits/show",
                Scope::UsersRead,
                post(format!("/admin/apps/{a}/limits/show"), json!({"contact": "ada@example.com"})),
                &[],
            ),
            key(
                "POST /admin/apps/{app_id}/limits/clear",
                Scope::UsersWrite,
                post(format!("/admin/apps/{a}/limits/clear"), json!({"address": "192.0.2.1"})),
                &["limits.cleared"],
            ),
            key(
                "GET /admin/maintenance",
                Scope::MetricsRead,
                get("/admin/maintenance"),
                &[],
            ),
            key(
                "POST /admin/maintenance",
                Scope::MaintenanceWrite,
                ask("POST", "/admin/maintenance"),
                &["maintenance.run"],
            ),
            key(
                "POST /admin/alarms/test",
                Scope::MaintenanceWrite,
                ask("POST", "/admin/alarms/test"),
                &["alarm.tested"],
            ),
            key(
                "GET /admin/health",
                Scope::MetricsRead,
                get("/admin/health"),
                &[],
            ),
            key("GET /metrics", Scope::MetricsRead, get("/metrics"), &[]),
            key(
                "GET /admin/doctor",
                Scope::MetricsRead,
                get("/admin/doctor"),
                &[],
            ),
        ]);
        cases.push(self.people.last_case());
        cases
    }

    /// What the audit says of one request.
    async fn audited(&self, request_id: &str) -> Vec<String> {
        let events = self.front.platform.events(None).await;
        let of_request = |id: Option<doorward_domain::RequestId>| {
            id.is_some_and(|id| id.to_string() == request_id)
        };
        let mut actions: Vec<_> = events
            .into_iter()
            .filter(|event| of_request(event.request_id))
            .map(|event| event.action)
            .collect();
        actions.sort();
        actions
    }

    async fn without_credentials(&self, case: &Case) {
        let wrong = TestApp {
            secret: self.b.secret.clone(),
            ..self.a.clone()
        };
        let refused = (401, "TOKEN_INVALID".to_owned());
        let named = case.operation;
        match case.needs {
            Needs::Nothing => {
                assert_eq!(
                    self.front.send(case.good.clone()).await.status,
                    200,
                    "{named}"
                );
            }
            Needs::App => {
                let bare = self.front.send(case.good.clone()).await;
                assert_eq!(bare.fields()[..2], ["app_id", "app_secret"], "{named}");
                let answer = self.front.send(case.good.clone().by(&wrong)).await;
                assert_eq!(answer.brief(), refused, "{named}");
                assert!(
                    answer.header("www-authenticate").starts_with("Basic"),
                    "{named}"
                );
                let audited = self.audited(answer.header("x-request-id")).await;
                assert_eq!(audited, ["app.authentication_failed"], "{named}");
            }
            Needs::User => {
                for ask in [case.good.clone(), case.good.clone().bearer("x.y.z")] {
                    let answer = self.front.send(ask).await;
                    assert_eq!(answer.brief(), refused, "{named}");
                    assert!(
                        answer.header("www-authenticate").starts_with("Bearer"),
                        "{named}"
                    );
                }
            }
            Needs::Key(scope) => {
                for ask in [
                    case.good.clone(),
                    case.good.clone().header("x-admin-key", "no"),
                ] {
                    let answer = self.front.send(ask).await;
                    assert_eq!(answer.brief(), refused, "{named}");
                    assert!(answer.headers.contains_key("www-authenticate"), "{named}");
                    let audited = self.audited(answer.header("x-request-id")).await;
                    assert_eq!(audited, ["admin_key.refused"], "{named}");
                }
                let others: Vec<_> = Scope::ALL.iter().copied().filter(|s| *s != scope).collect();
                let key = self.front.key(&others).await;
                let answer = self
                    .front
                    .send(case.good.clone().header("x-admin-key", key))
                    .await;
                assert_eq!(answer.brief(), (403, "FORBIDDEN".to_owned()), "{named}");
                let audited = self.audited(answer.header("x-request-id")).await;
                assert_eq!(audited, ["admin_key.refused"], "{named}");
            }
        }
    }

    async fn as_another_app(&self, case: &Case) {
        let ask = case.as_foreign.as_ref().unwrap_or(&case.good).clone();
        let answer = match case.needs {
            Needs::App => self.front.send(ask.by(&self.b)).await,
            Needs::Key(_) => self.front.admin(ask).await,
            Needs::User | Needs::Nothing => return,
        };
        match case.foreign {
            Foreign::Refused(status, code) => {
                assert_eq!(
                    answer.brief(),
                    (status, code.to_owned()),
                    "{}",
                    case.operation
                );
            }
            Foreign::Harmless => assert_eq!(answer.status, 200, "{}", case.operation),
            Foreign::NotDue => unreachable!("a case with credentials of an app has a foreign one"),
        }
    }

    async fn succeeds(&self, case: &Case) {
        let good = case.good.clone();
        let answer = match case.needs {
            Needs::App => self.front.send(good.by(&self.a)).await,
            Needs::User => self.front.send(good.bearer(&self.access_token)).await,
            Needs::Key(scope) => {
                // Creating a key needs the scopes it gives away as well.
                let key = self.front.key(&[scope, Scope::AppsRead]).await;
                self.front.send(good.header("x-admin-key", key)).await
            }
            Needs::Nothing => self.front.send(good).await,
        };
        assert!(
            (200..300).contains(&answer.status),
            "{}: {}",
            case.operation,
            answer.text
        );
        let audited = self.audited(answer.header("x-request-id")).await;
        assert_eq!(audited, case.audited, "{}", case.operation);
    }
}

on_both_engines! {
    async fn every_operation_is_guarded_and_audited(db: TestDatabase) {
        let world = World::new(&db).await;
        let cases = world.cases();

        let covered: BTreeSet<_> = cases.iter().map(|case| case.operation.to_owned()).collect();
        let documented: BTreeSet<_> = documents()
            .iter()
            .flat_map(operations)
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        assert_eq!(covered, documented, "each documented operation needs a case here");

        for case in &cases {
            world.without_credentials(case).await;
            // Traces of refusals have a budget, which fills with time.
            world.front.platform.advance(1);
            if !matches!(case.foreign, Foreign::NotDue) {
                world.as_another_app(case).await;
            }
        }
        for case in &cases {
            world.succeeds(case).await;
        }
    }

    async fn what_another_app_has_is_like_nothing(db: TestDatabase) {
        World::new(&db).await.is_closed_to_b().await;
    }

    async fn what_creates_may_be_repeated(db: TestDatabase) {
        World::new(&db).await.repeats_what_creates().await;
    }

    async fn required_fields_are_the_documented_ones(db: TestDatabase) {
        let world = World::new(&db).await;
        for document in documents() {
            for (method, path, operation) in operations(document) {
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let Some(name) = body["$ref"].as_str().and_then(|r| r.rsplit('/').next()) else {
                    continue;
                };
                let schema = &document["components"]["schemas"][name];
                let mut required: Vec<_> = schema["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|field| field.as_str().unwrap().to_owned())
                    .collect();
                if required.is_empty() {
                    continue;
                }
                // One of two, which a list of required fields cannot say.
                let choices = schema["oneOf"].as_array().into_iter().flatten();
                let first = schema["anyOf"].as_array().into_iter().flatten().take(1);
                for choice in choices.chain(first) {
                    required.push(choice["required"][0].as_str().unwrap().to_owned());
                }
                if path == "/license/activate" {
                    // These requests have no User-Agent that could stand for the device.
                    required.push("device_id".to_owned());
                }
                required.sort();
                let path = path
                    .replace("{app_id}", &world.a.id.to_string())
                    .replace("{user_id}", &world.user)
                    .replace("{tenant_id}", &world.organization.tenant.to_string())
                    .replace("{role}", "editor")
                    .replace("{name}", "otp_login")
                    .replace("{language}", "de")
                    .replace("{channel}", "sms")
                    .replace("{license_id}", &world.licenses.spare[0].to_string());
                let answer = world.front.admin(ask(&method, path.clone()).body(json!({}))).await;
                let mut named = answer.fields();
                named.sort();
                assert_eq!(named, required, "{method} {path}");

                // Each documented field is looked at: a number is right for none of the required.
                let object: serde_json::Map<String, Value> =
                    required.iter().map(|field| (field.clone(), json!(7.5))).collect();
                let answer = world.front.admin(ask(&method, path.clone()).body(object.into())).await;
                let named: BTreeSet<_> = answer.fields().into_iter().collect();
                assert_eq!(named, required.into_iter().collect(), "{method} {path}");
            }
        }
    }
}
