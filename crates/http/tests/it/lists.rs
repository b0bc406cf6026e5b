//! That every list comes in pages: whatever answers with a list says where the next page begins, or is
//! one of the few that cannot grow, and then says how long it is at most.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::front::{documents, operations};

/// Lists that are whole in one answer: operation, field, and why it cannot grow with use.
const CLOSED: &[(&str, &str, &str)] = &[
    ("createAdminKey", "scopes", "those that the request named"),
    ("testAlarm", "results", "one webhook and one mailbox"),
    ("showDelivery", "items", "one of each channel"),
    (
        "testDelivery",
        "results",
        "a channel has three providers at most",
    ),
    (
        "setDelivery",
        "providers",
        "a channel has three providers at most",
    ),
    (
        "showSmsUsage",
        "alarms",
        "the latest; every one is in the audit, which has pages",
    ),
    (
        "generateAppLicense",
        "licenses",
        "as many as the request asked for",
    ),
    (
        "generateLicense",
        "licenses",
        "as many as the request asked for",
    ),
    (
        "appLimits",
        "items",
        "the limits that the program knows of an app",
    ),
    (
        "showLimits",
        "items",
        "the limits that the program knows of a subject",
    ),
    (
        "clearLimits",
        "items",
        "the limits that the program knows of a subject",
    ),
    (
        "defineRole",
        "permissions",
        "a role permits 64 things at most, all of them in its tokens",
    ),
    ("showSession", "amr", "what one sign-in was proved by"),
    ("endSession", "amr", "what one sign-in was proved by"),
    (
        "appStats",
        "items",
        "the days asked for, which are the page: `from` and `to`",
    ),
    ("doctor", "findings", "what the program looks at"),
    (
        "jwks",
        "keys",
        "RFC 7517 knows no pages; retired keys leave",
    ),
    (
        "licenseKeys",
        "keys",
        "RFC 7517 knows no pages; an app has 32 at most",
    ),
    (
        "me",
        "roles",
        "a member has 16 at most, all of them in its token",
    ),
];

/// A schema with what it refers to in its place.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            resolved(document, document.pointer(pointer).unwrap())
        }
        None => schema,
    }
}

/// The fields of an object, whatever it is put together of.
fn fields<'a>(document: &'a Value, schema: &'a Value, out: &mut BTreeMap<&'a str, &'a Value>) {
    let schema = resolved(document, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        out.insert(name, field);
    }
    for composed in ["allOf", "oneOf", "anyOf"] {
        for part in schema[composed].as_array().into_iter().flatten() {
            fields(document, part, out);
        }
    }
}

fn is_list(document: &Value, schema: &Value) -> bool {
    let kind = &resolved(document, schema)["type"];
    let kinds = kind
        .as_array()
        .map_or(std::slice::from_ref(kind), Vec::as_slice);
    kinds.iter().any(|kind| kind == "array")
}

/// What a request may hold: parameters and fields of the body.
fn asked<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a str> {
    let mut body = BTreeMap::new();
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    fields(document, schema, &mut body);
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter_map(|parameter| parameter["name"].as_str());
    parameters.chain(body.into_keys()).collect()
}

/// Every list that a good answer of an operation holds: (its field, what is wrong with it). A list that
/// is the whole answer has no field.
fn lists<'a>(document: &'a Value, operation: &'a Value) -> Vec<(&'a str, Option<String>)> {
    let mut out = Vec::new();
    for (status, answer) in operation["responses"].as_object().unwrap() {
        let schema = &answer["content"]["application/json"]["schema"];
        if !status.starts_with('2') || schema.is_null() {
            continue;
        }
        if is_list(document, schema) {
            out.push((
                "",
                Some("is a bare list, which can have no next page".to_owned()),
            ));
        }
        let mut found = BTreeMap::new();
        fields(document, schema, &mut found);
        for (name, field) in &found {
            if !is_list(document, field) {
                continue;
            }
            let next = match *name {
                "items" => "next_cursor".to_owned(),
                other => format!("{other}_next_cursor"),
            };
            let asked = asked(document, operation);
            let wrong = if !found.contains_key(next.as_str()) {
                Some(format!("has no {next}"))
            } else if !asked.contains(&"cursor") || !asked.contains(&"limit") {
                Some("takes no cursor and limit".to_owned())
            } else {
                None
            };
            out.push((name, wrong));
        }
    }
    out
}

/// The words for a field of an answer.
fn description(document: &Value, operation: &Value, field: &str) -> String {
    let mut found = BTreeMap::new();
    for answer in operation["responses"].as_object().unwrap().values() {
        let schema = &answer["content"]["application/json"]["schema"];
        fields(document, schema, &mut found);
    }
    let words = found[field]["description"].as_str();
    words.unwrap_or_default().to_lowercase()
}

#[test]
fn every_list_has_pages_or_cannot_grow() {
    let mut problems = Vec::new();
    let mut unused: Vec<_> = CLOSED.iter().map(|(id, field, _)| (*id, *field)).collect();
    let mut paged = 0;
    for document in documents() {
        for (_, _, operation) in operations(document) {
            let id = operation["operationId"].as_str().unwrap();
            for (field, wrong) in lists(document, operation) {
                let closed = CLOSED
                    .iter()
                    .any(|(of, name, _)| (*of, *name) == (id, field));
                unused.retain(|known| *known != (id, field));
                match (wrong, closed) {
                    (None, false) => paged += 1,
                    (None, true) => problems.push(format!("{id}.{field} has pages after all")),
                    (Some(wrong), false) => problems.push(format!("{id}.{field} {wrong}")),
                    (Some(_), true) => {
                        if !description(document, operation, field).contains("at most") {
                            problems
                                .push(format!("{id}.{field} does not say how long it is at most"));
                        }
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(unused.is_empty(), "no longer there: {unused:?}");
    assert!(paged >= 18, "the lists are found: {paged}");
}

#[test]
fn a_list_without_pages_is_noticed() {
    let answer = |schema: Value| {
        serde_json::json!({
            "parameters": [{"name": "cursor"}, {"name": "limit"}],
            "responses": {"200": {"content": {"application/json": {"schema": schema}}}},
        })
    };
    let list = serde_json::json!({"type": ["array", "null"]});
    let document = serde_json::json!({"components": {"schemas": {
        "Page": {"properties": {"items": list, "next_cursor": {"type": "string"}}},
        "Bare": {"properties": {"items": list}},
    }}});
    let named = |name: &str| serde_json::json!({"$ref": format!("#/components/schemas/{name}")});
    let also = |name: &str| serde_json::json!({"allOf": [named(name), {"properties": {"x": {}}}]});
    for (schema, good) in [
        (named("Page"), true),
        (also("Page"), true),
        (named("Bare"), false),
        (also("Bare"), false),
        (serde_json::json!({"type": "array"}), false),
    ] {
        let operation = answer(schema);
        let found = lists(&document, &operation);
        assert_eq!(found.len(), 1, "{operation}");
        assert_eq!(found[0].1.is_none(), good, "{operation}");
        let mut unasked = operation.clone();
        unasked["parameters"] = serde_json::json!([{"name": "limit"}]);
        assert!(lists(&document, &unasked)[0].1.is_some(), "{unasked}");
    }
}
