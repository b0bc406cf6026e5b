//! Organizations, members, roles and what tokens say of them.

use doorward_domain::role::RoleName;
use doorward_domain::secret::SecretText;
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, TenantId, UserId};
use doorward_service::organizations::{self, CreateOrganization, UpdateOrganization};
use doorward_service::roles::{self, DefineRole, DeleteRole, RoleChange};
use doorward_service::sessions::{self, Refresh, Tokens};
use doorward_service::{AppContext, Caller, Result, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp};
use serde_json::{Value, json};

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

/// What an access token says, read without checking it.
fn claims(token: &SecretText) -> Value {
    use base64::Engine as _;
    let payload = token.expose().split('.').nth(1).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

struct House {
    platform: Platform,
    app: TestApp,
    context: AppContext,
}

impl House {
    async fn new(db: &doorward_testkit::database::TestDatabase) -> Self {
        let platform = Platform::start(db).await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        Self {
            platform,
            app,
            context,
        }
    }

    async fn organization(&self, name: &str) -> TenantId {
        let request = CreateOrganization {
            name: name.to_owned(),
            owner: None,
        };
        organizations::create(&self.platform.core, Caller::App(&self.context), request)
            .await
            .expect("it is created")
            .id
    }

    fn change(tenant_id: TenantId, user_id: UserId, role: Option<&str>) -> RoleChange {
        RoleChange {
            user_id,
            tenant_id,
            role: role.map(|role| RoleName::parse(role).expect("a role's name")),
        }
    }

    async fn assign(&self, tenant: TenantId, user: UserId, role: &str) -> Result<()> {
        let change = Self::change(tenant, user, Some(role));
        let context = self.platform.authenticate(&self.app).await;
        roles::assign(&self.platform.core, Caller::App(&context), change).await
    }

    async fn revoke(&self, tenant: TenantId, user: UserId, role: Option<&str>) -> Result<()> {
        let change = Self::change(tenant, user, role);
        roles::revoke(&self.platform.core, Caller::App(&self.context), change).await
    }

    async fn refresh(&self, tokens: &Tokens, tenant: Option<TenantId>) -> Result<Tokens> {
        self.refresh_with(tokens, tenant, None).await
    }

    async fn refresh_with(
        &self,
        tokens: &Tokens,
        tenant_id: Option<TenantId>,
        key: Option<&str>,
    ) -> Result<Tokens> {
        let request = Refresh {
            refresh_token: tokens.refresh_token.clone(),
            idempotency_key: key.map(ToOwned::to_owned),
            tenant_id,
        };
        sessions::refresh(&self.platform.core, &self.context, request).await
    }

    async fn define(&self, name: &str, permissions: &[&str]) -> Result<()> {
        let request = DefineRole {
            name: name.to_owned(),
            description: String::new(),
            permissions: permissions.iter().map(|&p| p.to_owned()).collect(),
            deliberate: Some(self.platform.deliberate(name)),
            ..DefineRole::default()
        };
        roles::define(
            &self.platform.core,
            &self.platform.operator(),
            self.app.id,
            request,
        )
        .await
        .map(drop)
    }

    async fn archive(&self, tenant: TenantId, archived: bool) {
        let request = UpdateOrganization {
            archived: Some(archived),
            ..UpdateOrganization::default()
        };
        organizations::update(
            &self.platform.core,
            Caller::App(&self.context),
            tenant,
            request,
        )
        .await
        .expect("it is archived");
    }

    async fn actions(&self) -> Vec<String> {
        let events = self.platform.events(Some(self.app.id)).await;
        events.into_iter().map(|event| event.action).collect()
    }
}

on_both_engines! {
    async fn roles_show_at_the_next_refresh(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, tokens) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let said = claims(&tokens.access_token);
        assert_eq!((&said["tenant_id"], &said["roles"]), (&Value::Null, &json!([])));
        assert!(said.get("permissions").is_none() && said.get("entitlements").is_none());

        let acme = house.organization("Acme").await;
        house.define("editor", &["posts:write", "posts:read"]).await.unwrap();
        house.define("viewer", &["posts:read"]).await.unwrap();
        house.assign(acme, ada, "editor").await.unwrap();
        house.assign(acme, ada, "viewer").await.unwrap();
        house.assign(acme, ada, "viewer").await.unwrap();
        let tokens = house.refresh(&tokens, None).await.unwrap();
        let said = claims(&tokens.access_token);
        assert_eq!(said["tenant_id"], acme.to_string());
        assert_eq!(said["roles"], json!(["editor", "viewer"]));
        assert_eq!(said["permissions"], json!(["posts:read", "posts:write"]));

        // A definition changes what its holders may do, at their next refresh.
        house.define("editor", &["posts:delete"]).await.unwrap();
        let tokens = house.refresh(&tokens, None).await.unwrap();
        let said = claims(&tokens.access_token);
        assert_eq!(said["permissions"], json!(["posts:delete", "posts:read"]));

        house.revoke(acme, ada, Some("viewer")).await.unwrap();
        let tokens = house.refresh(&tokens, None).await.unwrap();
        assert_eq!(claims(&tokens.access_token)["roles"], json!(["editor"]));
        house.revoke(acme, ada, None).await.unwrap();
        let tokens = house.refresh(&tokens, None).await.unwrap();
        assert_eq!(claims(&tokens.access_token)["tenant_id"], Value::Null);
        let actions = house.actions().await;
        let count = |action: &str| actions.iter().filter(|a| *a == action).count();
        assert_eq!((count("role.assigned"), count("role.revoked")), (2, 2), "{actions:?}");
        assert_eq!(count("role.defined"), 3);
    }

    async fn the_tenant_of_a_token_follows_the_rule(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, first) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let (acme, bolt) = (house.organization("Acme").await, house.organization("Bolt").await);
        house.assign(acme, ada, "owner").await.unwrap();
        house.platform.advance(1);
        house.assign(bolt, ada, "viewer").await.unwrap();
        let tenant = |tokens: &Tokens| claims(&tokens.access_token)["tenant_id"].clone();
        // The earliest membership, then the one asked for, then the session's last one.
        let tokens = house.refresh(&first, None).await.unwrap();
        assert_eq!(tenant(&tokens), acme.to_string());
        let tokens = house.refresh(&tokens, Some(bolt)).await.unwrap();
        assert_eq!(tenant(&tokens), bolt.to_string());
        assert_eq!(claims(&tokens.access_token)["roles"], json!(["viewer"]));
        let tokens = house.refresh(&tokens, None).await.unwrap();
        assert_eq!(tenant(&tokens), bolt.to_string());
        // Another session begins with the earliest again.
        let (_, beside) = house.platform.sign_in(&house.app, "ada@example.com").await;
        assert_eq!(tenant(&beside), acme.to_string());
        // One that is left, or archived, gives way.
        house.archive(bolt, true).await;
        let tokens = house.refresh(&tokens, None).await.unwrap();
        assert_eq!(tenant(&tokens), acme.to_string());
        assert_eq!(code(house.refresh(&tokens, Some(bolt)).await), Some(Code::TenantNotFound));
        house.archive(bolt, false).await;
        let tokens = house.refresh(&tokens, Some(bolt)).await.unwrap();
        assert_eq!(tenant(&tokens), bolt.to_string());
    }

    async fn a_tenant_of_others_is_refused_and_costs_nothing(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, tokens) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let acme = house.organization("Acme").await;
        let theirs = house.organization("Bolt").await;
        house.assign(acme, ada, "owner").await.unwrap();
        let unknown = TenantId::from_uuid(doorward_domain::ids::uuid_v4(&doorward_domain::OsRandom));
        for tenant in [theirs, unknown] {
            for key in [None, Some("k1")] {
                let refused = house.refresh_with(&tokens, Some(tenant), key).await;
                assert_eq!(code(refused), Some(Code::TenantNotFound));
            }
        }
        // The token was not used up.
        let next = house.refresh_with(&tokens, Some(acme), Some("k1")).await.unwrap();
        // A repeated request must be the same request; this one is refused, and ends nothing.
        let other = house.refresh_with(&tokens, None, Some("k1")).await;
        assert_eq!(code(other), Some(Code::Conflict));
        let again = house.refresh_with(&tokens, Some(acme), Some("k1")).await.unwrap();
        assert_eq!(again.refresh_token.expose(), next.refresh_token.expose());
        house.refresh(&next, None).await.unwrap();
    }

    async fn the_last_owner_stays(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let (bob, _) = house.platform.sign_in(&house.app, "bob@example.com").await;
        let request = CreateOrganization { name: "Acme".to_owned(), owner: Some(ada) };
        let caller = Caller::App(&house.context);
        let acme = organizations::create(&house.platform.core, caller, request).await.unwrap().id;
        house.assign(acme, ada, "admin").await.unwrap();
        house.assign(acme, bob, "admin").await.unwrap();
        let core = &house.platform.core;
        for refused in [
            house.revoke(acme, ada, Some("owner")).await,
            house.revoke(acme, ada, None).await,
            organizations::remove_member(core, caller, acme, ada).await,
        ] {
            assert_eq!(code(refused), Some(Code::LastOwner));
        }
        house.revoke(acme, ada, Some("admin")).await.unwrap();
        // An owner who is switched off does not count.
        house.assign(acme, bob, "owner").await.unwrap();
        let operator = house.platform.operator();
        let off = UserStatus::Deactivated;
        users::set_status(core, &operator, house.app.id, bob, off, users::SetStatus::default()).await.unwrap();
        assert_eq!(code(house.revoke(acme, ada, None).await), Some(Code::LastOwner));
        users::set_status(core, &operator, house.app.id, bob, UserStatus::Active, users::SetStatus::default()).await.unwrap();
        organizations::remove_member(core, caller, acme, ada).await.unwrap();
        assert_eq!(code(house.revoke(acme, bob, None).await), Some(Code::LastOwner));
    }

    async fn of_two_owners_who_leave_together_one_stays(db: TestDatabase) {
        let house = House::new(&db).await;
        for round in 0..8 {
            let acme = house.organization("Acme").await;
            let (ada, _) = house.platform.sign_in(&house.app, &format!("a{round}@example.com")).await;
            let (bob, _) = house.platform.sign_in(&house.app, &format!("b{round}@example.com")).await;
            house.assign(acme, ada, "owner").await.unwrap();
            house.assign(acme, bob, "owner").await.unwrap();
            let (one, other) =
                tokio::join!(house.revoke(acme, ada, None), house.revoke(acme, bob, Some("owner")));
            let refused = [one.is_err(), other.is_err()];
            assert_eq!(refused.iter().filter(|e| **e).count(), 1, "{one:?} {other:?}");
        }
    }

    async fn what_is_not_there_is_said_to_be_so(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let acme = house.organization("Acme").await;
        let other = house.platform.app("other").await;
        let (stranger, _) = house.platform.sign_in(&other, "ada@example.com").await;
        let others = house.platform.authenticate(&other).await;
        let request = CreateOrganization { name: "Theirs".to_owned(), owner: None };
        let theirs = organizations::create(&house.platform.core, Caller::App(&others), request)
            .await
            .unwrap()
            .id;
        for (tenant, user, role, expected) in [
            (theirs, ada, "staff", Code::TenantNotFound),
            (acme, stranger, "staff", Code::UserNotFound),
            (acme, ada, "editor", Code::RoleNotFound),
        ] {
            assert_eq!(code(house.assign(tenant, user, role).await), Some(expected), "{role}");
        }
        for (tenant, user, role, expected) in [
            (theirs, ada, Some("staff"), Code::TenantNotFound),
            (acme, stranger, None, Code::UserNotFound),
            (acme, ada, Some("staff"), Code::RoleNotFound),
            (acme, ada, None, Code::RoleNotFound),
        ] {
            assert_eq!(code(house.revoke(tenant, user, role).await), Some(expected), "{role:?}");
        }
        house.archive(acme, true).await;
        assert_eq!(code(house.assign(acme, ada, "staff").await), Some(Code::TenantNotFound));
        let operator = house.platform.operator();
        let off = UserStatus::Deactivated;
        users::set_status(&house.platform.core, &operator, house.app.id, ada, off, users::SetStatus::default()).await.unwrap();
        house.archive(acme, false).await;
        assert_eq!(code(house.assign(acme, ada, "staff").await), Some(Code::UserDeleted));
    }

    async fn a_role_is_deleted_when_nobody_has_it(db: TestDatabase) {
        let house = House::new(&db).await;
        let (ada, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let acme = house.organization("Acme").await;
        house.define("editor", &["a"]).await.unwrap();
        house.assign(acme, ada, "editor").await.unwrap();
        let delete = async || {
            let name = RoleName::parse("editor").unwrap();
            let operator = house.platform.operator();
            let request = DeleteRole { deliberate: house.platform.deliberate("editor"), expected: None };
            roles::delete(&house.platform.core, &operator, house.app.id, name, request).await
        };
        assert_eq!(code(delete().await), Some(Code::Conflict));
        house.revoke(acme, ada, None).await.unwrap();
        delete().await.unwrap();
        assert_eq!(code(delete().await), Some(Code::RoleNotFound));
        assert_eq!(code(house.assign(acme, ada, "editor").await), Some(Code::RoleNotFound));
        let names = roles::list(&house.platform.core, Caller::App(&house.context), None, 100).await.unwrap();
        let names: Vec<_> = names.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["owner", "admin", "staff", "viewer"]);
    }

    async fn a_role_changes_against_what_was_read(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, operator, app) = (&house.platform.core, house.platform.operator(), house.app.id);
        let ask = |permissions: &[&str], expected: Option<&str>, meant: Option<&str>| DefineRole {
            name: "editor".to_owned(),
            description: String::new(),
            permissions: permissions.iter().map(|&p| p.to_owned()).collect(),
            expected: expected.map(str::to_owned),
            deliberate: meant.map(|name| house.platform.deliberate(name)),
        };
        let define = async |request| roles::define(core, &operator, app, request).await;
        assert_eq!(code(define(ask(&["a"], Some("\"x\""), None)).await), Some(Code::Conflict), "not there");
        let first = define(ask(&["a"], None, None)).await.unwrap().etag();
        let listed = roles::list(core, Caller::App(&house.context), None, 100).await.unwrap();
        let listed = listed.iter().find(|role| role.name.as_str() == "editor").unwrap().etag();
        assert_eq!(listed, first);
        let (one, other) = tokio::join!(
            define(ask(&["a", "b"], Some(&first), None)),
            define(ask(&["a", "c"], Some(&first), None)),
        );
        let second = one.as_ref().or(other.as_ref()).unwrap().etag();
        let seen = [code(one), code(other)];
        assert!(seen.contains(&None) && seen.contains(&Some(Code::Conflict)), "{seen:?}");
        // Whoever has it would lose something: that has to be meant.
        let refused = define(ask(&["d"], Some(&second), None)).await.unwrap_err();
        let fields: Vec<_> = refused.details().iter().map(|d| d.field.to_string()).collect();
        assert_eq!(fields, ["reason", "confirm"]);
        let refused = define(ask(&["d"], None, Some("owner"))).await.unwrap_err();
        assert_eq!(refused.details()[0].field, "confirm");
        let third = define(ask(&["d"], Some(&second), Some("editor"))).await.unwrap().etag();
        let events = house.platform.events(Some(app)).await;
        let mut reasons = events.into_iter().filter(|event| event.action == "role.defined");
        assert!(reasons.any(|event| event.details.unwrap()["reason"] == "a test"));
        let delete = async |expected: &str, confirm: &str| {
            let request = DeleteRole {
                deliberate: house.platform.deliberate(confirm),
                expected: Some(expected.to_owned()),
            };
            let name = RoleName::parse("editor").unwrap();
            code(roles::delete(core, &operator, app, name, request).await)
        };
        assert_eq!(delete(&second, "editor").await, Some(Code::Conflict));
        assert_eq!(delete(&third, "admin").await, Some(Code::ValidationError));
        assert_eq!(delete(&third, "editor").await, None);
    }

    async fn definitions_are_judged_and_bounded(db: TestDatabase) {
        let house = House::new(&db).await;
        let many: Vec<String> = (0..65).map(|n| format!("p{n}")).collect();
        let request = DefineRole {
            name: "Bad Name".to_owned(),
            description: "x".repeat(201),
            permissions: many.into_iter().chain(["Bad".to_owned()]).collect(),
            ..DefineRole::default()
        };
        let operator = house.platform.operator();
        let refused =
            roles::define(&house.platform.core, &operator, house.app.id, request).await.unwrap_err();
        let fields: Vec<_> = refused.details().iter().map(|d| d.field.to_string()).collect();
        assert_eq!(fields, ["role", "description", "permissions", "permissions[65]"]);
        for n in 0..64 {
            house.define(&format!("r{n}"), &[]).await.unwrap();
        }
        assert_eq!(code(house.define("one-more", &[]).await), Some(Code::Conflict));
        // What is there can still be changed, and so can the built-in ones.
        house.define("r0", &["a"]).await.unwrap();
        house.define("admin", &["a"]).await.unwrap();
        let (ada, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let acme = house.organization("Acme").await;
        for n in 0..16 {
            house.assign(acme, ada, &format!("r{n}")).await.unwrap();
        }
        assert_eq!(code(house.assign(acme, ada, "staff").await), Some(Code::Conflict));
    }
}
