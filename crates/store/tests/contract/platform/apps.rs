//! Apps.

use doorward_domain::AppId;
use doorward_domain::app::{App, AppSettings, AppStatus, PreviousSecret, Slug};
use doorward_domain::limit::LimitRule;
use doorward_store::platform::{AppChange, Candidate};
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, Raw, at, fresh, hash, micros, new_app, platform, seed_app};

contract! {
    an_app_is_read_as_it_was_written:
        PlatformRead::app, PlatformRead::app_by_slug, PlatformWrite::insert_app;
    an_unknown_app_is_looked_up_like_a_known_one: PlatformRead::app_or_stand_in;
    a_slug_is_given_once: PlatformWrite::insert_app;
    apps_are_listed_in_pages: PlatformRead::apps;
    a_change_is_made_against_a_version: PlatformWrite::update_app;
    a_touched_app_has_a_new_version: PlatformWrite::touch_app;
    an_app_is_switched_off_and_on: PlatformWrite::set_app_status;
    every_session_of_an_app_ends_at_once: PlatformWrite::end_app_sessions;
    a_secret_is_replaced_at_once_or_with_an_overlap: PlatformWrite::rotate_secret;
    every_session_of_every_app_ends: PlatformWrite::end_every_session;
    changes_move_the_state_version: PlatformRead::state_version, PlatformWrite::bump_state;
}

async fn read(platform: &Platform, id: AppId) -> App {
    platform
        .read(move |p| p.app(id))
        .await
        .expect("it is there")
}

/// All fields, for comparison.
fn fields(app: &App) -> String {
    format!("{app:?}")
}

async fn an_app_is_read_as_it_was_written(db: TestDatabase) {
    let platform = platform(&db);
    let mut app = new_app("bücher".replace('ü', "ue").as_str());
    app.name = "🦀 Büchér ".repeat(1_000);
    app.settings.language = "pt-BR".to_owned();
    app.settings.sign_up = false;
    app.settings.limits.otp_per_contact = LimitRule {
        max: 7,
        seconds: 60,
    };
    let insert = app.clone();
    assert!(platform.write(move |p| p.insert_app(&insert)).await);
    assert_eq!(fields(&read(&platform, app.id).await), fields(&app));
    let slug = app.slug.clone();
    let found = platform
        .read(move |p| p.app_by_slug(&slug))
        .await
        .expect("it is there");
    assert_eq!(fields(&found), fields(&app));

    let unknown = AppId::from_uuid(fresh());
    assert!(platform.read(move |p| p.app(unknown)).await.is_none());
    let slug = Slug::parse("nobody").expect("a slug");
    assert!(platform.read(move |p| p.app_by_slug(&slug)).await.is_none());
}

async fn an_unknown_app_is_looked_up_like_a_known_one(db: TestDatabase) {
    let platform = platform(&db);
    let unknown = AppId::from_uuid(fresh());
    let nobody = platform.read(move |p| p.app_or_stand_in(unknown)).await;
    assert!(nobody.is_none(), "nobody stands in where there is no app");
    let (first, second) = (seed_app(&db).await.id, seed_app(&db).await.id);
    for id in [first, second] {
        match platform.read(move |p| p.app_or_stand_in(id)).await {
            Some(Candidate::Known(app)) => {
                assert_eq!(fields(&app), fields(&read(&platform, id).await));
            }
            other => panic!("a known app is itself, not {other:?}"),
        }
    }
    match platform.read(move |p| p.app_or_stand_in(unknown)).await {
        Some(Candidate::StandIn(app)) => assert!(app.id == first || app.id == second),
        other => panic!("an unknown app is nobody, not {other:?}"),
    }
}

async fn a_slug_is_given_once(db: TestDatabase) {
    let platform = platform(&db);
    let (first, second) = (new_app("shop"), new_app("shop"));
    assert!(platform.write(move |p| p.insert_app(&first)).await);
    let before = Raw::open(&db).await.table("apps").await;
    assert!(!platform.write(move |p| p.insert_app(&second)).await);
    assert_eq!(Raw::open(&db).await.table("apps").await, before);
}

