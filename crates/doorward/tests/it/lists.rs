//! Every list of the command line goes on where a page of it ended.

use serde_json::{Value, json};

use crate::support::{App, Deployment, Server, cli, cli_json, on_both_engines};

on_both_engines!(every_list_goes_on_where_a_page_ended);

async fn every_list_goes_on_where_a_page_ended(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    server.sign_in(&app, "ada@example.com").await;
    server.sign_in(&app, "ada@example.com").await;
    server.sign_in(&app, "alan@example.com").await;
    for line in [
        "app create --name Two --slug two",
        "org create --name Acme --owner ada@example.com --app demo",
        "org create --name Globex --owner ada@example.com --app demo",
        "key rotate",
        "license generate --label L --count 3 --app demo",
    ] {
        cli(data, &words(line)).ok();
    }
    for line in [
        "app list",
        "org list --app demo",
        "user list --app demo",
        "user search a --app demo",
        "session list ada@example.com --app demo",
        "user orgs ada@example.com --app demo",
        "key list",
        "license list --app demo",
        "license list --label-prefix L --app demo",
        "role list --app demo",
        "template list --app demo",
    ] {
        let list = words(line);
        let whole = cli_json(data, &list);
        assert_eq!(whole["next_cursor"], Value::Null, "{line}");
        let whole = whole["items"].as_array().unwrap().clone();
        assert!(whole.len() > 1, "{line}");
        let (mut walked, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut step = list.clone();
            step.extend(["--limit", "1"]);
            if let Some(cursor) = &cursor {
                step.extend(["--cursor", cursor]);
            }
            let page = cli_json(data, &step);
            walked.extend(page["items"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
            assert!(walked.len() < whole.len(), "{line} never ends");
        }
        assert_eq!(json!(walked), json!(whole), "{line}");
        let mut first = list.clone();
        first.extend(["--limit", "1"]);
        let said = cli(data, &first).ok();
        assert!(
            said.err.contains("There are more: --cursor "),
            "{line}: {}",
            said.err
        );
        assert!(!said.out.contains("--cursor"), "{line}: {}", said.out);
        let all = cli(data, &list).ok();
        assert!(!all.err.contains("There are more"), "{line}: {}", all.err);
        let mut wrong = list.clone();
        wrong.extend(["--cursor", "?"]);
        let said = cli(data, &wrong);
        assert!(
            said.code == 2 && said.err.contains("--cursor"),
            "{line}: {}",
            said.err
        );
    }
    drop(server);
}
