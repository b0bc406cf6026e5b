//! A platform that has lived a while, copied to the other engine and back: whoever was signed in
//! goes on there.

use doorward_domain::Code;
use doorward_domain::license::Device;
use doorward_domain::otp::Purpose;
use doorward_domain::role::RoleName;
use doorward_domain::scope::Scopes;
use doorward_domain::secret::SecretText;
use doorward_service::admin_keys::{self, CreateAdminKey};
use doorward_service::licenses::{self, Activate, Asker, Terms, Verify};
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::otp::{self, SendOtp};
use doorward_service::roles::{self, DefineRole, RoleChange};
use doorward_service::sessions::{self, Refresh, Tokens};
use doorward_service::{Caller, Core, Result, apps, maintenance, signing};
use doorward_store::copy;
use doorward_testkit::database::TestDatabase;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp, contact};

async fn refresh(
    platform: &Platform,
    core: &Core,
    app: &TestApp,
    token: &SecretText,
    key: Option<&str>,
) -> Result<Tokens> {
    let context = platform.authenticate_at(core, app).await?;
    let request = Refresh {
        refresh_token: token.clone(),
        idempotency_key: key.map(ToOwned::to_owned),
        tenant_id: None,
    };
    sessions::refresh(core, &context, request).await
}

/// What a life leaves behind, in as many tables as there are calls for.
struct Life {
    app: TestApp,
    license: SecretText,
    /// Refresh tokens that are good.
    live: Vec<SecretText>,
    /// One that was used.
    spent: SecretText,
    /// One whose answer was lost, and its key.
    lost: (SecretText, SecretText),
}

async fn live(platform: &Platform) -> Life {
    let core = &platform.core;
    let operator = platform.operator();
    let app = platform.app("shop").await;
    let other = platform.app("other").await;
    let mut live = Vec::new();
    let mut people = Vec::new();
    for to in [
        "ada@example.com",
        "Bob@example.com",
        "+4915112345678",
        "eve.o'hara@example.org",
    ] {
        for app in [&app, &other] {
            let (user, tokens) = platform.sign_in(app, to).await;
            if app.id != other.id {
                people.push(user);
                live.push(tokens.refresh_token);
            }
        }
    }
    let context = platform.authenticate(&app).await;
    let request = CreateOrganization {
        name: "Acme \u{1f980} GmbH".to_owned(),
        owner: None,
    };
    let acme = organizations::create(core, Caller::App(&context), request)
        .await
        .unwrap();
    let role = DefineRole {
        name: "packer".to_owned(),
        description: String::new(),
        permissions: vec!["orders:pack".to_owned()],
        ..DefineRole::default()
    };
    roles::define(core, &operator, app.id, role).await.unwrap();
    for (user_id, role) in people.iter().zip(["packer", "owner", "viewer"]) {
        let context = platform.authenticate(&app).await;
        let change = RoleChange {
            user_id: *user_id,
            tenant_id: acme.id,
            role: Some(RoleName::parse(role).unwrap()),
        };
        roles::assign(core, Caller::App(&context), change)
            .await
            .unwrap();
    }
    let spent = live[0].clone();
    live[0] = refresh(platform, core, &app, &spent, None)
        .await
        .unwrap()
        .refresh_token;
    let asked = live.pop().unwrap();
    let answer = refresh(platform, core, &app, &asked, Some("again"))
        .await
        .unwrap();
    // A session that is over, a code that nobody used, a new signing key, a licence at work.
    let (_, gone) = platform.sign_in(&app, "gone@example.com").await;
    refresh(platform, core, &app, &gone.refresh_token, None)
        .await
        .unwrap();
    let reuse = refresh(platform, core, &app, &gone.refresh_token, None).await;
    assert_eq!(reuse.unwrap_err().code(), Code::TokenReuse);
    let send = SendOtp {
        contact: contact("late@example.com"),
        purpose: Purpose::Login,
        user_id: None,
        client_ip: None,
        language: None,
    };
    let context = platform.authenticate(&app).await;
    otp::send(core, &context, send).await.unwrap();
    signing::rotate(core, &operator, signing::RotateMode::Overlap)
        .await
        .unwrap();
    let meant = platform.deliberate(other.id);
    apps::rotate_secret(core, &operator, other.id, Some(3_600), meant)
        .await
        .unwrap();
    let key = CreateAdminKey {
        name: "ci".to_owned(),
        scopes: Scopes::all(),
        expires_at: None,
        reason: None,
    };
    admin_keys::create(core, &operator, key).await.unwrap();
    let asker = Asker::app(platform.authenticate(&app).await, None);
    let made = licenses::generate(core, &asker, Terms::default(), 1)
        .await
        .unwrap();
    let license = made[0].key.as_ref().unwrap().expose().clone();
    let claim = Activate {
        key: license.clone(),
        device: Device::Id("laptop".to_owned()),
        device_label: None,
    };
    licenses::activate(core, &asker, claim).await.unwrap();
    maintenance::run(core, true).await.unwrap();
    core.flush_refusals().await.unwrap();
    Life {
        app,
        license,
        live,
        spent,
        lost: (asked, answer.refresh_token),
    }
}

on_both_engines! {
    async fn who_was_signed_in_goes_on_beside_the_copy(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let mut life = live(&platform).await;
        let Some(there) = db.on_the_other_engine().await else { return };
        // The worker that sends what is queued shall be done.
        platform.code(life.app.id, "late@example.com", 0).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let report = copy::copy(db.place(), there.place(), Box::new(|_| ())).await.unwrap();
        assert!(report.equal, "{:?}", report.differences);
        let filled = report.tables.iter().filter(|table| table.source_rows > 0).count();
        assert!(filled >= 15, "only {filled} tables had rows: {report:?}");

        let core = platform.node_on(&there).await;
        let (asked, answered) = &life.lost;
        let again = refresh(&platform, &core, &life.app, asked, Some("again")).await.unwrap();
        assert_eq!(again.refresh_token.expose(), answered.expose(), "the lost answer");
        for token in &mut life.live {
            *token = refresh(&platform, &core, &life.app, token, None).await.unwrap().refresh_token;
        }
        let asker = Asker::app(platform.authenticate_at(&core, &life.app).await.unwrap(), None);
        let ask = Verify { key: life.license.clone(), device: Device::Id("laptop".to_owned()) };
        licenses::verify(&core, &asker, ask).await.unwrap();

        // And back: to whoever the copy has become the source.
        let back = match db.engine() {
            doorward_testkit::database::Engine::Sqlite => TestDatabase::sqlite().await,
            doorward_testkit::database::Engine::Postgres => TestDatabase::postgres().await.unwrap(),
        };
        let report = copy::copy(there.place(), back.place(), Box::new(|_| ())).await.unwrap();
        assert!(report.equal, "{:?}", report.differences);
        let core = platform.node_on(&back).await;
        for token in &life.live {
            refresh(&platform, &core, &life.app, token, None).await.unwrap();
        }
        let reuse = refresh(&platform, &core, &life.app, &life.spent, None).await;
        assert_eq!(reuse.unwrap_err().code(), Code::TokenReuse, "what was used stays used");
        let events = copy::compare(there.place(), back.place(), Box::new(|_| ())).await.unwrap();
        assert!(!events.equal, "the copy lives its own life");
    }
}
