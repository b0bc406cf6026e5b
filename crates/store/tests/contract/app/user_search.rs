//! Finding users.

use doorward_domain::UserId;
use doorward_domain::user::UserStatus;
use doorward_store::app::{UserFilter, UserPlace};
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, email, phone, seed_app, seed_user};

contract! {
    users_are_listed_newest_first: AppRead::users;
    users_are_found_by_how_an_address_begins: AppRead::users, UserFilter::place_after;
}

async fn find(app: &Scope, filter: UserFilter, after: Option<UserId>, limit: u32) -> Vec<UserId> {
    let found = app
        .read(move |app| {
            let last = after.map(|id| app.user(id)).transpose()?.flatten();
            let place = last.map(|user| filter.place_after(&user));
            app.users(&filter, place.as_ref(), limit)
        })
        .await;
    found.into_iter().map(|user| user.id).collect()
}

async fn users_are_listed_newest_first(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(seed_user(&app, email(&format!("u{n}@example.com"))).await);
    }
    seed_user(&other, email("u0@example.com")).await;
    ids.sort();
    ids.reverse();
    let (first, rest) = (
        find(&app, UserFilter::All, None, 2).await,
        ids[2..].to_vec(),
    );
    assert_eq!(first, ids[..2]);
    assert_eq!(find(&app, UserFilter::All, Some(ids[1]), 10).await, rest);
    assert!(
        find(&app, UserFilter::All, Some(ids[4]), 10)
            .await
            .is_empty()
    );

    for id in [ids[1], ids[3]] {
        app.write(move |app| app.set_user_status(id, UserStatus::Deactivated, at(1)))
            .await;
    }
    let off = UserFilter::Status(UserStatus::Deactivated);
    assert_eq!(find(&app, off.clone(), None, 10).await, [ids[1], ids[3]]);
    assert_eq!(find(&app, off.clone(), None, 1).await, [ids[1]]);
    assert_eq!(find(&app, off, Some(ids[1]), 10).await, [ids[3]]);
    let on = UserFilter::Status(UserStatus::Active);
    assert_eq!(find(&app, on, None, 10).await, [ids[0], ids[2], ids[4]]);
}

async fn users_are_found_by_how_an_address_begins(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let mut by_email = Vec::new();
    // In the order of their bytes, which is that of no language.
    for name in ["ada-b", "ada.b", "ada1", "ada_x", "adam", "adaé"] {
        by_email.push(seed_user(&app, email(&format!("{name}@example.com"))).await);
    }
    for name in ["ad", "adb", "bada"] {
        seed_user(&app, email(&format!("{name}@example.com"))).await;
    }
    seed_user(&other, email("ada@example.com")).await;
    let prefix = |text: &str| UserFilter::EmailPrefix(text.to_owned());
    assert_eq!(find(&app, prefix("ada"), None, 20).await, by_email);
    assert_eq!(find(&app, prefix("ada"), None, 3).await, by_email[..3]);
    let rest = find(&app, prefix("ada"), Some(by_email[2]), 20).await;
    assert_eq!(rest, by_email[3..]);
    // The place stays where it is when its user is erased.
    let gone = by_email[2];
    app.write(move |app| {
        app.delete_user(gone, at(1), at(1))?;
        app.finish_erasure(gone, at(2))
    })
    .await;
    let filter = prefix("ada");
    let place = UserPlace::Address("ada1@example.com".to_owned());
    let rest = app
        .read(move |app| app.users(&filter, Some(&place), 20))
        .await;
    let rest: Vec<_> = rest.into_iter().map(|user| user.id).collect();
    assert_eq!(rest, by_email[3..]);
    by_email[2] = seed_user(&app, email("ada1@example.com")).await;
    assert_eq!(
        find(&app, prefix("ada1@example.com"), None, 9).await,
        [by_email[2]]
    );
    assert!(
        find(&app, prefix("%"), None, 9).await.is_empty(),
        "no wildcard"
    );

    let mut by_phone = Vec::new();
    for number in ["+14155552671", "+14155552672", "+447911123456"] {
        by_phone.push(seed_user(&app, phone(number)).await);
    }
    let prefix = |text: &str| UserFilter::PhonePrefix(text.to_owned());
    assert_eq!(find(&app, prefix("+1"), None, 9).await, by_phone[..2]);
    let rest = find(&app, prefix("+1"), Some(by_phone[0]), 9).await;
    assert_eq!(rest, [by_phone[1]]);
    assert_eq!(find(&app, prefix("+44"), None, 9).await, [by_phone[2]]);
}
