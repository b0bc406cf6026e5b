//! Whatever the command line does, the operator face does, and the other way round (ADR 0015).

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use serde_json::Value;

use super::Cli;

/// Each command with the operations that do the same.
const SAME: &[(&str, &[&str])] = &[
    ("app create", &["POST /admin/apps"]),
    ("app list", &["GET /admin/apps"]),
    ("app show", &["GET /admin/apps/{app_id}"]),
    ("app update", &["PATCH /admin/apps/{app_id}"]),
    ("app deactivate", &["POST /admin/apps/{app_id}/deactivate"]),
    ("app reactivate", &["POST /admin/apps/{app_id}/reactivate"]),
    (
        "app rotate-secret",
        &["POST /admin/apps/{app_id}/rotate-secret"],
    ),
    ("org create", &["POST /admin/apps/{app_id}/tenants"]),
    ("org list", &["GET /admin/apps/{app_id}/tenants"]),
    (
        "org show",
        &["GET /admin/apps/{app_id}/tenants/{tenant_id}"],
    ),
    (
        "org rename",
        &["PATCH /admin/apps/{app_id}/tenants/{tenant_id}"],
    ),
    (
        "org archive",
        &["PATCH /admin/apps/{app_id}/tenants/{tenant_id}"],
    ),
    (
        "org restore",
        &["PATCH /admin/apps/{app_id}/tenants/{tenant_id}"],
    ),
    (
        "org members",
        &["GET /admin/apps/{app_id}/tenants/{tenant_id}/members"],
    ),
    (
        "org add-member",
        &["POST /admin/apps/{app_id}/tenants/{tenant_id}/members"],
    ),
    (
        "org remove-member",
        &["DELETE /admin/apps/{app_id}/tenants/{tenant_id}/members/{user_id}"],
    ),
    ("role list", &["GET /admin/apps/{app_id}/roles"]),
    ("role define", &["PUT /admin/apps/{app_id}/roles/{role}"]),
    ("role delete", &["DELETE /admin/apps/{app_id}/roles/{role}"]),
    (
        "role assign",
        &["POST /admin/apps/{app_id}/tenants/{tenant_id}/members"],
    ),
    (
        "role revoke",
        &["DELETE /admin/apps/{app_id}/tenants/{tenant_id}/members/{user_id}"],
    ),
    (
        "user orgs",
        &["GET /admin/apps/{app_id}/users/{user_id}/tenants"],
    ),
    ("user list", &["GET /admin/apps/{app_id}/users"]),
    ("user search", &["GET /admin/apps/{app_id}/users"]),
    ("user show", &["GET /admin/apps/{app_id}/users/{user_id}"]),
    ("user create", &["POST /admin/apps/{app_id}/users"]),
    (
        "user update",
        &["PATCH /admin/apps/{app_id}/users/{user_id}"],
    ),
    (
        "user deactivate",
        &["POST /admin/apps/{app_id}/users/{user_id}/deactivate"],
    ),
    (
        "user reactivate",
        &["POST /admin/apps/{app_id}/users/{user_id}/reactivate"],
    ),
    (
        "user delete",
        &["POST /admin/apps/{app_id}/users/{user_id}/delete"],
    ),
    (
        "user restore",
        &["POST /admin/apps/{app_id}/users/{user_id}/restore"],
    ),
    (
        "user erase",
        &["POST /admin/apps/{app_id}/users/{user_id}/erase"],
    ),
    (
        "user export",
        &["GET /admin/apps/{app_id}/users/{user_id}/export"],
    ),
    (
        "session list",
        &["GET /admin/apps/{app_id}/users/{user_id}/sessions"],
    ),
    (
        "session show",
        &["GET /admin/apps/{app_id}/sessions/{session_id}"],
    ),
    (
        "session end",
        &[
            "POST /admin/apps/{app_id}/sessions/{session_id}/end",
            "POST /admin/apps/{app_id}/users/{user_id}/sessions/end",
        ],
    ),
    (
        "incident secret-exposed",
        &["POST /admin/apps/{app_id}/incidents/secret-exposed"],
    ),
    (
        "incident suspicious-sign-in",
        &["POST /admin/apps/{app_id}/incidents/suspicious-sign-in"],
    ),
    ("incident public-key", &["GET /admin/incidents/public-key"]),
    (
        "incident stop-app",
        &["POST /admin/apps/{app_id}/incidents/stop-app"],
    ),
    (
        "incident end-all-sessions",
        &["POST /admin/apps/{app_id}/incidents/end-all-sessions"],
    ),
    ("license generate", &["POST /admin/apps/{app_id}/licenses"]),
    ("license list", &["GET /admin/apps/{app_id}/licenses"]),
    (
        "license show",
        &["GET /admin/apps/{app_id}/licenses/{license_id}"],
    ),
    (
        "license update",
        &["PATCH /admin/apps/{app_id}/licenses/{license_id}"],
    ),
    (
        "license suspend",
        &["POST /admin/apps/{app_id}/licenses/{license_id}/suspend"],
    ),
    (
        "license resume",
        &["POST /admin/apps/{app_id}/licenses/{license_id}/resume"],
    ),
    (
        "license revoke",
        &["POST /admin/apps/{app_id}/licenses/{license_id}/revoke"],
    ),
    (
        "license deactivate",
        &["DELETE /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}"],
    ),
    (
        "license release",
        &["POST /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}/release"],
    ),
    (
        "license reveal",
        &["POST /admin/apps/{app_id}/licenses/{license_id}/reveal"],
    ),
    (
        "license key show",
        &["GET /admin/apps/{app_id}/license-keys"],
    ),
    (
        "license key rotate",
        &["POST /admin/apps/{app_id}/license-keys/rotate"],
    ),
    ("template list", &["GET /admin/apps/{app_id}/templates"]),
    (
        "template show",
        &["GET /admin/apps/{app_id}/templates/{name}/{language}/{channel}"],
    ),
    (
        "template set",
        &["PUT /admin/apps/{app_id}/templates/{name}/{language}/{channel}"],
    ),
    (
        "template reset",
        &["DELETE /admin/apps/{app_id}/templates/{name}/{language}/{channel}"],
    ),
    (
        "template preview",
        &["POST /admin/apps/{app_id}/templates/{name}/{language}/{channel}/preview"],
    ),
    ("delivery show", &["GET /admin/apps/{app_id}/delivery"]),
    (
        "delivery set",
        &["PUT /admin/apps/{app_id}/delivery/{channel}"],
    ),
    (
        "delivery usage",
        &["GET /admin/apps/{app_id}/delivery/usage"],
    ),
    (
        "delivery reset",
        &["DELETE /admin/apps/{app_id}/delivery/{channel}"],
    ),
    (
        "delivery test",
        &["POST /admin/apps/{app_id}/delivery/test"],
    ),
    (
        "limit show",
        &[
            "GET /admin/apps/{app_id}/limits",
            "POST /admin/apps/{app_id}/limits/show",
        ],
    ),
    ("limit set", &["PATCH /admin/apps/{app_id}"]),
    ("limit clear", &["POST /admin/apps/{app_id}/limits/clear"]),
    ("admin-key create", &["POST /admin/admin-keys"]),
    ("admin-key list", &["GET /admin/admin-keys"]),
    ("admin-key revoke", &["DELETE /admin/admin-keys/{id}"]),
    ("key list", &["GET /admin/keys"]),
    ("key rotate", &["POST /admin/keys/rotate"]),
    ("key public", &["GET /admin/keys"]),
    ("audit list", &["GET /admin/audit"]),
    ("audit export", &["GET /admin/audit"]),
    ("stats", &["GET /admin/apps/{app_id}/stats"]),
    ("maintenance run", &["POST /admin/maintenance"]),
    ("alarm test", &["POST /admin/alarms/test"]),
    ("maintenance status", &["GET /admin/maintenance"]),
    ("health", &["GET /health", "GET /admin/health"]),
    ("doctor", &["GET /admin/doctor"]),
];

