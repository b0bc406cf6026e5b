//! What a token says of a user.

use doorward_domain::organization::Belonging;
use doorward_domain::{TenantId, UserId};
use doorward_store::app::UserClaims;
use doorward_testkit::database::TestDatabase;

use super::members::role;
use crate::support::{Raw, Scope, at, email, fresh, seed_app, seed_organization, seed_user};

contract! {
    a_token_speaks_for_the_right_organization: AppRead::claims_of_user;
    entitlements_are_those_of_good_licences: AppRead::claims_of_user;
}

async fn claims(app: &Scope, user: UserId, preferred: Option<TenantId>, now: i64) -> UserClaims {
    app.read(move |app| app.claims_of_user(user, preferred, at(now)))
        .await
}

async fn a_token_speaks_for_the_right_organization(db: TestDatabase) {
    let app = seed_app(&db).await;
    let other = seed_app(&db).await;
    let foreign = seed_organization(&other).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let (late, early, archived) = (
        seed_organization(&app).await,
        seed_organization(&app).await,
        seed_organization(&app).await,
    );
    assert_eq!(
        claims(&app, ada, Some(early), 9).await,
        UserClaims::default()
    );
    for (tenant, name, seconds) in [
        (late, "owner", 20),
        (early, "viewer", 10),
        (early, "admin", 30),
        (archived, "owner", 1),
    ] {
        let role = role(name);
        app.write(move |app| app.assign_role(tenant, ada, &role, at(seconds)))
            .await;
    }
    app.write(move |app| app.set_organization_archived(archived, true, at(40)))
        .await;
    let belonging = |tenant_id, names: &[&str]| {
        Some(Belonging {
            tenant_id,
            roles: names.iter().map(|name| role(name)).collect(),
        })
    };
    let first = belonging(early, &["admin", "viewer"]);
    for preferred in [
        None,
        Some(early),
        Some(archived),
        Some(foreign),
        Some(TenantId::from_uuid(fresh())),
    ] {
        let found = claims(&app, ada, preferred, 50).await;
        assert_eq!(found.belonging, first, "{preferred:?}");
    }
    let found = claims(&app, ada, Some(late), 50).await;
    assert_eq!(found.belonging, belonging(late, &["owner"]));
    let nobody = UserId::from_uuid(fresh());
    assert_eq!(claims(&app, nobody, None, 50).await, UserClaims::default());
}

async fn entitlements_are_those_of_good_licences(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let raw = Raw::open(&db).await;
    for (user, status, expires_at, entitlements) in [
        (ada, "active", None, r#"{"export":true,"projects":5}"#),
        (ada, "active", Some(at(100)), r#"{"projects":20}"#),
        (ada, "suspended", None, r#"{"suspended":true}"#),
        (ada, "revoked", None, r#"{"revoked":true}"#),
        (bob, "active", None, r#"{"bob":true}"#),
    ] {
        raw.insert_license(app.id, user, status, expires_at, entitlements)
            .await;
    }
    let stored = async |now| claims(&app, ada, None, now).await.entitlements.to_stored();
    assert_eq!(stored(99).await, r#"{"export":true,"projects":20}"#);
    assert_eq!(stored(100).await, r#"{"export":true,"projects":5}"#);
}
