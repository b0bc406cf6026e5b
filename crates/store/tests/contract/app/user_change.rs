//! Users as operators change them.

use doorward_domain::contact::{EmailAddress, PhoneNumber, VerifiedAt};
use doorward_domain::role::RoleName;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{OneTimeSecretId, UserId};
use doorward_store::StoreError;
use doorward_store::app::{NewOneTimeSecret, UserContacts};
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, email, fresh, hash, seed_app, seed_organization, seed_user};

contract! {
    a_user_is_created_with_its_addresses: AppWrite::create_user;
    addresses_are_replaced_at_the_version_seen: AppWrite::replace_contacts;
    a_deleted_user_is_restored_as_it_was: AppWrite::delete_user, AppWrite::restore_user;
    the_last_owner_is_known: AppRead::tenants_left_without_owner,
        AppWrite::hold_owned_organizations;
    secrets_of_a_user_are_voided: AppWrite::void_secrets_of_user;
}

fn contacts(id: UserId, mail: Option<&str>, number: Option<&str>) -> UserContacts {
    UserContacts {
        id,
        email: mail.map(|text| VerifiedAt {
            value: EmailAddress::parse(text).expect("an address"),
            verified_at: None,
        }),
        phone: number.map(|text| VerifiedAt {
            value: PhoneNumber::parse(text).expect("a number"),
            verified_at: Some(at(3)),
        }),
        now: at(5),
    }
}

async fn show(app: &Scope, id: UserId) -> User {
    app.read(move |app| app.user(id)).await.expect("the user")
}

async fn a_user_is_created_with_its_addresses(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = UserId::from_uuid(fresh());
    let new = contacts(id, Some("Ada@example.com"), Some("+14155552671"));
    assert!(app.write(move |app| app.create_user(&new)).await);
    let user = show(&app, id).await;
    let mail = user.email.expect("an address");
    assert_eq!(
        (mail.value.original(), mail.verified_at),
        ("Ada@example.com", None)
    );
    assert_eq!(user.phone.expect("a number").verified_at, Some(at(3)));
    assert_eq!(
        (user.status, user.version, user.created_at),
        (UserStatus::Active, 1, at(5))
    );
    for (mail, number) in [
        (Some("ada@EXAMPLE.com"), None),
        (None, Some("+14155552671")),
    ] {
        let taken = contacts(UserId::from_uuid(fresh()), mail, number);
        assert!(!app.write(move |app| app.create_user(&taken)).await);
    }
    let only = contacts(UserId::from_uuid(fresh()), None, Some("+14155552672"));
    assert!(app.write(move |app| app.create_user(&only)).await);
}

async fn addresses_are_replaced_at_the_version_seen(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    seed_user(&app, email("bob@example.com")).await;
    let replace = async |new: UserContacts, version: i64| {
        app.try_write(move |app| app.replace_contacts(&new, version))
            .await
    };
    let new = contacts(ada, None, Some("+14155552671"));
    assert!(!replace(new.clone(), 2).await.expect("it runs"));
    assert!(replace(new.clone(), 1).await.expect("it runs"));
    let user = show(&app, ada).await;
    assert_eq!(
        (user.email, user.version, user.updated_at),
        (None, 2, at(5))
    );
    let taken = replace(contacts(ada, Some("Bob@example.com"), None), 2).await;
    assert!(
        matches!(taken, Err(StoreError::Constraint { .. })),
        "{taken:?}"
    );
    app.write(move |app| app.delete_user(ada, at(99), at(6)))
        .await;
    assert!(!replace(new, 3).await.expect("it runs"), "deleted");
}

async fn a_deleted_user_is_restored_as_it_was(db: TestDatabase) {
    let app = seed_app(&db).await;
    for before in [UserStatus::Active, UserStatus::Deactivated] {
        let id = seed_user(&app, email(&format!("{}@example.com", before.as_str()))).await;
        app.write(move |app| app.set_user_status(id, before, at(1)))
            .await;
        let restore = async |seconds: i64| {
            app.write(move |app| app.restore_user(id, at(seconds)))
                .await
        };
        assert!(!restore(2).await, "not deleted");
        assert!(
            app.write(move |app| app.delete_user(id, at(100), at(2)))
                .await
        );
        assert!(
            !app.write(move |app| app.delete_user(id, at(200), at(3)))
                .await,
            "once"
        );
        let user = show(&app, id).await;
        assert_eq!(
            (user.status, user.deleted_at, user.purge_after),
            (UserStatus::Deleted, Some(at(2)), Some(at(100)))
        );
        assert!(!restore(100).await, "too late");
        assert!(restore(99).await);
        assert!(!restore(99).await, "once");
        let user = show(&app, id).await;
        assert_eq!(
            (user.status, user.deleted_at, user.purge_after),
            (before, None, None)
        );
    }
}

async fn the_last_owner_is_known(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let (alone, shared, archived) = (
        seed_organization(&app).await,
        seed_organization(&app).await,
        seed_organization(&app).await,
    );
    let left = async |user: UserId| {
        app.read(move |app| app.tenants_left_without_owner(user, 10))
            .await
    };
    assert!(left(ada).await.is_empty());
    app.write(move |app| {
        let owner = RoleName::owner();
        for tenant in [alone, shared, archived] {
            app.assign_role(tenant, ada, &owner, at(1))?;
        }
        app.assign_role(shared, bob, &owner, at(1))?;
        app.assign_role(
            alone,
            bob,
            &RoleName::parse("admin").expect("a role"),
            at(1),
        )?;
        app.set_organization_archived(archived, true, at(2))
    })
    .await;
    assert_eq!(left(ada).await, [alone]);
    assert!(left(bob).await.is_empty());
    assert_eq!(
        app.write(move |app| app.hold_owned_organizations(ada))
            .await,
        3
    );
    assert_eq!(
        app.write(move |app| app.hold_owned_organizations(bob))
            .await,
        1
    );
    app.write(move |app| app.set_user_status(bob, UserStatus::Deactivated, at(3)))
        .await;
    let mut both = vec![alone, shared];
    both.sort();
    assert_eq!(left(ada).await, both, "who is off does not count");
    let one = app
        .read(move |app| app.tenants_left_without_owner(ada, 1))
        .await;
    assert_eq!(one, both[..1]);
}

async fn secrets_of_a_user_are_voided(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (ada, bob) = (
        seed_user(&app, email("ada@example.com")).await,
        seed_user(&app, email("bob@example.com")).await,
    );
    let secret = |user| NewOneTimeSecret {
        id: OneTimeSecretId::from_uuid(fresh()),
        purpose: "password_reset",
        secret_hash: hash(4),
        user_id: Some(user),
        details: None,
        created_at: at(0),
        expires_at: at(60),
    };
    let (of_ada, of_bob) = (secret(ada), secret(bob));
    let ids = [of_ada.id, of_bob.id];
    app.write(move |app| {
        app.insert_secret(&of_ada)?;
        app.insert_secret(&of_bob)
    })
    .await;
    for expected in [1, 0] {
        let voided = app
            .write(move |app| app.void_secrets_of_user(ada, at(1)))
            .await;
        assert_eq!(voided, expected);
    }
    for (id, good) in ids.into_iter().zip([false, true]) {
        let used = app
            .write(move |app| app.consume_secret(id, "password_reset", &hash(4), at(2)))
            .await;
        assert_eq!(used.is_some(), good);
    }
}
