//! Users.

use doorward_domain::UserId;
use doorward_domain::contact::{Contact, VerifiedAt};
use doorward_domain::user::UserStatus;
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, Scope, at, email, fresh, new_user, phone, seed_app, seed_user};

contract! {
    the_same_address_in_another_app_is_free: AppWrite::insert_user, AppWrite::set_contact;
    users_are_found_by_id_and_address: AppRead::user, AppRead::user_by_contact;
    an_address_is_given_once: AppWrite::insert_user;
    a_proved_address_is_set: AppWrite::set_contact;
    an_address_is_confirmed_where_it_was_not: AppWrite::confirm_contact;
    an_active_user_is_held_unchanged: AppWrite::hold_active_user, AppWrite::hold_user;
    a_status_changes_once: AppWrite::set_user_status;
}

const PHONE: &str = "+919876543210";
const OTHER_PHONE: &str = "+14155552671";

async fn by_contact(app: &Scope, contact: &Contact) -> Option<UserId> {
    let contact = contact.clone();
    let found = app.read(move |app| app.user_by_contact(&contact)).await;
    found.map(|user| user.id)
}

async fn users_are_found_by_id_and_address(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("Ada.Lovelace@EXAMPLE.com")).await;
    let bob = seed_user(&app, phone(PHONE)).await;

    let user = app.read(move |app| app.user(ada)).await.expect("Ada");
    let Some(VerifiedAt { value, verified_at }) = &user.email else {
        panic!("Ada has an e-mail address")
    };
    assert_eq!(value.original(), "Ada.Lovelace@example.com");
    assert_eq!(*verified_at, Some(at(0)));
    assert_eq!((user.id, user.status), (ada, UserStatus::Active));
    assert_eq!((user.phone, user.created_at), (None, at(0)));

    let user = app.read(move |app| app.user(bob)).await.expect("Bob");
    let number = user.phone.expect("Bob has a number");
    assert_eq!(number.value.as_str(), PHONE);
    assert_eq!(number.verified_at, Some(at(0)));
    assert_eq!(user.email, None);

    assert_eq!(
        by_contact(&app, &email("ada.lovelace@example.COM")).await,
        Some(ada)
    );
    assert_eq!(by_contact(&app, &phone(PHONE)).await, Some(bob));
    assert_eq!(by_contact(&app, &email("nobody@example.com")).await, None);
    assert_eq!(by_contact(&app, &phone(OTHER_PHONE)).await, None);
    let nobody = UserId::from_uuid(fresh());
    assert!(app.read(move |app| app.user(nobody)).await.is_none());

    // The longest local part there is, of letters that take two bytes each.
    let longest = email(&format!("{}@bücher.example", "Ü".repeat(32)));
    let long = seed_user(&app, longest.clone()).await;
    assert_eq!(by_contact(&app, &longest).await, Some(long));
    let lower = email(&format!("{}@BÜCHER.example", "ü".repeat(32)));
    assert_eq!(by_contact(&app, &lower).await, Some(long));
}

async fn an_address_is_given_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    seed_user(&app, phone(PHONE)).await;
    let before = raw.table("users").await;
    let mut same_id = new_user(email("eve@example.com"));
    same_id.id = ada;
    for new in [
        new_user(email("ADA@example.com")),
        new_user(phone(PHONE)),
        same_id,
    ] {
        assert!(!app.write(move |app| app.insert_user(&new)).await);
    }
    assert_eq!(raw.table("users").await, before);
}

/// The same address in two apps is two users, never merged.
async fn the_same_address_in_another_app_is_free(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let ada = seed_user(&app, email("ada@example.com")).await;
    assert!(set(&app, ada, phone(PHONE), 1).await);
    let twin = seed_user(&other, email("ada@example.com")).await;
    assert!(set(&other, twin, phone(PHONE), 1).await);
    let third = seed_app(&db).await;
    let late = seed_user(&third, email("late@example.com")).await;
    assert!(set(&third, late, email("ADA@example.com"), 1).await);
    assert!(set(&third, late, phone(PHONE), 1).await);
    for (scope, user) in [(&app, ada), (&other, twin), (&third, late)] {
        let contacts = [email("ada@example.com"), phone(PHONE)];
        for contact in contacts {
            assert_eq!(by_contact(scope, &contact).await, Some(user));
        }
    }
}

async fn set(app: &Scope, user: UserId, contact: Contact, seconds: i64) -> bool {
    app.write(move |app| app.set_contact(user, &contact, at(seconds)))
        .await
}

