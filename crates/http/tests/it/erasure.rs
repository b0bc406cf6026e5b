//! What is held about a person is read out whole, and erased whole: no table of the database holds
//! the address afterwards.

use doorward_domain::UserId;
use doorward_testkit::database::TestDatabase;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Front, get, meant, post};

const ADA: &str = "Ada.Lovelace@Example.com";
/// What must be nowhere afterwards: the address in either form, and its masked form; the network
/// address; what a device and a licence were called.
const TRACES: [&str; 6] = [
    "ada.lovelace@example.com",
    "Ada.Lovelace@example.com",
    "a***@example.com",
    "203.0.113.77",
    "Adas laptop",
    "Adas licence",
];

async fn found(db: &TestDatabase) -> Vec<String> {
    let rows = db.dump().await;
    assert!(rows.len() > 20, "there are rows to look at");
    let mut found: Vec<String> = rows
        .iter()
        .flat_map(|(table, row)| {
            // Bytes are in hexadecimal.
            let hex = |trace: &str| -> String {
                trace.bytes().map(|byte| format!("{byte:02x}")).collect()
            };
            TRACES
                .iter()
                .filter(move |trace| row.contains(**trace) || row.contains(&hex(trace)))
                .map(move |trace| format!("{table}: {trace}"))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Everything that a person leaves behind.
async fn live(front: &Front, app: &TestApp) -> UserId {
    let send = |path: &'static str, mut body: Value| {
        body["client_ip"] = json!("203.0.113.77");
        front.send(post(path, body).by(app))
    };
    let mut user = Value::Null;
    for _ in 0..2 {
        let older = front.platform.outbox.list(None, Some(app.id)).len();
        let sent = send("/auth/send-otp", json!({"email": ADA, "purpose": "LOGIN"}))
            .await
            .json();
        let mut code = String::new();
        for _ in 0..500 {
            let all = front.platform.outbox.list(None, Some(app.id));
            if all.len() > older {
                code = all[0].code.clone().unwrap();
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let wrong = if code == "000000" { "111111" } else { "000000" };
        for otp in [wrong, code.as_str()] {
            let verify =
                json!({"otp_request_id": sent["otp_request_id"], "otp": otp, "purpose": "LOGIN"});
            let answer = send("/auth/verify-otp", verify).await;
            if answer.status == 200 {
                user = answer.json()["user_id"].clone();
            }
        }
    }
    // Codes that nobody has used yet, to her and for a new address of hers.
    send(
        "/auth/send-otp",
        json!({"email": ADA, "purpose": "PASSWORD_RESET"}),
    )
    .await;
    let admin = format!("/admin/apps/{}", app.id);
    let tenant = post(
        format!("{admin}/tenants"),
        json!({"name": "Acme", "owner_user_id": user}),
    );
    assert_eq!(front.admin(tenant).await.status, 201);
    let license = json!({"user_id": user, "with_key": true, "label": "Adas licence", "issued_to": ADA, "metadata": {"mail": ADA}});
    let license = front
        .send(post("/license/generate", license).by(app))
        .await
        .json();
    let device = json!({"license_key": license["license_key"], "device_id": "d-1", "device_label": "Adas laptop"});
    let device = front.send(post("/license/activate", device).by(app)).await;
    assert_eq!(device.status, 201, "{}", device.text);
    user.as_str().unwrap().parse().unwrap()
}

on_both_engines! {
    async fn a_person_is_read_out_and_erased(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let user = live(&front, &app).await;
        let (bob, _) = front.platform.sign_in(&app, "bob@example.com").await;
        let path = format!("/admin/apps/{}/users/{user}", app.id);
        let before = found(&db).await;
        for table in ["users", "otp_requests", "sessions", "licenses", "license_activations", "audit_personal"] {
            assert!(before.iter().any(|row| row.starts_with(&format!("{table}: "))), "{table}: {before:?}");
        }
        assert!(!before.iter().any(|row| row.starts_with("audit_events")), "{before:?}");

        // All of it, in small pages, each thing once.
        let (mut kinds, mut ids, mut cursor) = (Vec::new(), Vec::new(), String::new());
        let mut whole = String::new();
        loop {
            let page = front.admin(get(format!("{path}/export?limit=2{cursor}"))).await;
            assert_eq!(page.status, 200, "{}", page.text);
            whole.push_str(&page.text);
            let page = page.json();
            for item in page["items"].as_array().unwrap() {
                kinds.push(item["kind"].as_str().unwrap().to_owned());
                ids.push(item["data"].to_string());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
        assert_eq!((count("user"), count("session"), count("membership")), (1, 2, 1), "{kinds:?}");
        assert_eq!((count("code"), count("message"), count("device")), (3, 3, 1), "{kinds:?}");
        assert!(count("license") >= 1 && count("audit_event") >= 8, "{kinds:?}");
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        // The licence is hers and was sold to her: it is there for either reason.
        assert!(ids.len() - once.len() <= 1, "{ids:?}");
        assert!(whole.contains("203.0.113.77") && whole.contains("Adas laptop"));
        assert!(!whole.contains("hash") && !whole.contains("sealed"), "{whole}");

        let refused = front.admin(post(format!("{path}/erase"), meant(ADA))).await;
        assert_eq!(refused.brief(), (409, "LAST_OWNER".to_owned()));
        let body = json!({"reason": "Art. 17", "confirm": user, "without_owner": true});
        let erased = front.admin(post(format!("{path}/erase"), body.clone())).await;
        assert_eq!((erased.status, &erased.json()["complete"]), (200, &json!(true)), "{}", erased.text);
        assert_eq!(found(&db).await, [""; 0]);
        let again = front.admin(post(format!("{path}/erase"), body)).await;
        assert_eq!(again.status, 200, "twice is no error");

        // The audit still tells what happened, to whom by id, and why.
        let events = front.platform.events(Some(app.id)).await;
        assert!(events.iter().any(|event| event.action == "session.created" && event.target_id == Some(user.to_string())));
        let erasure = events.iter().find(|event| event.action == "user.erased").unwrap();
        assert_eq!(erasure.details.as_ref().unwrap()["reason"], "Art. 17");
        // Nobody else lost anything, and the address makes somebody new.
        let others = front.admin(get(format!("/admin/apps/{}/users/{bob}/export", app.id))).await.json();
        assert!(others["items"].as_array().unwrap().len() >= 5);
        front.platform.advance(3_600);
        let (fresh, _) = front.platform.sign_in(&app, "ada.lovelace@example.com").await;
        assert_ne!(fresh, user);
    }
}
