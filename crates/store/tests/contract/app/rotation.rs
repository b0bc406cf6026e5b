//! The one statement that exchanges a refresh token for its successor.

use doorward_domain::app::AppStatus;
use doorward_domain::role::RoleName;
use doorward_domain::session::{EndReason, Presented, Session};
use doorward_domain::user::UserStatus;
use doorward_domain::{SessionId, TenantId};
use doorward_store::app::{Rotated, Rotation, UserClaims};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Platform, Raw, Scope, at, email, first_token, fresh, hash, micros, new_session, new_user,
    rotation, seed_app, seed_organization, seed_session, seed_user,
};

contract! {
    the_current_token_is_exchanged_once: AppWrite::rotate_session;
    any_other_token_changes_nothing: AppWrite::rotate_session;
    a_session_dies_at_its_ends_to_the_microsecond: AppWrite::rotate_session;
    an_ended_or_stale_session_is_not_rotated: AppWrite::rotate_session;
    a_tenant_is_taken_up_only_by_its_member: AppWrite::rotate_session;
    an_exchange_says_what_a_sign_in_would: AppWrite::rotate_session, AppRead::claims_of_user;
}

async fn rotate(app: &Scope, rotation: Rotation) -> Option<Rotated> {
    app.write(move |app| app.rotate_session(&rotation)).await
}

async fn session(app: &Scope, id: SessionId) -> Session {
    let found = app.read(move |app| app.session(id)).await;
    found.expect("it is there").session
}

fn next(presented: Presented) -> Presented {
    let generation = presented.generation + 1;
    Presented {
        generation,
        nonce_hash: hash(u8::try_from(generation).expect("few generations")),
        ..presented
    }
}

async fn the_current_token_is_exchanged_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let mut new = new_session(user);
    new.tenant_id = Some(TenantId::from_uuid(fresh()));
    let (id, tenant_id) = (new.id, new.tenant_id);
    app.write(move |app| app.insert_session(&new)).await;
    let first = first_token(id);
    let before = session(&app, id).await;

    let expected = Rotated {
        user_id: user,
        tenant_id,
        auth_time: at(0),
        amr: "otp".to_owned(),
        claims: UserClaims::default(),
    };
    assert_eq!(
        rotate(&app, rotation(first, at(10))).await,
        Some(expected.clone())
    );
    let after = Session {
        generation: 2,
        nonce_hash: hash(2),
        last_used_at: at(10),
        expires_at: at(110),
        ..before
    };
    assert_eq!(session(&app, id).await, after);
    assert_eq!(
        rotate(&app, rotation(first, at(10))).await,
        None,
        "single use"
    );
    assert_eq!(
        rotate(&app, rotation(next(first), at(20))).await,
        Some(expected)
    );

    // The idle end never passes the absolute one.
    let mut last = rotation(next(next(first)), at(30));
    last.expires_at = micros(1000, 1);
    assert!(rotate(&app, last).await.is_some());
    assert_eq!(session(&app, id).await.expires_at, at(1000));
}

async fn any_other_token_changes_nothing(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let first = seed_session(&app, user).await;
    assert!(rotate(&app, rotation(first, at(10))).await.is_some());
    let current = next(first);
    let before = raw.table("sessions").await;
    let wrong = [
        first,
        next(current),
        Presented {
            generation: 1,
            ..current
        },
        Presented {
            nonce_hash: hash(1),
            ..current
        },
        Presented {
            generation: i64::MAX,
            ..current
        },
        Presented {
            session_id: SessionId::from_uuid(fresh()),
            ..current
        },
    ];
    for presented in wrong {
        let rotation = Rotation {
            presented,
            ..rotation(current, at(20))
        };
        assert_eq!(rotate(&app, rotation).await, None, "{presented:?}");
    }
    assert_eq!(raw.table("sessions").await, before);
}

async fn a_session_dies_at_its_ends_to_the_microsecond(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    for (idle, absolute) in [(at(50), at(1000)), (at(100), at(50))] {
        let mut new = new_session(user);
        (new.expires_at, new.absolute_expires_at) = (idle, absolute);
        let presented = first_token(new.id);
        app.write(move |app| app.insert_session(&new)).await;
        for now in [at(50), micros(50, 1), at(5000)] {
            assert_eq!(rotate(&app, rotation(presented, now)).await, None, "{now}");
        }
        assert!(
            rotate(&app, rotation(presented, micros(50, -1)))
                .await
                .is_some()
        );
    }
}

