//! `doorward org`, `doorward role` and `doorward user`, beside a running server.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, Deployment, Said, Server, doorward_at, on_both_engines, run};

on_both_engines!(
    an_organization_from_creation_to_its_archive,
    a_role_from_its_definition_to_its_end,
    what_is_wrong_is_told_with_what_to_do,
);

fn cli(data: &Path, line: &str) -> Said {
    let mut command = doorward_at(data);
    run(command
        .args(line.split_whitespace())
        .arg("--data-dir")
        .arg(data))
}

fn cli_json(data: &Path, line: &str) -> Value {
    cli(data, &format!("{line} --json")).ok().json()
}

/// What the server reads from a token that was refreshed just now, and the next refresh token.
async fn refreshed(server: &Server, app: &App, token: &mut Value) -> Value {
    let body = json!({
        "app_id": app.id, "app_secret": app.secret, "refresh_token": token["refresh_token"],
    });
    let (status, tokens) = server.post("/auth/refresh", body).await;
    assert_eq!(status, 200, "{tokens}");
    let bearer = tokens["access_token"].as_str().unwrap();
    let request = server.http.get(format!("{}/auth/me", server.public));
    let me = request.bearer_auth(bearer).send().await.unwrap();
    let me: Value = me.json().await.unwrap();
    *token = tokens;
    json!({ "tenant": me["tenant_id"], "roles": me["roles"] })
}

async fn an_organization_from_creation_to_its_archive(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, mut ada) = server.sign_in(&app, "ada@example.com").await;
    let (_, mut bob) = server.sign_in(&app, "bob@example.com").await;
    let (ada_id, bob_id) = (ada["user_id"].clone(), bob["user_id"].clone());

    let empty = cli(data, "org list --app demo").ok().out;
    assert!(empty.contains("doorward org create"), "{empty}");
    let made = cli_json(
        data,
        "org create --name Acme --owner ada@example.com --app demo",
    );
    let org = made["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&made["app_id"], &made["name"], &made["archived_at"]),
        (&json!(app.id), &json!("Acme"), &Value::Null)
    );
    // By the app's id, too; and what is shown is what was made.
    let shown = cli_json(data, &format!("org show {org} --app {}", app.id));
    assert_eq!(shown, made);
    let owned = json!({ "tenant": org, "roles": ["owner"] });
    assert_eq!(refreshed(&server, &app, &mut ada).await, owned);

    // Members and roles, by address and by id.
    let line = format!("org add-member {org} --user bob@example.com --role viewer --app demo");
    assert_eq!(cli_json(data, &line), json!({ "success": true }));
    let line = format!(
        "role assign staff --user {} --org {org} --app demo",
        bob_id.as_str().unwrap()
    );
    let said = cli(data, &line).ok().out;
    assert!(said.contains("next refresh"), "{said}");
    let both = json!({ "tenant": org, "roles": ["staff", "viewer"] });
    assert_eq!(refreshed(&server, &app, &mut bob).await, both);
    let members = cli_json(data, &format!("org members {org} --app demo"));
    let found: Vec<_> = members["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (member["user_id"].clone(), member["roles"].clone()))
        .collect();
    let mut expected = vec![
        (ada_id, json!(["owner"])),
        (bob_id, json!(["staff", "viewer"])),
    ];
    expected.sort_by_key(|(id, _)| id.to_string());
    assert_eq!(found, expected);

    let role = "--user bob@example.com --org";
    cli(data, &format!("role revoke staff {role} {org} --app demo")).ok();
    let one = json!({ "tenant": org, "roles": ["viewer"] });
    assert_eq!(refreshed(&server, &app, &mut bob).await, one);
    cli(data, &format!("role revoke --all {role} {org} --app demo")).ok();
    let none = json!({ "tenant": null, "roles": [] });
    assert_eq!(refreshed(&server, &app, &mut bob).await, none);

    // The last owner stays.
    for line in [
        format!("org remove-member {org} --user ada@example.com --app demo"),
        format!("role revoke owner --user ada@example.com --org {org} --app demo"),
    ] {
        let said = cli(data, &line);
        assert!(
            said.code == 1 && said.err.contains("(LAST_OWNER)"),
            "{}",
            said.err
        );
    }
    cli(data, &format!("role assign owner {role} {org} --app demo")).ok();
    let line = format!("org remove-member {org} --user ada@example.com --app demo");
    assert_eq!(cli_json(data, &line), json!({ "success": true }));
    assert_eq!(refreshed(&server, &app, &mut ada).await, none);

    let renamed = cli_json(data, &format!("org rename {org} --name Emca --app demo"));
    assert_eq!(renamed["name"], "Emca");
    let archived = cli_json(data, &format!("org archive {org} --app demo"));
    assert!(archived["archived_at"].is_string(), "{archived}");
    assert_eq!(refreshed(&server, &app, &mut bob).await, none);
    let listed = cli(data, "org list --app demo").ok().out;
    assert!(
        listed.contains("archived 2") && listed.contains("Emca"),
        "{listed}"
    );
    let restored = cli_json(data, &format!("org restore {org} --app demo"));
    assert_eq!(restored["archived_at"], Value::Null);
    let owned = json!({ "tenant": org, "roles": ["owner"] });
    assert_eq!(refreshed(&server, &app, &mut bob).await, owned);
}

