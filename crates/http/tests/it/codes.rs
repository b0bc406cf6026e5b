//! Each code of the closed list, provoked through the front door. One that nobody can provoke fails
//! this test: either it is dead, or what it is for does not work.

use std::collections::BTreeSet;

use doorward_domain::Code;
use doorward_domain::scope::Scope;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Answer, Ask, Front, ask, get, post};

/// What a caller cannot provoke: a fault of ours. The shell's own test has a handler that panics.
const FAULTS_OF_OURS: [Code; 1] = [Code::InternalError];

/// The codes met so far.
struct Codes {
    front: Front,
    met: BTreeSet<String>,
}

impl Codes {
    fn meet(&mut self, answer: &Answer, code: Code) {
        assert_eq!(answer.code(), code.as_str(), "{}", answer.text);
        assert_eq!(answer.json()["status"], answer.status);
        assert!(
            !answer.json()["message"]
                .as_str()
                .unwrap_or_default()
                .is_empty()
        );
        self.met.insert(answer.code());
    }

    /// As an app.
    async fn app(&mut self, app: &TestApp, path: &str, body: Value, code: Code) {
        let answer = self.front.send(post(path, body).by(app)).await;
        self.meet(&answer, code);
        assert_eq!(answer.status, code.status(), "{path}: {}", answer.text);
    }

    async fn admin(&mut self, ask: Ask, code: Code) {
        let answer = self.front.admin(ask).await;
        self.meet(&answer, code);
        assert_eq!(answer.status, code.status(), "{}", answer.text);
    }

    /// What goes well.
    async fn good(&self, app: &TestApp, path: &str, body: Value) -> Value {
        let answer = self.front.send(post(path, body).by(app)).await;
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.text
        );
        answer.json()
    }

    async fn send_code(&self, app: &TestApp, to: &str) -> (Value, String) {
        let older = self
            .front
            .platform
            .outbox
            .list(Some(to), Some(app.id))
            .len();
        let body = json!({"email": to, "purpose": "LOGIN"});
        let sent = self.good(app, "/auth/send-otp", body).await;
        let code = self.front.platform.code(app.id, to, older).await;
        (sent["otp_request_id"].clone(), code.expose().to_owned())
    }
}

fn verify(id: &Value, otp: &str, purpose: &str) -> Value {
    json!({"otp_request_id": id, "otp": otp, "purpose": purpose})
}

fn wrong(otp: &str) -> &'static str {
    if otp == "000000" { "111111" } else { "000000" }
}

async fn of_one_time_codes(codes: &mut Codes, app: &TestApp, other: &TestApp) {
    const VERIFY: &str = "/auth/verify-otp";
    let (id, otp) = codes.send_code(app, "otp@example.com").await;
    let unknown = json!(uuid::Uuid::from_u128(7));
    codes
        .app(
            app,
            VERIFY,
            verify(&unknown, &otp, "LOGIN"),
            Code::OtpNotFound,
        )
        .await;
    codes
        .app(other, VERIFY, verify(&id, &otp, "LOGIN"), Code::OtpWrongApp)
        .await;
    codes
        .app(
            app,
            VERIFY,
            verify(&id, &otp, "PASSWORD_RESET"),
            Code::OtpWrongPurpose,
        )
        .await;
    codes.good(app, VERIFY, verify(&id, &otp, "LOGIN")).await;
    codes
        .app(
            app,
            VERIFY,
            verify(&id, &otp, "LOGIN"),
            Code::OtpAlreadyUsed,
        )
        .await;
    let (id, otp) = codes.send_code(app, "otp@example.com").await;
    for _ in 0..3 {
        codes
            .app(
                app,
                VERIFY,
                verify(&id, wrong(&otp), "LOGIN"),
                Code::OtpInvalid,
            )
            .await;
    }
    codes
        .app(app, VERIFY, verify(&id, &otp, "LOGIN"), Code::OtpLocked)
        .await;
    let (id, otp) = codes.send_code(app, "otp@example.com").await;
    let fourth = json!({"email": "otp@example.com", "purpose": "LOGIN"});
    codes
        .app(app, "/auth/send-otp", fourth, Code::OtpRateLimited)
        .await;
    codes.front.platform.advance(301);
    codes
        .app(app, VERIFY, verify(&id, &otp, "LOGIN"), Code::OtpExpired)
        .await;
    codes.front.platform.advance(600);
}

