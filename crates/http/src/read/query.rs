//! Query parameters, read like the fields of a body.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use doorward_service::Error;
use serde_json::{Map, Value};

use super::{Fields, JsonBody};
use crate::error::ApiError;

/// The parameters. Each may be given once.
pub(crate) struct QueryFields(pub(crate) Fields);

impl<S: Sync> FromRequestParts<S> for QueryFields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) else {
            return Err(Error::field("query", "Must be well-formed").into());
        };
        let mut object = Map::new();
        let mut repeated = Vec::new();
        for (name, value) in pairs {
            if object.insert(name.clone(), Value::String(value)).is_some() {
                repeated.push(name);
            }
        }
        let mut fields = Fields::from(JsonBody(object));
        for name in repeated {
            let name: String = name.chars().take(64).collect();
            fields.refuse(name, "Must be given once");
        }
        Ok(Self(fields))
    }
}