async fn a_proved_address_is_set(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, phone(PHONE)).await;

    assert!(
        set(&app, bob, email("Bob@example.com"), 5).await,
        "a first e-mail address"
    );
    assert!(
        set(&app, ada, phone(OTHER_PHONE), 6).await,
        "a first number"
    );
    assert!(
        set(&app, bob, email("bob@new.example"), 7).await,
        "another address"
    );
    assert!(
        set(&app, bob, email("bob@new.example"), 8).await,
        "the same once more"
    );
    assert!(
        set(&app, ada, phone(OTHER_PHONE), 9).await,
        "the same once more"
    );
    let user = app.read(move |app| app.user(ada)).await.expect("Ada");
    let number = user.phone.expect("a number");
    assert_eq!(number.value.as_str(), OTHER_PHONE);
    assert_eq!(number.verified_at, Some(at(9)));
    let user = app.read(move |app| app.user(bob)).await.expect("Bob");
    let address = user.email.expect("an address");
    assert_eq!(address.value.canonical(), "bob@new.example");
    assert_eq!(address.verified_at, Some(at(8)));
    assert!(user.phone.is_some(), "the number stays");
    assert_eq!(
        by_contact(&app, &email("bob@example.com")).await,
        None,
        "the old one is free"
    );

    let before = raw.table("users").await;
    assert!(
        !set(&app, bob, email("ADA@example.com"), 9).await,
        "Ada has it"
    );
    assert!(!set(&app, bob, phone(OTHER_PHONE), 9).await, "Ada has it");
    let nobody = UserId::from_uuid(fresh());
    assert!(
        !set(&app, nobody, email("x@example.com"), 9).await,
        "unknown user"
    );
    assert_eq!(raw.table("users").await, before);

    for status in [UserStatus::Deactivated, UserStatus::Deleted] {
        app.write(move |app| app.set_user_status(ada, status, at(9)))
            .await;
        let before = raw.table("users").await;
        assert!(
            !set(&app, ada, email("ada@new.example"), 10).await,
            "{status:?}"
        );
        assert!(
            !set(&app, ada, phone("+4915123456789"), 10).await,
            "{status:?}"
        );
        assert_eq!(raw.table("users").await, before);
    }
    assert!(
        !set(&app, bob, email("ada@example.com"), 11).await,
        "an inactive user keeps it"
    );
}

async fn an_address_is_confirmed_where_it_was_not(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let number = phone(PHONE);
    assert!(set(&app, ada, number.clone(), 0).await);
    let eve = seed_user(&app, email("eve@example.com")).await;
    assert!(set(&app, eve, phone(OTHER_PHONE), 0).await);
    let confirm = async |contact: Contact, seconds: i64| {
        app.write(move |app| app.confirm_contact(ada, &contact, at(seconds)))
            .await
    };
    assert!(
        !confirm(email("ada@example.com"), 5).await,
        "it is proved already"
    );
    raw.execute("UPDATE users SET email_verified_at = NULL, phone_verified_at = NULL")
        .await;

    let before = raw.table("users").await;
    for not_hers in ["eve@example.com", "nobody@example.com"] {
        assert!(!confirm(email(not_hers), 6).await);
    }
    for not_hers in [OTHER_PHONE, "+447911123456"] {
        assert!(!confirm(phone(not_hers), 6).await);
    }
    assert_eq!(raw.table("users").await, before);
    assert!(confirm(email("Ada@example.com"), 7).await);
    assert!(confirm(number.clone(), 8).await);
    assert!(!confirm(email("ada@example.com"), 9).await, "only once");
    assert!(!confirm(number, 9).await, "only once");
    let user = app.read(move |app| app.user(ada)).await.expect("Ada");
    assert_eq!(user.email.and_then(|email| email.verified_at), Some(at(7)));
    assert_eq!(user.phone.and_then(|phone| phone.verified_at), Some(at(8)));
}

async fn an_active_user_is_held_unchanged(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let hold = async |id: UserId| app.write(move |app| app.hold_active_user(id)).await;
    let before = raw.table("users").await;
    assert!(hold(ada).await);
    assert!(hold(ada).await, "as often as one likes");
    assert!(!hold(UserId::from_uuid(fresh())).await, "unknown");
    assert_eq!(raw.table("users").await, before);
    for status in [UserStatus::Deactivated, UserStatus::Deleted] {
        app.write(move |app| app.set_user_status(ada, status, at(1)))
            .await;
        assert!(!hold(ada).await, "{status:?}");
        assert!(app.write(move |app| app.hold_user(ada)).await, "{status:?}");
    }
    let nobody = UserId::from_uuid(fresh());
    assert!(!app.write(move |app| app.hold_user(nobody)).await);
}

async fn a_status_changes_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let change = async |status: UserStatus| {
        app.write(move |app| app.set_user_status(ada, status, at(5)))
            .await
    };
    assert!(!change(UserStatus::Active).await, "so already");
    for status in [
        UserStatus::Deactivated,
        UserStatus::Active,
        UserStatus::Deleted,
    ] {
        assert!(change(status).await, "{status:?}");
        assert!(!change(status).await, "{status:?} again");
        let user = app.read(move |app| app.user(ada)).await.expect("Ada");
        assert_eq!(user.status, status);
        assert_eq!(by_contact(&app, &email("ada@example.com")).await, Some(ada));
    }
    for status in [UserStatus::Active, UserStatus::Deactivated] {
        assert!(!change(status).await, "only a restoration brings it back");
    }
    let user = app.read(move |app| app.user(ada)).await.expect("Ada");
    assert_eq!(user.status, UserStatus::Deleted);
    let nobody = UserId::from_uuid(fresh());
    assert!(
        !app.write(move |app| app.set_user_status(nobody, UserStatus::Deleted, at(5)))
            .await
    );
}
