//! How an operation documents its refusals: by listing their codes, once.

use std::collections::BTreeMap;

use doorward_domain::Code;
use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder};
use utoipa::openapi::{
    Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
};

/// What any request may meet.
pub(crate) const ALWAYS: &[Code] = &[Code::InternalError, Code::ServiceUnavailable];
/// What a request with a JSON body may meet.
pub(crate) const BODY: &[Code] = &[
    Code::ValidationError,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
];
/// What a request with an app's credentials may meet.
pub(crate) const APP: &[Code] = &[Code::TokenInvalid, Code::Forbidden];
/// What a request with an operator's key may meet.
pub(crate) const OPERATOR: &[Code] = &[Code::TokenInvalid, Code::Forbidden];

/// Declares a type that stands for a list of refusals in `#[utoipa::path(responses(...))]`.
macro_rules! refusals {
    ($name:ident = $($set:ident)|* $(+ $($code:ident),+)? $(; 404: $missing:ident)? $(,)?) => {
        pub(crate) struct $name;
        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::docs::refusals::responses(
                    &[
                        $($crate::docs::refusals::$set,)*
                        $(&[$(doorward_domain::Code::$code),+],)?
                    ],
                    &[$(doorward_domain::Code::$missing)?],
                )
            }
        }
    };
}
pub(crate) use refusals;

/// One response per status, with an example for each code. `missing` are answered with 404, whatever
/// their own status is.
pub(crate) fn responses(sets: &[&[Code]], missing: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    let usual = sets
        .iter()
        .copied()
        .flatten()
        .map(|code| (code.status(), code));
    for (status, code) in usual.chain(missing.iter().map(|code| (404, code))) {
        let codes = by_status.entry(status).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(response(status, &codes))))
        .collect()
}

fn response(status: u16, codes: &[Code]) -> Response {
    let names: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    let header = |text: &str| HeaderBuilder::new().description(Some(text)).build();
    let mut builder = ResponseBuilder::new()
        .description(names.join(", "))
        .content("application/json", content(status, codes))
        .header("X-Request-Id", header("The request's id, as in the body."));
    if matches!(status, 429 | 503) {
        let seconds = HeaderBuilder::new()
            .schema(Some(
                ObjectBuilder::new().schema_type(Type::Integer).build(),
            ))
            .description(Some("Seconds to wait, as in the body."));
        builder = builder.header("Retry-After", seconds.build());
    }
    if status == 401 {
        builder = builder.header("WWW-Authenticate", header("The credentials asked for."));
    }
    builder.build()
}

fn content(status: u16, codes: &[Code]) -> Content {
    let examples = codes.iter().map(|code| {
        let example = ExampleBuilder::new()
            .summary(code.meaning().trim())
            .value(Some(sample(status, *code)));
        (code.as_str(), example.build())
    });
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Error")))
        .examples_from_iter(examples)
        .build()
}

fn sample(status: u16, code: Code) -> serde_json::Value {
    let mut sample = json!({
        "error": code.as_str(),
        "message": code.message(),
        "status": status,
        "request_id": "01979f3e-8f6a-7c3e-b2a1-5d0c6f1e2a3b",
    });
    if let Some(object) = sample.as_object_mut() {
        if code == Code::ValidationError {
            let details = json!([{ "field": "app_id", "message": "Must be a valid UUID" }]);
            object.insert("details".to_owned(), details);
        }
        if matches!(code.status(), 429 | 503) {
            object.insert("retry_after".to_owned(), json!(30));
        }
    }
    sample
}

/// The schema `Error`: the body of every refusal.
pub(crate) fn error_schema() -> RefOr<Schema> {
    let text = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
            .build()
    };
    let whole = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some(description))
            .build()
    };
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What a program switches on. The list is closed."))
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())));
    let detail = ObjectBuilder::new()
        .property("field", text("The field, with dots for nesting."))
        .property("message", text("What is wrong with it."))
        .required("field")
        .required("message");
    ObjectBuilder::new()
        .description(Some(
            "A refusal. `details` names every failing field of a VALIDATION_ERROR.",
        ))
        .property("error", code)
        .required("error")
        .property("message", text("For people. It may change."))
        .required("message")
        .property("status", whole("The HTTP status."))
        .required("status")
        .property("details", ArrayBuilder::new().items(detail))
        .property("retry_after", whole("Seconds to wait before trying again."))
        .property("request_id", text("Finds the request in the log."))
        .required("request_id")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .into()
}