async fn apps_are_listed_in_pages(db: TestDatabase) {
    let platform = platform(&db);
    assert!(platform.read(|p| p.apps(None, 10)).await.is_empty());
    let apps = ["one", "two", "three"].map(new_app);
    let ids = apps.clone().map(|app| app.id);
    for app in apps.into_iter().rev() {
        assert!(platform.write(move |p| p.insert_app(&app)).await);
    }
    let page = async |after: Option<AppId>, limit: u32| {
        let apps = platform.read(move |p| p.apps(after, limit)).await;
        apps.iter().map(|app| app.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..]);
    assert!(page(Some(ids[2]), 2).await.is_empty());
    assert!(page(None, 0).await.is_empty());
}

async fn a_change_is_made_against_a_version(db: TestDatabase) {
    let platform = platform(&db);
    let (id, other) = (seed_app(&db).await.id, seed_app(&db).await.id);
    let untouched = fields(&read(&platform, other).await);
    let before = read(&platform, id).await;
    let settings = AppSettings {
        otp_seconds: 120,
        ..AppSettings::default()
    };
    let change = AppChange {
        id,
        expected_version: 1,
        name: "Ünïcode".to_owned(),
        settings: settings.clone(),
        now: at(5),
    };
    let update = async |change: AppChange| platform.write(move |p| p.update_app(&change)).await;
    assert!(update(change.clone()).await);
    let after = App {
        name: "Ünïcode".to_owned(),
        settings,
        version: 2,
        updated_at: at(5),
        ..before
    };
    assert_eq!(fields(&read(&platform, id).await), fields(&after));
    assert_eq!(fields(&read(&platform, other).await), untouched);
    assert!(!update(change.clone()).await, "the version has moved on");
    let unknown = AppId::from_uuid(fresh());
    assert!(
        !update(AppChange {
            id: unknown,
            ..change
        })
        .await
    );
    assert_eq!(fields(&read(&platform, id).await), fields(&after));
}

async fn an_app_is_switched_off_and_on(db: TestDatabase) {
    let platform = platform(&db);
    let (id, other) = (seed_app(&db).await.id, seed_app(&db).await.id);
    let untouched = fields(&read(&platform, other).await);
    let set = async |id: AppId, status: AppStatus, seconds: i64| {
        platform
            .write(move |p| p.set_app_status(id, status, at(seconds)))
            .await
    };
    assert!(!set(id, AppStatus::Active, 1).await, "so already");
    assert!(set(id, AppStatus::Deactivated, 2).await);
    assert!(!set(id, AppStatus::Deactivated, 3).await, "so already");
    let app = read(&platform, id).await;
    assert_eq!((app.status, app.version), (AppStatus::Deactivated, 2));
    assert_eq!(app.updated_at, at(2));
    assert!(set(id, AppStatus::Active, 4).await);
    assert_eq!(read(&platform, id).await.version, 3);
    assert!(!set(AppId::from_uuid(fresh()), AppStatus::Deactivated, 5).await);
    assert_eq!(fields(&read(&platform, other).await), untouched);
}

async fn a_secret_is_replaced_at_once_or_with_an_overlap(db: TestDatabase) {
    let platform = platform(&db);
    let (id, other) = (seed_app(&db).await.id, seed_app(&db).await.id);
    let untouched = fields(&read(&platform, other).await);
    let before = read(&platform, id).await;
    let rotate = async |id: AppId, new: u8, overlap, seconds: i64| {
        platform
            .write(move |p| p.rotate_secret(id, &hash(new), overlap, at(seconds)))
            .await
    };
    assert!(rotate(id, 1, Some(micros(60, 1)), 5).await);
    let overlapped = App {
        secret_hash: hash(1),
        previous_secret: Some(PreviousSecret {
            hash: before.secret_hash,
            until: micros(60, 1),
        }),
        secret_rotated_at: at(5),
        updated_at: at(5),
        version: 2,
        ..before
    };
    assert_eq!(fields(&read(&platform, id).await), fields(&overlapped));
    assert!(rotate(id, 2, Some(at(70)), 6).await);
    let previous = read(&platform, id)
        .await
        .previous_secret
        .expect("an overlap");
    assert_eq!(
        (previous.hash, previous.until),
        (hash(1), at(70)),
        "one step back only"
    );

    assert!(rotate(id, 3, None, 7).await);
    let at_once = App {
        secret_hash: hash(3),
        previous_secret: None,
        secret_rotated_at: at(7),
        updated_at: at(7),
        version: 4,
        ..overlapped
    };
    assert_eq!(fields(&read(&platform, id).await), fields(&at_once));
    for overlap in [None, Some(at(60))] {
        assert!(!rotate(AppId::from_uuid(fresh()), 4, overlap, 8).await);
    }
    assert_eq!(fields(&read(&platform, other).await), untouched);
}

