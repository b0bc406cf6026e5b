//! Lists whose cursor is a place of their own: each thing once, page by page.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Front, ask, get, meant, post};

/// Walks a list in pages of one; gives the things themselves.
async fn walk(front: &Front, path: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    let between = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = front
            .admin(get(format!("{path}{between}limit=1{cursor}")))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 1);
        found.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
        assert!(found.len() < 50, "it ends: {found:?}");
    }
}

async fn whole(front: &Front, path: &str) -> Vec<Value> {
    let page = front.admin(get(path)).await.json();
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

fn named(items: &[Value], name: &str) -> Vec<Value> {
    items.iter().map(|item| item[name].clone()).collect()
}

on_both_engines! {
    async fn each_thing_is_on_one_page(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (ada, _) = front.platform.sign_in(&app, "ada@example.com").await;
        let admin = format!("/admin/apps/{}", app.id);
        for name in ["One", "Two", "Three"] {
            let tenant = json!({"name": name, "owner_user_id": ada});
            assert_eq!(front.admin(post(format!("{admin}/tenants"), tenant)).await.status, 201);
            front.platform.advance(1);
            front.admin(post("/admin/keys/rotate", json!({}))).await;
            front.admin(get(format!("{admin}/license-keys"))).await;
            front.admin(post(format!("{admin}/license-keys/rotate"), meant(app.id))).await;
        }
        for name in ["clerk", "auditor", "zookeeper"] {
            let defined = ask("PUT", format!("{admin}/roles/{name}")).body(json!({"permissions": ["a:b"]}));
            assert_eq!(front.admin(defined).await.status, 200);
        }
        for which in ["otp_login/de/email", "otp_login/en/email", "otp_login/fr/sms", "otp_phone_change/de/sms"] {
            let mut words = json!({"text": "{{ code }}"});
            if which.ends_with("email") {
                words["subject"] = json!("A code");
            }
            let set = front.admin(ask("PUT", format!("{admin}/templates/{which}")).body(words)).await;
            assert_eq!(set.status, 200, "{}", set.text);
        }
        for (path, at_least) in [
            (format!("{admin}/users/{ada}/tenants"), 3),
            ("/admin/keys".to_owned(), 4),
            (format!("{admin}/license-keys"), 4),
            (format!("{admin}/roles"), 7),
            (format!("{admin}/templates"), 11),
        ] {
            let all = whole(&front, &path).await;
            assert!(all.len() >= at_least, "{path}: {all:?}");
            assert_eq!(walk(&front, &path).await, all, "{path}");
            for wrong in ["X", "1", "1.", "1.a/b", "-1.a"] {
                let refused = front.admin(get(format!("{path}?cursor={wrong}&limit=0"))).await;
                assert_eq!(refused.fields(), ["limit", "cursor"], "{path} {wrong}");
            }
        }
        let roles = named(&whole(&front, &format!("{admin}/roles")).await, "role");
        assert_eq!(roles, ["owner", "admin", "staff", "viewer", "auditor", "clerk", "zookeeper"]);
        // What stood at the cursor may be gone.
        let next = format!("{admin}/roles?limit=1&cursor=clerk");
        assert_eq!(front.admin(ask("DELETE", format!("{admin}/roles/clerk?reason=tidying&confirm=clerk"))).await.status, 200);
        let rest = front.admin(get(next)).await.json();
        assert_eq!((&rest["items"][0]["role"], &rest["next_cursor"]), (&json!("zookeeper"), &Value::Null));
        let templates = whole(&front, &format!("{admin}/templates?limit=100")).await;
        let place = |it: &Value| format!("{} {} {} {}", it["name"], it["channel"], it["language"], it["own"]);
        let first: Vec<_> = templates.iter().take(4).map(|it| place(it).replace('"', "")).collect();
        assert_eq!(first, [
            "otp_login email de true", "otp_login email en true",
            "otp_login sms en false", "otp_login sms fr true",
        ]);
        // A place in another list.
        let elsewhere = front.admin(get(format!("{admin}/users/{ada}/tenants?cursor=1.abc"))).await;
        assert_eq!(elsewhere.fields(), ["cursor"]);
    }

    async fn usage_of_many_countries_comes_in_pages(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        for phone in ["+919876543210", "+4915112345678", "+12025550123"] {
            let code = json!({"phone": phone, "purpose": "LOGIN"});
            let sent = front.send(post("/auth/send-otp", code).by(&app)).await;
            assert_eq!(sent.status, 200, "{}", sent.text);
        }
        let usage = format!("/admin/apps/{}/delivery/usage", app.id);
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..3 {
            let page = front.admin(get(format!("{usage}?limit=1{cursor}"))).await.json();
            assert_eq!(page["total"]["month_sent"], 3);
            found.extend(named(page["prefixes"].as_array().unwrap(), "prefix"));
            cursor = match page["prefixes_next_cursor"].as_str() {
                Some(next) => format!("&cursor={next}"),
                None => break,
            };
        }
        assert_eq!(found, ["+1", "+49", "+91"]);
        let whole = front.admin(get(&usage)).await.json();
        assert_eq!(named(whole["prefixes"].as_array().unwrap(), "prefix"), found);
        assert_eq!(whole["prefixes_next_cursor"], Value::Null);
        for wrong in ["x", "0", "12345678", "+1"] {
            let refused = front.admin(get(format!("{usage}?cursor={wrong}"))).await;
            assert_eq!(refused.fields(), ["cursor"], "{wrong}");
        }
    }

    async fn licences_by_label_come_in_pages_on_both_faces(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let licenses = format!("/admin/apps/{}/licenses", app.id);
        for label in ["order 2", "order 10", "\u{d6}rder", "order 1"] {
            let made = front.admin(post(&licenses, json!({"label": label}))).await;
            assert_eq!(made.status, 201, "{}", made.text);
            front.platform.advance(1);
        }
        let search = format!("{licenses}?label_prefix=order%20");
        let all = ["order 1", "order 10", "order 2"];
        assert_eq!(named(&walk(&front, &search).await, "label"), all);
        assert_eq!(named(&whole(&front, &search).await, "label"), all);
        let suspended = whole(&front, &format!("{search}&state=suspended")).await;
        assert!(suspended.is_empty());
        let first = front.admin(get(format!("{search}&limit=1"))).await.json();
        let (id, next) = (&first["items"][0]["license_id"], &first["next_cursor"]);
        let by_app = json!({"label_prefix": "order ", "limit": 1, "cursor": next});
        let second = front.send(post("/license/list", by_app).by(&app)).await.json();
        assert_eq!(second["items"][0]["label"], "order 10");
        let (id, next) = (id.as_str().unwrap(), next.as_str().unwrap());
        for wrong in ["x", ".", id, &format!("zz.{id}")] {
            let refused = front.admin(get(format!("{search}&cursor={wrong}"))).await;
            assert_eq!(refused.fields(), ["cursor"], "{wrong}");
            let by_app = json!({"label_prefix": "order ", "cursor": wrong});
            let refused = front.send(post("/license/list", by_app).by(&app)).await;
            assert_eq!(refused.fields(), ["cursor"], "{wrong}");
        }
        let refused = front.admin(get(format!("{licenses}?cursor={next}"))).await;
        assert_eq!(refused.fields(), ["cursor"], "a place of another search");
        let newest = named(&walk(&front, &licenses).await, "label");
        assert_eq!(newest, ["order 1", "\u{d6}rder", "order 10", "order 2"]);
    }

    async fn a_search_goes_on_where_it_was_when_somebody_is_erased(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let users = format!("/admin/apps/{}/users", app.id);
        for name in ["ada", "adb", "adc"] {
            let made = front.admin(post(&users, json!({"email": format!("{name}@example.com")}))).await;
            assert_eq!(made.status, 201);
        }
        let search = format!("{users}?email_prefix=ad");
        let all = [json!("ada@example.com"), json!("adb@example.com"), json!("adc@example.com")];
        assert_eq!(named(&walk(&front, &search).await, "email"), all);
        let first = front.admin(get(format!("{search}&limit=1"))).await.json();
        let id = first["items"][0]["user_id"].as_str().unwrap();
        let erased = front.admin(post(format!("{users}/{id}/erase"), meant(id))).await;
        assert_eq!(erased.status, 200, "{}", erased.text);
        let next = first["next_cursor"].as_str().unwrap();
        let rest = front.admin(get(format!("{search}&cursor={next}"))).await.json();
        let rest: Vec<_> = rest["items"].as_array().unwrap().iter().map(|user| user["email"].clone()).collect();
        assert_eq!(rest, all[1..]);
        for wrong in ["x", "zz", "0a", "ff", id] {
            let refused = front.admin(get(format!("{search}&cursor={wrong}"))).await;
            assert_eq!(refused.fields(), ["cursor"], "{wrong}");
        }
        let refused = front.admin(get(format!("{users}?cursor={next}"))).await;
        assert_eq!(refused.fields(), ["cursor"], "a place of another search");
    }
}
