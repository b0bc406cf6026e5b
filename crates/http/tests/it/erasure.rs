//! What is held about a person is read out whole, and erased whole: no table of the database holds
//! the address afterwards.

use doorward_domain::UserId;
use doorward_store::Engine;
use doorward_testkit::database::TestDatabase;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Front, get, meant, post};

const ADA: &str = "Ada.Lovelace@Example.com";
/// What must be nowhere afterwards: the address in either form, and its masked form; the network
/// address; what a device and a licence were called.
const TRACES: [&str; 9] = [
    "ada.lovelace@example.com",
    "Ada.Lovelace@example.com",
    "a***@example.com",
    "203.0.113.77",
    "Adas laptop",
    "Adas licence",
    "Adas agent",
    // A number that she wanted to have.
    "+919876543210",
    "+91***10",
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
pub(crate) async fn live(front: &Front, app: &TestApp) -> (UserId, Value) {
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
    // A reset of a password.
    let reset = json!({"email": ADA, "purpose": "PASSWORD_RESET"});
    let sent = send("/auth/send-otp", reset).await.json();
    let code = loop {
        let all = front.platform.outbox.list(None, Some(app.id));
        if all.len() == 3 {
            break all[0].code.clone().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let reset =
        json!({"otp_request_id": sent["otp_request_id"], "otp": code, "purpose": "PASSWORD_RESET"});
    assert_eq!(send("/auth/verify-otp", reset).await.status, 200);
    front.platform.advance(600);
    // Codes that nobody has used yet, to her and for a new address of hers.
    send(
        "/auth/send-otp",
        json!({"email": ADA, "purpose": "PASSWORD_RESET"}),
    )
    .await;
    let number = json!({"phone": "+919876543210", "purpose": "PHONE_CHANGE", "user_id": user});
    assert_eq!(send("/auth/send-otp", number).await.status, 200);
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
    let key = &license["license_key"];
    let device = json!({"license_key": key, "device_id": "d-1", "device_label": "Adas laptop"});
    let device = send("/license/activate", device).await;
    assert_eq!(device.status, 201, "{}", device.text);
    // One without a slot for it, told by its own User-Agent.
    let other = json!({"license_key": key});
    let other = post("/license/activate", other).by(app);
    let other = front.send(other.header("User-Agent", "Adas agent/1")).await;
    assert_eq!(other.code(), "LICENSE_MAX_ACTIVATIONS");
    for device in ["d-1", "d-2"] {
        let body = json!({"license_key": key, "device_id": device});
        send("/license/verify", body).await;
        // Once an hour it is noted that the device was seen.
        front.platform.advance(3_601);
    }
    let verify = json!({"license_key": key, "device_id": "d-1"});
    assert_eq!(send("/license/verify", verify).await.status, 200);
    let file = json!({"license_key": key, "device_id": "d-1"});
    assert_eq!(send("/license/checkout", file).await.status, 200);
    send("/license/status", json!({"license_key": key})).await;
    // Sold to her address, of no user, and used.
    let sold = json!({"issued_to": ADA});
    let sold = front.send(post("/license/generate", sold).by(app)).await;
    let sold = json!({"license_key": sold.json()["license_key"], "device_id": "d-3"});
    assert_eq!(send("/license/activate", sold).await.status, 201);
    front.platform.core.flush_refusals().await.unwrap();
    let user = user.as_str().unwrap().parse().unwrap();
    (user, license["license_key"].clone())
}

/// All that is held, in small pages.
pub(crate) async fn read_out(front: &Front, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = front
            .admin(get(format!("{path}/export?limit=2{cursor}")))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

on_both_engines! {
    async fn a_person_is_read_out_and_erased(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (user, key) = live(&front, &app).await;
        let (bob, _) = front.platform.sign_in(&app, "bob@example.com").await;
        let path = format!("/admin/apps/{}/users/{user}", app.id);
        let before = found(&db).await;
        for table in ["users", "otp_requests", "sessions", "licenses", "license_activations", "audit_personal"] {
            assert!(before.iter().any(|row| row.starts_with(&format!("{table}: "))), "{table}: {before:?}");
        }
        assert!(!before.iter().any(|row| row.starts_with("audit_events")), "{before:?}");

        let items = read_out(&front, &path).await;
        let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
        let ids: Vec<_> = items.iter().map(|item| item["data"].to_string()).collect();
        let whole = json!(items).to_string();
        let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
        assert_eq!((count("user"), count("session"), count("membership")), (1, 2, 1), "{kinds:?}");
        assert_eq!((count("code"), count("message"), count("device")), (5, 5, 1), "{kinds:?}");
        assert!(count("license") == 2 && count("audit_event") >= 8, "{kinds:?}");
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        assert_eq!(ids.len(), once.len(), "each thing once: {ids:?}");
        assert!(whole.contains("license.generated") && whole.contains("+919876543210"), "{whole}");
        assert!(whole.contains("203.0.113.77") && whole.contains("Adas laptop"));
        assert!(!whole.contains("hash") && !whole.contains("sealed"), "{whole}");

        let refused = front.admin(post(format!("{path}/erase"), meant(ADA))).await;
        assert_eq!(refused.brief(), (409, "LAST_OWNER".to_owned()));
        let body = json!({"reason": "Art. 17", "confirm": user, "without_owner": true});
        let erased = front.admin(post(format!("{path}/erase"), body.clone())).await;
        assert_eq!((erased.status, &erased.json()["complete"]), (200, &json!(true)), "{}", erased.text);
        let events = front.platform.events(Some(app.id)).await;
        let left: Vec<_> = events.iter().filter(|event| event.ip.as_deref() == Some("203.0.113.77")).collect();
        assert_eq!(found(&db).await, [""; 0], "{left:?}");
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
        // What a device of hers asks from now on is noted of nobody, and for 90 days.
        let late = json!({"license_key": key, "device_id": "d-1", "client_ip": "203.0.113.77"});
        let late = front.send(post("/license/verify", late).by(&app)).await;
        assert_eq!(late.code(), "LICENSE_REVOKED");
        front.platform.core.flush_refusals().await.unwrap();
        assert_eq!(found(&db).await, ["audit_personal: 203.0.113.77"]);
        front.platform.advance(91 * 86_400);
        doorward_service::maintenance::run(&front.platform.core, true).await.unwrap();
        assert_eq!(found(&db).await, [""; 0]);
        let (fresh, _) = front.platform.sign_in(&app, "ada.lovelace@example.com").await;
        assert_ne!(fresh, user);
    }
}

/// How many of the people are to be found in a file, by what their addresses begin with.
fn people_in(path: &str) -> usize {
    let Ok(bytes) = std::fs::read(path) else {
        return 0;
    };
    let mark = b"zzerase";
    let found = bytes
        .windows(mark.len() + 3)
        .filter(|w| w.starts_with(mark));
    let numbers: std::collections::BTreeSet<_> = found.map(|w| w[mark.len()..].to_vec()).collect();
    numbers.len()
}

/// Deleted rows are not only out of the tables: they are out of the files.
#[test]
fn erased_people_are_in_no_file_of_the_embedded_database() {
    doorward_testkit::database::run(Engine::Sqlite, |db| async move {
        const PEOPLE: usize = 300;
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let mut users = Vec::new();
        for number in 0..PEOPLE {
            let address = format!("zzerase{number:03}@example.com");
            users.push(front.platform.sign_in(&app, &address).await.0);
            front.platform.advance(10);
        }
        let file = db.url().trim_start_matches("sqlite:").to_owned();
        let log = format!("{file}-wal");
        assert!(people_in(&file).max(people_in(&log)) > PEOPLE / 2);
        for user in users {
            let path = format!("/admin/apps/{}/users/{user}/erase", app.id);
            let erased = front.admin(post(path, meant(user))).await;
            assert_eq!(erased.status, 200, "{}", erased.text);
        }
        let run = front.admin(post("/admin/maintenance", json!({}))).await;
        assert_eq!(run.status, 200, "{}", run.text);
        // A row that SQLite moved from a full page to the next may have left a copy behind in the
        // unused part of the first (ADR 0011): of one in a hundred, and no copy of the database has it.
        assert_eq!(people_in(&log), 0);
        assert!(people_in(&file) <= PEOPLE / 100, "{}", people_in(&file));
        let copy = std::path::PathBuf::from(format!("{file}.copy"));
        db.backup(&copy);
        assert_eq!(people_in(copy.to_str().unwrap()), 0);
        front.platform.core.store.close().await;
        assert_eq!(people_in(&log), 0);
        assert!(people_in(&file) <= PEOPLE / 100, "{}", people_in(&file));
    });
}
