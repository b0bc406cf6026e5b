//! What the derive macros cannot say.

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

/// A body that may be left out is written `Option<Body>`, which the macro takes for "or null". A
/// body of `null` is refused, so it must not be offered.
pub(super) fn optional_bodies(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(|paths| paths.values_mut());
    let operations = items
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut());
    for operation in operations {
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
