//! What is held of a person, read out.

use doorward_domain::audit::{Action, Actor, AuditEvent, Personal, Target};
use doorward_domain::role::RoleName;
use doorward_domain::{OneTimeSecretId, UserId};
use doorward_store::app::{NewLicense, NewOneTimeSecret};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Scope, at, claim, email, fresh, hash, new_event, new_license, new_message, new_otp, seed_app,
    seed_organization, seed_user,
};

contract! {
    codes_and_messages_are_found_by_their_address: AppRead::codes_to, AppRead::messages_to;
    codes_and_messages_are_found_by_their_user: AppRead::codes_of_user, AppRead::messages_of_user;
    secrets_are_found_by_their_user: AppRead::secrets_of_user;
    memberships_and_devices_come_in_pages: AppRead::memberships_of_user, AppRead::devices_of_user;
    events_are_found_by_whom_they_are_about: AppRead::events_of_user, AppRead::events_about_user;
    events_are_found_by_the_licence: AppRead::events_of_license, AppRead::license_of_event,
        AppRead::next_license_of_user;
}

async fn codes_and_messages_are_found_by_their_address(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (mut codes, mut messages) = (Vec::new(), Vec::new());
    for name in ["Ada", "bob", "ada"] {
        let code = new_otp(email(&format!("{name}@example.com")));
        let mut message = new_message(app.id);
        message.contact_ref = Some([u8::from(name == "bob"); 16]);
        if name != "bob" {
            codes.insert(0, code.id);
            messages.insert(0, message.id);
        }
        app.write(move |app| {
            app.insert_otp_request(&code)?;
            app.enqueue(&message, false)
        })
        .await;
    }
    let found = app
        .read(|app| app.codes_to("ada@example.com", None, 10))
        .await;
    assert_eq!(found.iter().map(|code| code.id).collect::<Vec<_>>(), codes);
    assert_eq!(found[1].contact, "Ada@example.com");
    let last = codes[0];
    let rest = app
        .read(move |app| app.codes_to("ada@example.com", Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
    let found = app.read(|app| app.messages_to(&[0; 16], None, 10)).await;
    assert_eq!(
        found.iter().map(|message| message.id).collect::<Vec<_>>(),
        messages
    );
    assert_eq!(
        (found[0].state.as_str(), found[0].finished_at),
        ("queued", None)
    );
    let last = messages[0];
    let rest = app
        .read(move |app| app.messages_to(&[0; 16], Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
}

async fn codes_and_messages_are_found_by_their_user(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (ada, bob) = (UserId::from_uuid(fresh()), UserId::from_uuid(fresh()));
    let (mut codes, mut messages) = (Vec::new(), Vec::new());
    for user in [Some(ada), Some(bob), None, Some(ada)] {
        // To an address that is nobody's.
        let mut code = new_otp(email("new@example.com"));
        let mut message = new_message(app.id);
        (code.user_id, message.user_id) = (user, user);
        if user == Some(ada) {
            codes.insert(0, code.id);
            messages.insert(0, message.id);
        }
        app.write(move |app| {
            app.insert_otp_request(&code)?;
            app.enqueue(&message, false)
        })
        .await;
    }
    let found = app.read(move |app| app.codes_of_user(ada, None, 10)).await;
    assert_eq!(found.iter().map(|code| code.id).collect::<Vec<_>>(), codes);
    assert_eq!(
        (found[0].contact.as_str(), found[0].user_id),
        ("new@example.com", Some(ada))
    );
    let last = codes[0];
    let rest = app
        .read(move |app| app.codes_of_user(ada, Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
    let found = app
        .read(move |app| app.messages_of_user(ada, None, 10))
        .await;
    assert_eq!(
        found.iter().map(|message| message.id).collect::<Vec<_>>(),
        messages
    );
    let last = messages[0];
    let rest = app
        .read(move |app| app.messages_of_user(ada, Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
}

async fn events_are_found_by_the_licence(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let mut licenses = Vec::new();
    for user in [Some(ada), None, Some(ada)] {
        let license = NewLicense {
            user_id: user,
            ..new_license()
        };
        if user.is_some() {
            licenses.push(license.id);
        }
        app.write(move |app| app.insert_license(&license)).await;
    }
    licenses.sort();
    let (first, second) = (licenses[0], licenses[1]);
    for (after, next) in [
        (None, Some(first)),
        (Some(first), Some(second)),
        (Some(second), None),
    ] {
        let found = app
            .read(move |app| app.next_license_of_user(ada, after))
            .await;
        assert_eq!(found, next);
    }
    let events = [
        (first, None),
        (first, Some(ada)),
        (second, None),
        (first, None),
    ]
    .map(|(license, about)| AuditEvent {
        target: Some(Target::new("license", license)),
        ..event(&app, None, about)
    });
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    app.write(move |app| events.iter().try_for_each(|event| app.audit(event)))
        .await;
    let found = app
        .read(move |app| app.events_of_license(first, ada, None, 10))
        .await;
    assert_eq!(
        found.iter().map(|e| e.id).collect::<Vec<_>>(),
        [ids[3], ids[0]]
    );
    let last = found[0].id;
    let rest = app
        .read(move |app| app.events_of_license(first, ada, Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
    let of = ids[2];
    assert_eq!(
        app.read(move |app| app.license_of_event(of)).await,
        Some(second)
    );
}

async fn secrets_are_found_by_their_user(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let mut ids = Vec::new();
    for user in [ada, bob, ada] {
        let secret = NewOneTimeSecret {
            id: OneTimeSecretId::from_uuid(fresh()),
            purpose: "password_reset",
            secret_hash: hash(4),
            user_id: Some(user),
            details: None,
            created_at: at(0),
            expires_at: at(60),
        };
        if user == ada {
            ids.insert(0, secret.id);
        }
        app.write(move |app| app.insert_secret(&secret)).await;
    }
    let list = async |before: Option<OneTimeSecretId>| {
        let found = app
            .read(move |app| app.secrets_of_user(ada, before, 10))
            .await;
        found.iter().map(|secret| secret.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, ids);
    assert_eq!(list(Some(ids[0])).await, ids[1..]);
}

fn event(app: &Scope, target: Option<UserId>, about: Option<UserId>) -> AuditEvent {
    AuditEvent {
        actor: Actor::System,
        target: target.map(|user| Target::new("user", user)),
        personal: Some(Personal {
            user_id: about,
            contact: Some("a***@example.com".to_owned()),
            ..Personal::default()
        }),
        ..new_event(Some(app.id), Action::OtpSent)
    }
}

async fn events_are_found_by_whom_they_are_about(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let (ada, bob) = (UserId::from_uuid(fresh()), UserId::from_uuid(fresh()));
    let events = [
        event(&app, Some(ada), None),
        event(&app, None, Some(ada)),
        event(&app, Some(bob), None),
        event(&app, None, Some(bob)),
        event(&app, Some(ada), None),
        event(&app, None, Some(ada)),
        // Sessions tell of these.
        AuditEvent {
            action: Action::SessionRefreshed,
            ..event(&app, Some(ada), None)
        },
    ];
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    app.write(move |app| events.iter().try_for_each(|event| app.audit(event)))
        .await;
    let foreign = event(&other, Some(ada), None);
    other.write(move |app| app.audit(&foreign)).await;
    let found = app.read(move |app| app.events_of_user(ada, None, 10)).await;
    assert_eq!(
        found.iter().map(|e| e.id).collect::<Vec<_>>(),
        [ids[4], ids[0]]
    );
    assert!(
        found[0]
            .details
            .as_ref()
            .is_some_and(|d| d["contact"] == "a***@example.com")
    );
    let last = found[0].id;
    let rest = app
        .read(move |app| app.events_of_user(ada, Some(last), 10))
        .await;
    assert_eq!(rest, found[1..]);
    let found = app
        .read(move |app| app.events_about_user(ada, None, 10))
        .await;
    assert_eq!(
        found.iter().map(|e| e.id).collect::<Vec<_>>(),
        [ids[5], ids[1]]
    );
    let last = found[0].id;
    let rest = app
        .read(move |app| app.events_about_user(ada, Some(last), 1))
        .await;
    assert_eq!(rest, found[1..]);
}

async fn memberships_and_devices_come_in_pages(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let (mut tenants, mut devices) = (Vec::new(), Vec::new());
    for (n, user) in [(1, ada), (2, bob), (3, ada)] {
        let tenant = seed_organization(&app).await;
        let license = NewLicense {
            user_id: Some(user),
            max_activations: 2,
            key: Some((hash(n), vec![n], "7Q2Z".to_owned())),
            ..new_license()
        };
        let slots = [claim(license.id, 1, at(0)), claim(license.id, 2, at(0))];
        if user == ada {
            tenants.push(tenant);
            devices.extend(slots.iter().map(|slot| slot.activation_id));
        }
        app.write(move |app| {
            for role in ["staff", "admin"] {
                let role = RoleName::parse(role).expect("a role");
                app.assign_role(tenant, user, &role, at(i64::from(n)))?;
            }
            app.insert_license(&license)?;
            slots
                .iter()
                .try_for_each(|slot| app.claim_seat(slot).map(drop))
        })
        .await;
    }
    let found = app
        .read(move |app| app.memberships_of_user(ada, None, 10))
        .await;
    assert_eq!(
        found.iter().map(|m| m.tenant_id).collect::<Vec<_>>(),
        tenants
    );
    assert_eq!(
        (&found[0].roles[..], found[0].joined_at),
        (&["admin".to_owned(), "staff".to_owned()][..], at(1))
    );
    let first = tenants[0];
    let rest = app
        .read(move |app| app.memberships_of_user(ada, Some(first), 1))
        .await;
    assert_eq!(rest, found[1..]);
    let mut after = None;
    for expected in devices {
        let page = app
            .read(move |app| app.devices_of_user(ada, after, 1))
            .await;
        assert_eq!(
            page.iter().map(|device| device.id).collect::<Vec<_>>(),
            [expected]
        );
        after = Some(expected);
    }
    assert!(
        app.read(move |app| app.devices_of_user(ada, after, 1))
            .await
            .is_empty()
    );
}
