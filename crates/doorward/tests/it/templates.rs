//! `doorward template`: an app's own words, from the first draft to a message that has them.

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Server, cli, cli_json, count, last_event, on_both_engines, refused,
};

on_both_engines!(
    words_are_tried_set_sent_and_given_up,
    bad_words_are_refused_with_what_is_wrong,
);

const GERMAN: [&str; 4] = ["--language", "de", "--app", "demo"];

fn german<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [command, &GERMAN].concat()
}

async fn words_are_tried_set_sent_and_given_up(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let listed = cli_json(data, &["template", "list", "--app", "demo"]);
    let built_in = listed["items"].as_array().unwrap().len();
    assert!(
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["own"] == false)
    );

    // A look at it stores nothing.
    let (text, html) = (data.join("mail.txt"), data.join("mail.html"));
    std::fs::write(&text, "{{ code }} ist Ihr Code für {{ app_name }}.\n").unwrap();
    std::fs::write(&html, "<p>{{ code }} für {{ app_name }}</p>").unwrap();
    let words = [
        "--subject",
        "Ihr Code",
        "--text-file",
        text.to_str().unwrap(),
        "--html-file",
        html.to_str().unwrap(),
    ];
    let preview = [&german(&["template", "preview", "otp_login"])[..], &words].concat();
    let shown = cli_json(data, &preview);
    assert_eq!(shown["subject"], "Ihr Code");
    assert!(
        shown["text"].as_str().unwrap().contains("ist Ihr Code für"),
        "{shown}"
    );
    assert_eq!(count(data, "SELECT COUNT(*) FROM message_templates"), 0);
    let people = cli(data, &preview).ok().out;
    assert!(people.starts_with("Subject: Ihr Code\n\n"), "{people}");

    let set = [&german(&["template", "set", "otp_login"])[..], &words].concat();
    let first = cli_json(data, &[&set[..], &["--if-version", "0"]].concat());
    assert_eq!(
        (&first["own"], &first["language"]),
        (&json!(true), &json!("de"))
    );
    assert_eq!(count(data, "SELECT COUNT(*) FROM message_templates"), 1);
    assert_eq!(
        refused(data, &[&set[..], &["--if-version", "0"]].concat()),
        (1, "CONFLICT".to_owned()),
        "somebody was first"
    );
    let version = first["version"].to_string();
    let second = cli_json(data, &[&set[..], &["--if-version", &version]].concat());
    assert!(second["version"].as_i64() > first["version"].as_i64());
    let show = german(&["template", "show", "otp_login"]);
    assert_eq!(cli_json(data, &show)["text"], second["text"]);
    let people = cli(data, &show).ok().out;
    assert!(
        people.contains("own") && people.contains("<p>{{ code }}"),
        "{people}"
    );
    let listed = cli_json(data, &["template", "list", "--app", "demo"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), built_in + 1);
    assert_eq!(last_event(data, "template.changed")["actor"]["type"], "cli");

    // The running server sends them.
    let subject = async || {
        let body = json!({
            "app_id": app.id, "app_secret": app.secret, "email": "ada@example.com",
            "purpose": "LOGIN", "language": "de",
        });
        let sent = server.post("/auth/send-otp", body).await;
        assert_eq!(sent.0, 200, "{}", sent.1);
        server.newest("ada@example.com", 0).await["subject"].clone()
    };
    assert_eq!(subject().await, "Ihr Code");

    let reset = german(&["template", "reset", "otp_login"]);
    let said = cli(data, &reset).ok().out;
    assert_eq!(said, "Done. The built-in words are used again.\n");
    assert_eq!(count(data, "SELECT COUNT(*) FROM message_templates"), 0);
    assert_eq!(cli_json(data, &show)["own"], false);
    assert_eq!(refused(data, &reset), (1, "NOT_FOUND".to_owned()));
}

async fn bad_words_are_refused_with_what_is_wrong(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let fields = |words: &[&str], name: &str| -> Vec<Value> {
        let command = [
            &german(&["template", name, "otp_login", "--json"])[..],
            words,
        ]
        .concat();
        let said = cli(data, &command);
        assert_eq!(said.code, 1, "{}", said.err);
        let error: Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(error["error"], "VALIDATION_ERROR");
        let details = error["details"].as_array().unwrap();
        details
            .iter()
            .map(|detail| detail["field"].clone())
            .collect()
    };
    let bad = data.join("bad.html");
    std::fs::write(&bad, "{% include 'x' %}").unwrap();
    let all = [
        "--subject",
        "{{ nobody }}",
        "--text",
        "{{ code|safe }}",
        "--html-file",
    ];
    let all = [&all[..], &[bad.to_str().unwrap()]].concat();
    for name in ["set", "preview"] {
        assert_eq!(fields(&all, name), ["subject", "text", "html"], "{name}");
    }
    // What does not show the code is no message.
    assert_eq!(
        fields(&["--subject", "s", "--text", "Hello"], "set"),
        ["text"]
    );
    assert_eq!(count(data, "SELECT COUNT(*) FROM message_templates"), 0);

    for (wrong, expected) in [
        (
            &["template", "show", "otp_nothing"][..],
            (1, "VALIDATION_ERROR"),
        ),
        (&["template", "set", "otp_login"], (2, "USAGE")),
        (
            &["template", "set", "otp_login", "--subject", "s"],
            (2, "USAGE"),
        ),
        (
            &[
                "template",
                "set",
                "otp_login",
                "--text-file",
                "/no/such/file",
            ],
            (2, "USAGE"),
        ),
        (
            &[
                "template",
                "set",
                "otp_login",
                "--text",
                "a",
                "--text-file",
                "b",
            ],
            (2, "USAGE"),
        ),
        (
            &["template", "show", "otp_login", "--channel", "fax"],
            (2, "USAGE"),
        ),
    ] {
        let (code, error) = refused(data, &german(wrong));
        assert_eq!((code, error.as_str()), expected, "{wrong:?}");
    }
    let nowhere = ["template", "list", "--app", "nowhere"];
    assert_eq!(refused(data, &nowhere), (1, "APP_NOT_FOUND".to_owned()));
    drop(server);
}

/// Text messages say how long they are.
#[tokio::test]
async fn a_text_message_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let sms = german(&["template", "preview", "otp_login", "--channel", "sms"]);
    let people = cli(data, &[&sms[..], &["--text", "{{ code }} 日本"]].concat())
        .ok()
        .out;
    assert!(people.contains("9 units, sent in 1 piece(s)"), "{people}");
    drop(server);
}
