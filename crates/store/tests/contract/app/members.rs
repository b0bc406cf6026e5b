//! Members and their roles.

use doorward_domain::organization::{Belonging, Member};
use doorward_domain::role::{RoleDefinition, RoleName};
use doorward_domain::user::UserStatus;
use doorward_domain::{TenantId, Timestamp, UserId};
use doorward_store::StoreError;
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, email, fresh, seed_app, seed_organization, seed_user};

contract! {
    a_role_makes_a_member_once: AppWrite::assign_role, AppRead::roles_of_member;
    nobody_gets_what_is_not_there: AppWrite::assign_role;
    the_last_role_takes_the_membership_with_it: AppWrite::revoke_roles;
    members_come_in_pages_with_their_roles: AppRead::members;
    belongings_come_in_the_order_of_joining: AppRead::belongings;
    a_page_of_belongings_looks_at_a_bounded_number: AppRead::belongings;
    another_owner_is_an_active_one: AppRead::has_another_owner;
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::parse(name).expect("a role's name")
}

async fn assign(app: &Scope, tenant: TenantId, user: UserId, name: &str, seconds: i64) -> bool {
    let role = role(name);
    app.write(move |app| app.assign_role(tenant, user, &role, at(seconds)))
        .await
}

async fn roles(app: &Scope, tenant: TenantId, user: UserId) -> Vec<String> {
    let found = app.read(move |app| app.roles_of_member(tenant, user)).await;
    found.iter().map(ToString::to_string).collect()
}

async fn a_role_makes_a_member_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let tenant = seed_organization(&app).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    assert!(roles(&app, tenant, ada).await.is_empty());
    assert!(assign(&app, tenant, ada, "staff", 1).await);
    assert!(!assign(&app, tenant, ada, "staff", 2).await);
    assert!(assign(&app, tenant, ada, "admin", 3).await);
    assert_eq!(roles(&app, tenant, ada).await, ["admin", "staff"]);
    let members = app.read(move |app| app.members(tenant, None, 10)).await;
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].joined_at, at(1));
}

async fn nobody_gets_what_is_not_there(db: TestDatabase) {
    let app = seed_app(&db).await;
    let tenant = seed_organization(&app).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let other = seed_app(&db).await;
    let foreign_tenant = seed_organization(&other).await;
    let bob = seed_user(&other, email("bob@example.com")).await;
    let editor = role("editor");
    let definition = RoleDefinition::default();
    other
        .write(move |app| app.put_role(&editor, &definition, at(0)))
        .await;
    for (tenant, user, name) in [
        (TenantId::from_uuid(fresh()), ada, "staff"),
        (foreign_tenant, ada, "staff"),
        (tenant, UserId::from_uuid(fresh()), "staff"),
        (tenant, bob, "staff"),
        (tenant, ada, "editor"),
    ] {
        let role = role(name);
        let refused = app
            .try_write(move |app| app.assign_role(tenant, user, &role, at(1)))
            .await;
        assert!(
            matches!(refused, Err(StoreError::Constraint { .. })),
            "{tenant} {user} {name}: {refused:?}"
        );
    }
    assert!(
        app.read(move |app| app.members(tenant, None, 10))
            .await
            .is_empty()
    );
}

async fn the_last_role_takes_the_membership_with_it(db: TestDatabase) {
    let app = seed_app(&db).await;
    let tenant = seed_organization(&app).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    assign(&app, tenant, bob, "staff", 1).await;
    let revoke = async |user, name: Option<&str>| {
        let role = name.map(role);
        app.write(move |app| app.revoke_roles(tenant, user, role.as_ref()))
            .await
    };
    let members = async || {
        let found = app.read(move |app| app.belongings(ada, None, 10)).await;
        assert_eq!(found.next, None);
        found.belongings.len()
    };
    assert_eq!(revoke(ada, None).await, 0);
    for name in ["owner", "staff", "viewer"] {
        assign(&app, tenant, ada, name, 1).await;
    }
    assert_eq!(revoke(ada, Some("admin")).await, 0);
    assert_eq!(revoke(ada, Some("staff")).await, 1);
    assert_eq!(roles(&app, tenant, ada).await, ["owner", "viewer"]);
    assert_eq!(members().await, 1);
    assert_eq!(revoke(ada, None).await, 2);
    assert_eq!(members().await, 0);
    assign(&app, tenant, ada, "viewer", 9).await;
    assert_eq!(revoke(ada, Some("viewer")).await, 1);
    assert_eq!(members().await, 0);
    assert_eq!(roles(&app, tenant, bob).await, ["staff"], "Bob's are his");
}

