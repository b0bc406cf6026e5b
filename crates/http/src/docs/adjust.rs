//! What the derive macros cannot say.

use doorward_domain::Code;
use serde_json::{Value, json};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{OpenApi, RefOr, Schema};

/// Says that the operator face refuses unknown fields: a misspelt setting must not pass for one.
pub(super) fn closed_requests(mut document: OpenApi) -> OpenApi {
    let schemas = document
        .components
        .iter_mut()
        .flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| name.ends_with("Request")) {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    document
}

/// A parameter that may be left out is written `Option<T>`, which the macro takes for "or null"; but
/// in a query or a header `null` would be four letters.
pub(super) fn parameters_are_not_null(document: &mut Value) {
    for operation in operations(document) {
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let Some(schema) = parameter.get_mut("schema") else {
                continue;
            };
            without_null(schema);
        }
    }
}

fn without_null(schema: &mut Value) {
    let null = json!({ "type": "null" });
    if let Some([one, other]) = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        let chosen = if *one == null {
            other.clone()
        } else {
            one.clone()
        };
        *schema = chosen;
    }
    if let Some([kind, Value::String(last)]) = schema
        .get("type")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        && last == "null"
    {
        let kind = kind.clone();
        if let Some(object) = schema.as_object_mut() {
            object.insert("type".to_owned(), kind);
        }
    }
}

/// Says that of two optional fields exactly one is given.
pub(super) fn exactly_one(document: &mut Value, schema: &str, fields: [&str; 2]) {
    let choice = |given: &str, absent: &str| {
        json!({
            "required": [given],
            "properties": { given: { "type": "string" }, absent: { "type": "null" } }
        })
    };
    let [a, b] = fields;
    let found = document.pointer_mut(&format!("/components/schemas/{schema}"));
    if let Some(object) = found.and_then(Value::as_object_mut) {
        object.insert("oneOf".to_owned(), json!([choice(a, b), choice(b, a)]));
    }
}

/// Says that of two optional fields at least one is given.
pub(super) fn at_least_one(document: &mut Value, schema: &str, fields: [&str; 2]) {
    let choice =
        |given: &str| json!({ "required": [given], "properties": { given: { "type": "string" } } });
    let found = document.pointer_mut(&format!("/components/schemas/{schema}"));
    if let Some(object) = found.and_then(Value::as_object_mut) {
        object.insert("anyOf".to_owned(), json!(fields.map(choice)));
    }
}

/// Operations of operators that create, or hand out a secret once, and answer 200.
const ALSO_REPEATABLE: [&str; 3] = ["rotateAppSecret", "addMember", "incidentSecretExposed"];

/// Says of every operation that creates something that it may be repeated with an
/// `Idempotency-Key`, and what it answers when the key came with another request.
pub(super) fn repeatable(document: &mut Value) {
    let conflict = super::refusals::responses(&[&[Code::Conflict]], &[]);
    let conflict = serde_json::to_value(conflict).unwrap_or_default();
    let example = "/409/content/application~1json/examples/CONFLICT";
    for operation in operations(document) {
        let id = operation.get("operationId").and_then(Value::as_str);
        let also = id.is_some_and(|id| ALSO_REPEATABLE.contains(&id));
        if !also && operation.pointer("/responses/201").is_none() {
            continue;
        }
        let Some(operation) = operation.as_object_mut() else {
            continue;
        };
        let parameters = operation.entry("parameters").or_insert(json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.push(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "Makes the call safe to repeat: for 24 hours the same request with \
                                the same key gets the same answer and creates nothing more. \
                                A refusal does not use the key up.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
            }));
        }
        let responses = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        let Some(responses) = responses else { continue };
        match responses
            .get_mut("409")
            .and_then(|there| there.pointer_mut("/content/application~1json/examples"))
            .and_then(Value::as_object_mut)
        {
            Some(examples) => {
                let example = conflict.pointer(example).cloned().unwrap_or_default();
                examples.entry("CONFLICT").or_insert(example);
            }
            None => {
                let whole = conflict.get("409").cloned().unwrap_or_default();
                responses.insert("409".to_owned(), whole);
            }
        }
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(|paths| paths.values_mut());
    items
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut())
}

/// A body that may be left out is written `Option<Body>`, which the macro takes for "or null". A
/// body of `null` is refused, so it must not be offered.
pub(super) fn optional_bodies(document: &mut Value) {
    for operation in operations(document) {
        let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
        let Some(schema) = schema else { continue };
        let choices = schema
            .get("oneOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        if let Some([body, null]) = choices
            && *null == json!({ "type": "null" })
        {
            *schema = body.clone();
        }
    }
}
