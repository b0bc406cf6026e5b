//! Lists whose cursor is a place of their own: each thing once, page by page.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Front, get, meant, post};

/// Walks a list in pages of one; gives what `name` each thing has.
async fn walk(front: &Front, path: &str, name: &str) -> Vec<Value> {
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
        found.extend(items.iter().map(|item| item[name].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
        assert!(found.len() < 50, "it ends: {found:?}");
    }
}

async fn whole(front: &Front, path: &str, name: &str) -> Vec<Value> {
    let page = front.admin(get(path)).await.json();
    assert_eq!(page["next_cursor"], Value::Null);
    let items = page["items"].as_array().unwrap();
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
            front.admin(post(format!("{admin}/license-keys/rotate"), json!({}))).await;
        }
        for (path, name, at_least) in [
            (format!("{admin}/users/{ada}/tenants"), "tenant_id", 3),
            ("/admin/keys".to_owned(), "kid", 4),
            (format!("{admin}/license-keys"), "kid", 4),
        ] {
            let all = whole(&front, &path, name).await;
            assert!(all.len() >= at_least, "{path}: {all:?}");
            assert_eq!(walk(&front, &path, name).await, all, "{path}");
            for wrong in ["x", "1", "1.", "1.a/b", "-1.a"] {
                let refused = front.admin(get(format!("{path}?cursor={wrong}&limit=0"))).await;
                assert_eq!(refused.fields(), ["limit", "cursor"], "{path} {wrong}");
            }
        }
        // A place in another list.
        let elsewhere = front.admin(get(format!("{admin}/users/{ada}/tenants?cursor=1.abc"))).await;
        assert_eq!(elsewhere.fields(), ["cursor"]);
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
        assert_eq!(walk(&front, &search, "email").await, all);
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