async fn members_come_in_pages_with_their_roles(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (tenant, beside) = (seed_organization(&app).await, seed_organization(&app).await);
    let mut users = Vec::new();
    for n in 0..3 {
        let user = seed_user(&app, email(&format!("u{n}@example.com"))).await;
        assign(&app, tenant, user, "viewer", n).await;
        assign(&app, tenant, user, "admin", 9).await;
        assign(&app, beside, user, "owner", 9).await;
        users.push((user, n));
    }
    users.sort();
    let expected: Vec<Member> = users
        .iter()
        .map(|(user_id, n)| Member {
            user_id: *user_id,
            joined_at: at(*n),
            roles: vec![role("admin"), role("viewer")],
        })
        .collect();
    let page = async |after: Option<UserId>, limit| {
        app.read(move |app| app.members(tenant, after, limit)).await
    };
    assert_eq!(page(None, 2).await, expected[..2]);
    assert_eq!(page(Some(users[1].0), 2).await, expected[2..]);
    assert!(page(Some(users[2].0), 2).await.is_empty());
}

async fn belongings_come_in_the_order_of_joining(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let (late, early, gone) = (
        seed_organization(&app).await,
        seed_organization(&app).await,
        seed_organization(&app).await,
    );
    assign(&app, late, ada, "owner", 20).await;
    assign(&app, early, ada, "viewer", 10).await;
    assign(&app, early, ada, "admin", 30).await;
    assign(&app, gone, ada, "owner", 1).await;
    app.write(move |app| app.set_organization_archived(gone, true, at(40)))
        .await;
    let page = async |after, limit| {
        let found = app.read(move |app| app.belongings(ada, after, limit)).await;
        found.belongings.into_iter().unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let list = async |limit| page(None, limit).await.1;
    let expected = [
        Belonging {
            tenant_id: early,
            roles: vec![role("admin"), role("viewer")],
        },
        Belonging {
            tenant_id: late,
            roles: vec![role("owner")],
        },
    ];
    assert_eq!(list(10).await, expected);
    assert_eq!(list(1).await, expected[..1]);
    assert_eq!(page(None, 10).await.0, [at(10), at(20)]);
    assert_eq!(page(Some((at(10), early)), 10).await.1, expected[1..]);
    assert!(page(Some((at(20), late)), 10).await.1.is_empty());
}

/// 500 memberships, however many of them are of archived organizations: then the cursor leads on.
async fn a_page_of_belongings_looks_at_a_bounded_number(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let joined: Vec<(Timestamp, TenantId)> = (1..=501)
        .map(|second| (at(second), TenantId::from_uuid(fresh())))
        .collect();
    let seeds = joined.clone();
    app.write(move |app| {
        for (at, tenant) in &seeds {
            app.insert_organization(*tenant, "Organization", *at)?;
            app.assign_role(*tenant, ada, &role("staff"), *at)?;
            app.set_organization_archived(*tenant, true, *at)?;
        }
        Ok(())
    })
    .await;
    let page = async |after, limit| {
        let found = app.read(move |app| app.belongings(ada, after, limit)).await;
        let places = found
            .belongings
            .into_iter()
            .map(|(at, it)| (at, it.tenant_id));
        (places.collect::<Vec<_>>(), found.next)
    };
    assert_eq!(page(None, 3).await, (vec![], Some(joined[499])));
    assert_eq!(page(Some(joined[499]), 3).await, (vec![], None));
    let (first, last) = (joined[498], joined[500]);
    app.write(move |app| {
        app.set_organization_archived(first.1, false, at(600))?;
        app.set_organization_archived(last.1, false, at(600))
    })
    .await;
    assert_eq!(page(None, 3).await, (vec![first], Some(joined[499])));
    assert_eq!(page(Some(joined[499]), 3).await, (vec![last], None));
    // Exactly so many are left: only the next page can tell that it is the last.
    let (found, next) = page(Some(joined[0]), 3).await;
    assert_eq!((found, next), (vec![first, last], Some(last)));
    assert_eq!(page(Some(last), 3).await, (vec![], None));
    let rest = page(Some(joined[1]), 3).await;
    assert_eq!(rest, (vec![first, last], None));
    assert_eq!(page(Some(joined[0]), 1).await, (vec![first], Some(first)));
}

async fn another_owner_is_an_active_one(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (tenant, beside) = (seed_organization(&app).await, seed_organization(&app).await);
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let another = async || {
        app.read(move |app| app.has_another_owner(tenant, ada))
            .await
    };
    assign(&app, tenant, ada, "owner", 1).await;
    assign(&app, tenant, bob, "admin", 1).await;
    assign(&app, beside, bob, "owner", 1).await;
    assert!(!another().await);
    assign(&app, tenant, bob, "owner", 2).await;
    assert!(another().await);
    app.write(move |app| app.set_user_status(bob, UserStatus::Deactivated, at(3)))
        .await;
    assert!(!another().await);
}