async fn of_text_messages(codes: &mut Codes, app: &TestApp) {
    const SEND: &str = "/auth/send-otp";
    let settings = json!({"settings": {"sms": {"countries": ["+91"], "per_day": 1}}});
    let change = ask("PATCH", format!("/admin/apps/{}", app.id)).body(settings);
    assert_eq!(codes.front.admin(change).await.status, 200);
    let to = |phone: &str| json!({"phone": phone, "purpose": "LOGIN"});
    codes
        .app(app, SEND, to("+14155552671"), Code::SmsCountryBlocked)
        .await;
    codes.good(app, SEND, to("+919876543210")).await;
    codes
        .app(app, SEND, to("+919876543211"), Code::SmsBudgetExhausted)
        .await;
}

async fn of_sessions(codes: &mut Codes, app: &TestApp) {
    let mut wrong_secret = app.clone();
    wrong_secret.secret = codes.front.platform.app("secretive").await.secret;
    codes
        .app(
            &wrong_secret,
            "/auth/refresh",
            json!({"refresh_token": "x"}),
            Code::TokenInvalid,
        )
        .await;
    let (ada, tokens) = codes.front.platform.sign_in(app, "ada@example.com").await;
    let refresh = json!({"refresh_token": tokens.refresh_token.expose()});
    codes.good(app, "/auth/refresh", refresh.clone()).await;
    codes
        .app(app, "/auth/refresh", refresh.clone(), Code::TokenReuse)
        .await;
    codes
        .app(app, "/auth/refresh", refresh, Code::TokenRevoked)
        .await;
    codes.front.platform.advance(1_801);
    let me = get("/auth/me").bearer(tokens.access_token.expose());
    let answer = codes.front.send(me).await;
    codes.meet(&answer, Code::TokenExpired);
    let nobody = json!({"user_id": uuid::Uuid::from_u128(7)});
    codes
        .app(app, "/auth/revoke-user", nobody, Code::UserNotFound)
        .await;
    // Somebody else's address.
    let (_, _) = codes.front.platform.sign_in(app, "bob@example.com").await;
    let body = json!({"email": "bob@example.com", "purpose": "EMAIL_VERIFY", "user_id": ada});
    let older = codes
        .front
        .platform
        .outbox
        .list(Some("bob@example.com"), Some(app.id))
        .len();
    let sent = codes.good(app, "/auth/send-otp", body).await;
    let otp = codes
        .front
        .platform
        .code(app.id, "bob@example.com", older)
        .await;
    let taken = verify(&sent["otp_request_id"], otp.expose(), "EMAIL_VERIFY");
    codes
        .app(app, "/auth/verify-otp", taken, Code::AddressTaken)
        .await;
    let (eve, tokens) = codes.front.platform.sign_in(app, "eve@example.com").await;
    let off = format!("/admin/apps/{}/users/{eve}/deactivate", app.id);
    let off = ask("POST", off);
    assert_eq!(codes.front.admin(off).await.status, 200);
    let refresh = json!({"refresh_token": tokens.refresh_token.expose()});
    codes
        .app(app, "/auth/refresh", refresh, Code::UserDeleted)
        .await;
}

async fn of_organizations(codes: &mut Codes, app: &TestApp) {
    let (ada, _) = codes.front.platform.sign_in(app, "ada@example.com").await;
    let create = post(
        format!("/admin/apps/{}/tenants", app.id),
        json!({"name": "Acme", "owner_user_id": ada}),
    );
    let tenant = codes.front.admin(create).await.json()["id"].clone();
    let role =
        |tenant: &Value, role: &str| json!({"user_id": ada, "tenant_id": tenant, "role": role});
    let unknown = json!(uuid::Uuid::from_u128(7));
    for path in ["/auth/roles/assign", "/auth/roles/revoke"] {
        codes
            .app(app, path, role(&unknown, "staff"), Code::TenantNotFound)
            .await;
        codes
            .app(app, path, role(&tenant, "lector"), Code::RoleNotFound)
            .await;
    }
    codes
        .app(
            app,
            "/auth/roles/revoke",
            role(&tenant, "owner"),
            Code::LastOwner,
        )
        .await;
}