async fn a_role_from_its_definition_to_its_end(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    server.sign_in(&app, "ada@example.com").await;
    let made = cli_json(data, "org create --name Acme --app demo");
    let org = made["id"].as_str().unwrap();

    let defined = cli_json(
        data,
        "role define clerk --description Packs --permission orders:ship --permission orders:read \
         --app demo",
    );
    let permissions = json!(["orders:read", "orders:ship"]);
    assert_eq!(
        defined,
        json!({
            "role": "clerk", "built_in": false, "description": "Packs", "permissions": permissions,
            "etag": defined["etag"],
        })
    );
    let listed = cli_json(data, "role list --app demo");
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["role"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["owner", "admin", "staff", "viewer", "clerk"]);
    let table = cli(data, "role list --app demo").ok().out;
    assert!(table.contains("orders:read, orders:ship"), "{table}");

    let whose = format!("--user ada@example.com --org {org} --app demo");
    cli(data, &format!("role assign clerk {whose}")).ok();
    let none = cli_json(data, "user orgs ada@example.com --app demo --limit 0");
    assert_eq!(none["items"], json!([]));
    let belongings = cli_json(data, "user orgs ada@example.com --app demo");
    let expected = json!([{ "tenant_id": org, "roles": ["clerk"], "permissions": permissions }]);
    assert_eq!(belongings["items"], expected);
    // Against what was read, and meant where somebody loses something.
    let stale = "role define clerk --permission orders:ship --app demo --if-match \"x\"";
    assert!(cli(data, stale).err.contains("(CONFLICT)"));
    let less = "role define clerk --permission orders:ship --app demo";
    let said = cli(data, less);
    assert!(
        said.err.contains("loses permissions (orders:read)"),
        "{}",
        said.err
    );
    let tag = defined["etag"].as_str().unwrap();
    let more = format!(
        "role define clerk --permission orders:read --permission orders:ship --app demo --if-match {tag}"
    );
    cli(data, &more).ok();
    cli(data, &format!("{less} --reason tidying --yes")).ok();
    let said = cli(data, "role delete clerk --app demo --reason tidying --yes");
    assert!(
        said.code == 1 && said.err.contains("(CONFLICT)"),
        "{}",
        said.err
    );
    cli(data, &format!("role revoke clerk {whose}")).ok();
    cli(data, "role delete clerk --app demo --reason tidying --yes").ok();
    let said = cli(data, &format!("role assign clerk {whose}"));
    assert!(
        said.code == 1 && said.err.contains("(ROLE_NOT_FOUND)"),
        "{}",
        said.err
    );
    let said = cli(data, "user orgs ada@example.com --app demo").ok().out;
    assert!(said.contains("no organization"), "{said}");
}

async fn what_is_wrong_is_told_with_what_to_do(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    server.sign_in(&app, "ada@example.com").await;
    let nobody = "01890000-0000-7000-8000-000000000000";
    let made = cli_json(data, "org create --name Acme --app demo");
    let org = made["id"].as_str().unwrap();
    let refusals: [(&str, String, i32, &[&str]); 9] = [
        (
            "no app",
            "org list --app nobody".into(),
            1,
            &["(APP_NOT_FOUND)", "app list"],
        ),
        (
            "no org",
            format!("org show {nobody} --app demo"),
            1,
            &["(TENANT_NOT_FOUND)", "org list --app demo"],
        ),
        (
            "no id",
            "org show Acme --app demo".into(),
            2,
            &["no organization's id", "org list"],
        ),
        (
            "no user",
            format!("org add-member {org} --user eve@example.com --role staff --app demo"),
            1,
            &["(USER_NOT_FOUND)", "eve@example.com"],
        ),
        (
            "no such id",
            format!("org add-member {org} --user {nobody} --role staff --app demo"),
            1,
            &["(USER_NOT_FOUND)"],
        ),
        (
            "no address",
            format!("org add-member {org} --user eve --role staff --app demo"),
            2,
            &["e-mail address"],
        ),
        (
            "no role's name",
            format!("role assign Boss --user ada@example.com --org {org} --app demo"),
            2,
            &["`Boss`", "a-z"],
        ),
        (
            "which role",
            format!("role revoke --user ada@example.com --org {org} --app demo"),
            2,
            &["--all"],
        ),
        ("no app at all", "role list".into(), 2, &["--app"]),
    ];
    for (what, line, code, texts) in refusals {
        let said = cli(data, &line);
        assert_eq!(said.code, code, "{what}: {}", said.err);
        for text in texts {
            assert!(said.err.contains(text), "{what}: {}", said.err);
        }
    }
    // Every wrong field of a definition is named.
    let said = cli(
        data,
        "role define clerk --permission Orders --permission ok --permission b* --app demo --json",
    );
    let error: Value = serde_json::from_str(&said.err).unwrap();
    let fields: Vec<_> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["field"].clone())
        .collect();
    assert_eq!(
        (said.code, fields),
        (1, vec![json!("permissions[0]"), json!("permissions[2]")])
    );
}
