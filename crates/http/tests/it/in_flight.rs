//! What is on its way while an operator does something about a person: codes that were sent before,
//! and calls that overtake one another.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::UserId;
use doorward_store::{Engine, StoreError};
use doorward_testkit::on_both_engines;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::front::{ask, meant};
use crate::people::House;

const ADA: &str = "ada@example.com";

fn code_for(purpose: &str, email: &str) -> Value {
    json!({"email": email, "purpose": purpose})
}

on_both_engines! {
    async fn no_code_outlives_an_end_of_all_access(db: TestDatabase) {
        let house = House::new(&db).await;
        let user = house.sign_in(ADA).await.json()["user_id"].as_str().unwrap().to_owned();
        let incident = json!({"user_id": user, "reason": "two countries", "confirm": ADA});
        let path = format!("/users/{user}");
        for (end, body, undo) in [
            ("/incidents/suspicious-sign-in".to_owned(), incident, None),
            (format!("{path}/deactivate"), json!({}), Some("reactivate")),
            (format!("{path}/delete"), meant(ADA), Some("restore")),
        ] {
            house.front.platform.advance(3_600);
            let codes = [
                house.ask_code(ADA, code_for("LOGIN", ADA)).await,
                house.ask_code(ADA, code_for("PASSWORD_RESET", ADA)).await,
            ];
            let ended = house.post(&end, body).await;
            assert_eq!(ended.status, 200, "{end}: {}", ended.text);
            if let Some(undo) = undo {
                let back = house.post(&format!("{path}/{undo}"), json!({})).await;
                assert_eq!(back.status, 200, "{undo}: {}", back.text);
            }
            for code in codes {
                let late = house.show_code(code).await;
                assert_eq!(late.brief(), (400, "OTP_EXPIRED".to_owned()), "{end}");
            }
        }
        house.front.platform.advance(3_600);
        assert_eq!(house.sign_in(ADA).await.json()["user_id"], *user, "who proves it anew comes in");
    }

    async fn a_code_for_a_new_address_does_not_undo_an_operators_change(db: TestDatabase) {
        let house = House::new(&db).await;
        let user = house.sign_in(ADA).await.json()["user_id"].clone();
        let path = format!("/admin/apps/{}/users/{}", house.app.id, user.as_str().unwrap());
        let eve = "eve@example.com";
        let send = json!({"email": eve, "purpose": "EMAIL_VERIFY", "user_id": user});
        let code = house.ask_code(eve, send).await;
        let change = ask("PATCH", path).body(json!({"email": "ada@new.example"}));
        assert_eq!(house.front.admin(change).await.status, 200);
        assert_eq!(house.show_code(code).await.brief(), (400, "OTP_EXPIRED".to_owned()));
        let shown = house.get(&format!("/users/{}", user.as_str().unwrap())).await;
        assert_eq!(shown.json()["email"], "ada@new.example");
    }

    /// Somebody restores a deleted user in the moment in which somebody else has it erased.
    async fn whoever_is_restored_is_not_said_to_be_erased(db: TestDatabase) {
        let house = House::new(&db).await;
        let user = house.sign_in(ADA).await.json()["user_id"].as_str().unwrap().to_owned();
        let path = format!("/users/{user}");
        assert_eq!(house.post(&format!("{path}/delete"), meant(ADA)).await.status, 200);
        let (app, id): (_, UserId) = (house.app.id, user.parse().unwrap());
        let (now, restored) = (house.front.platform.core.clock.now(), Arc::new(Notify::new()));
        let (store, tell) = (db.store(), Arc::clone(&restored));
        let restoring = tokio::spawn(async move {
            store
                .write(move |tx| {
                    let done = tx.app(app).restore_user(id, now)?;
                    tell.notify_one();
                    std::thread::sleep(Duration::from_millis(300));
                    Ok::<_, StoreError>(done)
                })
                .await
        });
        restored.notified().await;
        let erased = house.post(&format!("{path}/erase"), meant(ADA)).await;
        assert!(restoring.await.unwrap().unwrap());
        let status = house.get(&path).await.json()["status"].clone();
        match db.engine() {
            // One writer at a time: it is restored, and then erased.
            Engine::Sqlite => assert_eq!((erased.status, status), (200, json!("deleted"))),
            Engine::Postgres => {
                assert_eq!(erased.brief(), (409, "CONFLICT".to_owned()));
                assert_eq!(status, "active");
                let events = house.front.platform.events(Some(app)).await;
                assert!(events.iter().all(|event| event.action != "user.erased"));
            }
        }
    }

    /// Whoever begins an export in its middle leaves the same trace.
    async fn no_cursor_reads_a_person_out_unnoticed(db: TestDatabase) {
        let house = House::new(&db).await;
        let user = house.sign_in(ADA).await.json()["user_id"].as_str().unwrap().to_owned();
        for (read, cursor) in ["", "?cursor=0", "?cursor=6"].into_iter().enumerate() {
            let page = house.get(&format!("/users/{user}/export{cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let events = house.front.platform.events(Some(house.app.id)).await;
            let traces = events.iter().filter(|event| event.action == "user.exported").count();
            assert_eq!(traces, read + 1, "{cursor}");
        }
    }
}