async fn an_ended_or_stale_session_is_not_rotated(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let platform = Platform(db.store());
    let user = seed_user(&app, email("ada@example.com")).await;
    let ended = seed_session(&app, user).await;
    app.write(move |app| app.end_session(ended.session_id, EndReason::Logout, at(5)))
        .await;
    assert_eq!(rotate(&app, rotation(ended, at(10))).await, None, "ended");

    let live = seed_session(&app, user).await;
    let before = raw.table("sessions").await;
    let good = rotation(live, at(10));
    // Another app, active and at version 3, must not do for this one, nor its user for this one's.
    let other_app = seed_app(&db).await;
    let mut twin = new_user(email("twin@example.com"));
    twin.id = user;
    assert!(other_app.write(move |app| app.insert_user(&twin)).await);
    let other = other_app.id;
    for status in [AppStatus::Deactivated, AppStatus::Active] {
        platform
            .write(move |p| p.set_app_status(other, status, at(6)))
            .await;
    }
    let other_epoch = Rotation {
        epoch: 2,
        ..good.clone()
    };
    assert_eq!(rotate(&app, other_epoch).await, None, "of another epoch");
    for app_version in [0, 2, 3] {
        let other = Rotation {
            app_version,
            ..good.clone()
        };
        assert_eq!(
            rotate(&app, other).await,
            None,
            "the app is at another version"
        );
    }
    for status in [UserStatus::Deactivated, UserStatus::Deleted] {
        app.write(move |app| app.set_user_status(user, status, at(6)))
            .await;
        assert_eq!(rotate(&app, good.clone()).await, None, "{status:?}");
    }
    app.write(move |app| app.restore_user(user, at(7))).await;
    let id = app.id;
    platform
        .write(move |p| p.set_app_status(id, AppStatus::Deactivated, at(8)))
        .await;
    let switched_off = Rotation {
        app_version: 2,
        ..good.clone()
    };
    assert_eq!(
        rotate(&app, switched_off).await,
        None,
        "the app is switched off"
    );
    assert_eq!(raw.table("sessions").await, before);
    platform
        .write(move |p| p.set_app_status(id, AppStatus::Active, at(9)))
        .await;
    let again = Rotation {
        app_version: 3,
        ..good
    };
    assert!(rotate(&app, again).await.is_some(), "it was fit all along");
}

async fn a_tenant_is_taken_up_only_by_its_member(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let (first, second, archived, bobs) = (
        seed_organization(&app).await,
        seed_organization(&app).await,
        seed_organization(&app).await,
        seed_organization(&app).await,
    );
    app.write(move |app| {
        for (tenant, user) in [(first, ada), (second, ada), (archived, ada), (bobs, bob)] {
            app.assign_role(tenant, user, &RoleName::owner(), at(1))?;
        }
        app.set_organization_archived(archived, true, at(2))
    })
    .await;
    let mut token = seed_session(&app, ada).await;
    for tenant in [archived, bobs, TenantId::from_uuid(fresh())] {
        let mut refused = rotation(token, at(10));
        refused.tenant_id = Some(tenant);
        assert_eq!(rotate(&app, refused).await, None, "{tenant}");
    }
    for (asked, kept) in [
        (None, None),
        (Some(first), Some(first)),
        (None, Some(first)),
        (Some(second), Some(second)),
    ] {
        let mut good = rotation(token, at(10));
        good.tenant_id = asked;
        let rotated = rotate(&app, good).await.expect("it was not used up");
        assert_eq!(rotated.tenant_id, kept);
        token = next(token);
    }
}

async fn an_exchange_says_what_a_sign_in_would(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let (first, second) = (seed_organization(&app).await, seed_organization(&app).await);
    let mut token = seed_session(&app, ada).await;
    let role = |name: &str| RoleName::parse(name).expect("a role's name");
    for step in 0..7 {
        match step {
            1 => {
                raw.insert_license(app.id, ada, "active", None, r#"{"a":true,"n":5}"#)
                    .await
            }
            2 => {
                raw.insert_license(app.id, ada, "active", Some(at(13)), r#"{"n":9}"#)
                    .await
            }
            3 => {
                raw.insert_license(app.id, bob, "active", None, r#"{"b":true}"#)
                    .await;
                raw.insert_license(app.id, ada, "suspended", None, r#"{"s":true}"#)
                    .await;
                app.write(move |app| {
                    app.assign_role(second, ada, &role("viewer"), at(5))?;
                    app.assign_role(second, ada, &role("admin"), at(6))?;
                    app.assign_role(first, bob, &role("owner"), at(1))
                })
                .await;
            }
            4 => {
                app.write(move |app| app.assign_role(first, ada, &role("staff"), at(4)))
                    .await;
            }
            5 => {
                let id = token.session_id;
                app.write(move |app| app.set_session_tenant(id, Some(second)))
                    .await;
            }
            6 => {
                app.write(move |app| app.set_organization_archived(second, true, at(9)))
                    .await;
            }
            _ => {}
        }
        let now = at(10 + step);
        let rotated = rotate(&app, rotation(token, now))
            .await
            .expect("it is current");
        let kept = rotated.tenant_id;
        let asked = app
            .read(move |app| app.claims_of_user(ada, kept, now))
            .await;
        assert_eq!(rotated.claims, asked, "{step}");
        let expected = match step {
            0..=2 => None,
            3 => Some((second, 2)),
            4 => Some((first, 1)),
            5 => Some((second, 2)),
            _ => Some((first, 1)),
        };
        let found = asked
            .belonging
            .map(|found| (found.tenant_id, found.roles.len()));
        assert_eq!(found, expected, "{step}");
        token = next(token);
    }
}