async fn of_licences(codes: &mut Codes, app: &TestApp) {
    const VERIFY: &str = "/license/verify";
    let on = |key: &Value, device: u128| json!({"license_key": key, "device_id": uuid::Uuid::from_u128(device)});
    let key = |made: &Value| made["license_key"].clone();
    let made = codes.good(app, "/license/generate", json!({})).await;
    let good = key(&made);
    codes
        .app(app, VERIFY, on(&json!("SHOP-NO"), 1), Code::LicenseInvalid)
        .await;
    let elsewhere = codes.front.platform.app("elsewhere").await;
    codes
        .app(&elsewhere, VERIFY, on(&good, 1), Code::LicenseNotFound)
        .await;
    codes
        .app(app, VERIFY, on(&good, 1), Code::LicenseNotActivated)
        .await;
    codes.good(app, "/license/activate", on(&good, 1)).await;
    codes
        .app(
            app,
            "/license/activate",
            on(&good, 2),
            Code::LicenseMaxActivations,
        )
        .await;
    // An activation that is not there is 404, as the contract has it.
    let unknown = json!({"activation_id": uuid::Uuid::from_u128(7)});
    let answer = codes
        .front
        .send(post("/license/deactivate", unknown).by(app))
        .await;
    assert_eq!(answer.brief(), (404, "LICENSE_NOT_ACTIVATED".to_owned()));

    let short = json!({"expires_at": "2026-01-01T12:00:00Z"});
    let short = key(&codes.good(app, "/license/generate", short).await);
    let only = json!({"license_key": good});
    codes.good(app, "/license/suspend", only.clone()).await;
    codes
        .app(app, VERIFY, on(&good, 1), Code::LicenseSuspended)
        .await;
    codes.good(app, "/license/resume", only.clone()).await;
    codes.good(app, VERIFY, on(&good, 1)).await;
    codes.good(app, "/license/revoke", only.clone()).await;
    codes
        .app(app, VERIFY, on(&good, 1), Code::LicenseRevoked)
        .await;
    codes
        .app(app, "/license/revoke", only, Code::LicenseAlreadyRevoked)
        .await;

    let limited = codes
        .front
        .platform
        .app_with("limited", |settings| {
            settings.limits.license_per_key.max = 1
        })
        .await;
    let made = codes
        .good(&limited, "/license/generate", json!({"max_activations": 9}))
        .await;
    codes
        .good(&limited, "/license/activate", on(&key(&made), 1))
        .await;
    codes
        .app(
            &limited,
            "/license/activate",
            on(&key(&made), 2),
            Code::RateLimited,
        )
        .await;
    codes.front.platform.advance(13 * 3_600);
    codes
        .app(app, VERIFY, on(&short, 1), Code::LicenseExpired)
        .await;
}

async fn of_requests(codes: &mut Codes, app: &TestApp) {
    codes
        .app(app, "/auth/send-otp", json!({}), Code::ValidationError)
        .await;
    let answer = codes.front.send(get("/nowhere")).await;
    codes.meet(&answer, Code::NotFound);
    let answer = codes.front.send(get("/auth/refresh")).await;
    codes.meet(&answer, Code::MethodNotAllowed);
    let huge = json!({"refresh_token": "x".repeat(9_000)});
    codes
        .app(app, "/auth/refresh", huge, Code::PayloadTooLarge)
        .await;
    let text = ask("POST", "/auth/refresh").header("content-type", "text/plain");
    let answer = codes.front.send(text).await;
    codes.meet(&answer, Code::UnsupportedMediaType);

    let unknown = format!("/admin/apps/{}", uuid::Uuid::from_u128(7));
    codes.admin(get(unknown), Code::AppNotFound).await;
    let twice = post("/admin/apps", json!({"name": "Shop", "slug": "shop"}));
    codes.admin(twice, Code::Conflict).await;
    let keys = codes.front.admin(get("/admin/admin-keys")).await.json();
    let own = keys["items"][0]["id"].as_str().unwrap();
    let itself = format!("/admin/admin-keys/{own}?reason=a+test&confirm={own}");
    codes
        .admin(ask("DELETE", itself), Code::SelfProtection)
        .await;
    let narrow = codes.front.key(&[Scope::KeysRead]).await;
    let answer = codes
        .front
        .send(get("/admin/apps").header("x-admin-key", narrow))
        .await;
    codes.meet(&answer, Code::Forbidden);
}

on_both_engines! {
    async fn every_code_is_provoked(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (app, other) = (front.platform.app("shop").await, front.platform.app("other").await);
        let mut codes = Codes { front, met: BTreeSet::new() };
        of_requests(&mut codes, &app).await;
        of_licences(&mut codes, &app).await;
        of_one_time_codes(&mut codes, &app, &other).await;
        of_text_messages(&mut codes, &app).await;
        of_sessions(&mut codes, &app).await;
        codes.front.platform.advance(600);
        of_organizations(&mut codes, &app).await;
        codes.front.platform.core.store.close().await;
        codes.app(&app, "/auth/refresh", json!({"refresh_token": "x"}), Code::ServiceUnavailable).await;

        let all: BTreeSet<String> = Code::ALL
            .iter()
            .filter(|code| !FAULTS_OF_OURS.contains(code))
            .map(|code| code.as_str().to_owned())
            .collect();
        assert_eq!(codes.met, all, "each code of the list needs somebody who can provoke it");
    }
}
