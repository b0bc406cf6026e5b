//! An app's own words and providers, through the operator face.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Answer, Ask, Front, ask, get, post};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn put(front: &Front, path: &str, version: Option<&str>, body: Value) -> Answer {
    let mut ask: Ask = ask("PUT", path).body(body);
    if let Some(version) = version {
        ask = ask.header("if-match", version);
    }
    front.admin(ask).await
}

on_both_engines! {
    async fn words_are_set_shown_and_reset(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/admin/apps/{}/templates/otp_login/de/email", app.id);

        let built_in = front.admin(get(&path)).await;
        assert_eq!(built_in.header("etag"), "\"0\"");
        assert_eq!(built_in.json()["own"], false);
        assert_eq!(built_in.json()["language"], "en");

        let words = json!({"subject": "Ihr Code", "text": "{{ code }} für {{ app_name }}",
                           "html": "<p>{{ code }}</p>"});
        let set = put(&front, &path, Some("\"0\""), words.clone()).await;
        assert_eq!(set.status, 200, "{}", set.text);
        assert_eq!((&set.json()["own"], &set.json()["language"]), (&json!(true), &json!("de")));
        let first = set.header("etag").to_owned();
        let late = put(&front, &path, Some("\"0\""), words.clone()).await;
        assert_eq!(late.brief(), (409, "CONFLICT".to_owned()));
        let again = put(&front, &path, Some(&first), words.clone()).await;
        assert_ne!(again.header("etag"), first);
        assert_eq!(front.admin(get(&path)).await.json()["subject"], "Ihr Code");

        let all = front.admin(get(format!("/admin/apps/{}/templates", app.id))).await.json();
        assert_eq!(all["items"].as_array().unwrap().len(), 9);

        let shown = front.admin(post(format!("{path}/preview"), json!({}))).await.json();
        assert_eq!(shown["text"], "204060 für shop");
        let late = front.admin(ask("DELETE", path.as_str()).header("if-match", first.as_str())).await;
        assert_eq!(late.brief(), (409, "CONFLICT".to_owned()));
        assert_eq!(front.admin(ask("DELETE", path.as_str())).await.status, 200);
        let gone = front.admin(ask("DELETE", path.as_str())).await;
        assert_eq!(gone.brief(), (404, "NOT_FOUND".to_owned()));
        assert_eq!(front.admin(get(&path)).await.json()["own"], false);
    }

    async fn bad_words_are_refused_with_every_field(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let templates = format!("/admin/apps/{}/templates", app.id);
        let path = format!("{templates}/otp_login/en/email");
        let bad = json!({"subject": "{{ code }}\n", "text": "{{ code|safe }}",
                         "html": "{% include 'x' %}", "nonsense": 1});
        let refused = put(&front, &path, None, bad).await;
        assert_eq!(refused.fields(), ["nonsense"]);
        let bad = json!({"subject": "a\nb", "text": "{{ code|safe }}",
                         "html": "{% include 'x' %}"});
        for ask in [
            ask("PUT", path.as_str()).body(bad.clone()),
            post(format!("{path}/preview"), bad),
        ] {
            let refused = front.admin(ask).await;
            assert_eq!(refused.brief(), (400, "VALIDATION_ERROR".to_owned()));
            assert_eq!(refused.fields(), ["subject", "text", "html"]);
        }
        let long = json!({"subject": "x".repeat(501), "text": 7, "html": []});
        assert_eq!(put(&front, &path, None, long).await.fields(), ["subject", "text", "html"]);
        let nowhere = put(&front, &format!("{templates}/x/1/fax"), None, json!({"text": "a"})).await;
        assert_eq!(nowhere.fields(), ["name", "language", "channel"]);
        let sms = json!({"text": format!("{{{{ code }}}} {}", "日".repeat(500))});
        let sms = put(&front, &format!("{templates}/otp_login/ja/sms"), None, sms).await;
        assert_eq!(sms.fields(), ["text"]);
        let short = json!({"text": "{{ code }} 日本"});
        let shown = front.admin(post(format!("{templates}/otp_login/ja/sms/preview"), short)).await;
        assert_eq!(shown.json()["sms"], json!({"encoding": "ucs2", "units": 9, "segments": 1}));
    }

    async fn an_app_has_only_so_many_templates(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let letters: Vec<char> = ('a'..='z').collect();
        let mut last = None;
        for number in 0..65_usize {
            let language = format!("{}{}", letters[number / 26], letters[number % 26]);
            let path = format!("/admin/apps/{}/templates/otp_login/{language}/sms", app.id);
            last = Some(put(&front, &path, None, json!({"text": "{{ code }}"})).await);
            if number < 64 {
                assert_eq!(last.as_ref().unwrap().status, 200);
            }
        }
        assert_eq!(last.unwrap().brief(), (409, "CONFLICT".to_owned()));
    }

    async fn secrets_go_in_and_never_out(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let delivery = format!("/admin/apps/{}/delivery", app.id);
        let path = format!("{delivery}/email");
        let smtp = |host: &str, secret: Option<&str>| {
            json!({"providers": [{
                "id": "main", "kind": "smtp", "host": host, "username": "ada",
                "secret": secret, "from_address": "a@example.com",
            }]})
        };
        let missing = put(&front, &path, None, smtp("mail.example.com", None)).await;
        assert_eq!(missing.fields(), ["providers.0.secret"]);
        let set = put(&front, &path, Some("\"0\""), smtp("mail.example.com", Some("p4ssw0rd"))).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let etag = set.header("etag").to_owned();
        let shown = front.admin(get(&delivery)).await;
        for answer in [&set, &shown] {
            assert!(!answer.text.contains("p4ssw0rd"), "{}", answer.text);
        }
        let provider = &shown.json()["items"][0]["providers"][0];
        assert_eq!(provider["port"], 587);
        assert_eq!(provider["secret_set_at"], "2026-01-01T00:00:00.000Z");
        assert!(provider.get("secret").is_none());
        // What was read can be sent back; the secret stays, as long as it leads to the same place.
        front.platform.advance(5);
        let same = json!({"providers": shown.json()["items"][0]["providers"]});
        let kept = put(&front, &path, Some(&etag), same).await;
        assert_eq!(kept.status, 200, "{}", kept.text);
        assert_eq!(kept.json()["providers"][0]["secret_set_at"], "2026-01-01T00:00:00.000Z");
        let elsewhere = put(&front, &path, None, smtp("evil.example", None)).await;
        assert_eq!(elsewhere.fields(), ["providers.0.secret"]);
        let late = put(&front, &path, Some(&etag), smtp("mail.example.com", None)).await;
        assert_eq!(late.brief(), (409, "CONFLICT".to_owned()));
        let audit = serde_json::to_string(
            &front.platform.events(Some(app.id)).await.iter().map(|e| e.details.clone()).collect::<Vec<_>>(),
        )
        .unwrap();
        assert!(audit.contains("secrets_set") && !audit.contains("p4ssw0rd"), "{audit}");
        assert_eq!(front.admin(ask("DELETE", path.as_str())).await.status, 200);
        assert_eq!(
            front.admin(ask("DELETE", path.as_str())).await.brief(),
            (404, "NOT_FOUND".to_owned())
        );
    }

    async fn providers_inside_are_refused(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = |channel: &str| format!("/admin/apps/{}/delivery/{channel}", app.id);
        for url in [
            "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest", "https://0x7f.1/", "http://hook.example.com/",
        ] {
            let hook = json!({"providers": [{"id": "a", "kind": "webhook", "url": url, "secret": SECRET}]});
            let refused = put(&front, &path("sms"), None, hook).await;
            assert_eq!(refused.fields(), ["providers.0"], "{url}");
        }
        let smtp = json!({"providers": [{
            "id": "a", "kind": "smtp", "host": "192.168.0.1", "from_address": "a@example.com",
        }]});
        assert_eq!(put(&front, &path("email"), None, smtp).await.fields(), ["providers.0"]);
        // A name is judged when it is looked up.
        let name = json!({"providers": [{"id": "a", "kind": "webhook", "url": "https://localhost:9/",
                                         "secret": SECRET}]});
        assert_eq!(put(&front, &path("sms"), None, name).await.status, 200);
        let test = post(format!("/admin/apps/{}/delivery/test", app.id), json!({"to": "+14155552671"}));
        let result = front.admin(test).await.json()["results"][0].clone();
        assert_eq!((&result["accepted"], &result["failed_step"]), (&json!(false), &json!("resolve")));
        assert_eq!(result["provider"], "a");
    }

    async fn tests_go_through_the_deployments_sender_and_are_limited(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let test = || post(format!("/admin/apps/{}/delivery/test", app.id), json!({"to": "ada@example.com"}));
        let result = front.admin(test()).await.json()["results"][0].clone();
        assert_eq!(
            result,
            json!({"provider": null, "accepted": true, "failed_step": null, "reason": null})
        );
        let sent = front.platform.outbox.list(Some("ada@example.com"), Some(app.id));
        assert_eq!(sent[0].subject.as_deref(), Some("Test message"));
        assert!(sent[0].code.is_none());
        for _ in 0..19 {
            assert_eq!(front.admin(test()).await.status, 200);
        }
        assert_eq!(front.admin(test()).await.brief(), (429, "RATE_LIMITED".to_owned()));
    }
}