/// Commands that no operation can do, and why.
const COMMANDS_ONLY: &[(&str, &str)] = &[
    ("dev", "is the server"),
    ("serve", "is the server"),
    (
        "migrate",
        "a server has migrated when it answers; `GET /admin/health` tells the versions",
    ),
    ("backup", "writes a file on the machine"),
    ("restore", "works only while no server runs"),
    ("db copy", "works on databases that no server uses"),
    ("db compare", "works on databases that no server uses"),
    ("openapi", "each face serves its document"),
    (
        "config check",
        "judges the settings of a server that does not run yet",
    ),
    (
        "config show",
        "the settings of the machine, some of them secret",
    ),
    ("config reference", "a page of the documentation"),
    ("help", "explains commands"),
];

/// Operations that no command does, and why.
const OPERATIONS_ONLY: &[(&str, &str)] =
    &[("GET /metrics", "for a scraper of the running process")];

fn leaves(command: &clap::Command, path: &str, out: &mut BTreeSet<String>) {
    let below: Vec<_> = command.get_subcommands().collect();
    if below.is_empty() {
        out.insert(path.trim().to_owned());
    }
    for child in below {
        leaves(child, &format!("{path} {}", child.get_name()), out);
    }
}

fn commands() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    leaves(&Cli::command(), "", &mut out);
    out
}

fn operations() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&doorward_http::openapi_operator()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        let path = path.clone();
        methods
            .into_iter()
            .filter(|key| matches!(key.as_str(), "get" | "post" | "put" | "patch" | "delete"))
            .map(move |method| format!("{} {path}", method.to_uppercase()))
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn both_doors_lead_to_the_same() {
    let mut said_of_commands: BTreeSet<String> = BTreeSet::new();
    let mut said_of_operations: BTreeSet<String> = BTreeSet::new();
    for (command, operations) in SAME {
        assert!(
            said_of_commands.insert((*command).to_owned()),
            "{command} stands twice"
        );
        assert!(!operations.is_empty(), "{command}");
        said_of_operations.extend(operations.iter().map(ToString::to_string));
    }
    for (command, reason) in COMMANDS_ONLY {
        assert!(
            said_of_commands.insert((*command).to_owned()),
            "{command} stands twice"
        );
        assert!(!reason.is_empty());
    }
    for (operation, reason) in OPERATIONS_ONLY {
        assert!(
            said_of_operations.insert((*operation).to_owned()),
            "{operation} stands twice"
        );
        assert!(!reason.is_empty());
    }
    let told = |there: &BTreeSet<String>, said: &BTreeSet<String>| {
        let missing: Vec<_> = there.difference(said).cloned().collect();
        let gone: Vec<_> = said.difference(there).cloned().collect();
        (missing, gone)
    };
    let none = (Vec::new(), Vec::new());
    assert_eq!(
        told(&commands(), &said_of_commands),
        none,
        "commands: (without counterpart, gone)"
    );
    assert_eq!(
        told(&operations(), &said_of_operations),
        none,
        "operations: (without counterpart, gone)"
    );
}