async fn changes_move_the_state_version(db: TestDatabase) {
    let platform = platform(&db);
    let id = seed_app(&db).await.id;
    let mut version = platform.read(|p| p.state_version()).await;
    platform.write(|p| p.bump_state()).await;
    version += 1;
    assert_eq!(platform.read(|p| p.state_version()).await, version);
    let change = AppChange {
        id,
        expected_version: 1,
        name: "x".to_owned(),
        settings: AppSettings::default(),
        now: at(1),
    };
    assert!(platform.write(move |p| p.update_app(&change)).await);
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "update_app"
    );
    version = platform.read(|p| p.state_version()).await;
    assert!(
        platform
            .write(move |p| p.set_app_status(id, AppStatus::Deactivated, at(2)))
            .await
    );
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "set_app_status"
    );
    version = platform.read(|p| p.state_version()).await;
    assert!(
        platform
            .write(move |p| p.rotate_secret(id, &hash(1), None, at(3)))
            .await
    );
    assert!(
        platform.read(|p| p.state_version()).await > version,
        "rotate_secret"
    );
}

async fn a_touched_app_has_a_new_version(db: TestDatabase) {
    let platform = platform(&db);
    let (id, beside) = (seed_app(&db).await.id, seed_app(&db).await.id);
    let before = read(&platform, beside).await;
    let state = platform.read(|p| p.state_version()).await;
    assert!(platform.write(move |p| p.touch_app(id, at(7))).await);
    let app = read(&platform, id).await;
    assert_eq!((app.version, app.updated_at), (2, at(7)));
    assert_eq!(platform.read(|p| p.state_version()).await, state + 1);
    assert_eq!(read(&platform, beside).await.version, before.version);
    let unknown = AppId::from_uuid(fresh());
    assert!(!platform.write(move |p| p.touch_app(unknown, at(8))).await);
    assert_eq!(platform.read(|p| p.state_version()).await, state + 1);
}

async fn every_session_of_every_app_ends(db: TestDatabase) {
    let platform = platform(&db);
    let (one, two) = (seed_app(&db).await.id, seed_app(&db).await.id);
    let before = [read(&platform, one).await, read(&platform, two).await];
    let state = platform.read(|p| p.state_version()).await;
    assert_eq!(platform.write(|p| p.end_every_session(at(9))).await, 2);
    for app in before {
        let after = read(&platform, app.id).await;
        assert_eq!(after.session_epoch, app.session_epoch + 1);
        assert_eq!(
            after.version,
            app.version + 1,
            "no cached copy is taken for current"
        );
    }
    assert!(platform.read(|p| p.state_version()).await > state);
}

async fn every_session_of_an_app_ends_at_once(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let (id, foreign) = (app.id, read(&platform, other.id).await);
    let state = platform.read(|p| p.state_version()).await;
    assert!(platform.write(move |p| p.end_app_sessions(id, at(7))).await);
    let changed = read(&platform, id).await;
    assert_eq!((changed.session_epoch, changed.version), (2, 2));
    assert_eq!(changed.updated_at, at(7));
    assert!(
        platform.read(|p| p.state_version()).await > state,
        "other nodes hear of it"
    );
    assert_eq!(fields(&read(&platform, other.id).await), fields(&foreign));
    let unknown = AppId::from_uuid(fresh());
    assert!(
        !platform
            .write(move |p| p.end_app_sessions(unknown, at(7)))
            .await
    );
}
