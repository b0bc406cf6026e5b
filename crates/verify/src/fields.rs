//! Reads claims, each of its type. What is not read is left over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entitlement::Entitlement;
use crate::error::Reason;
use crate::json;

/// The claims that were not read yet.
pub(crate) struct Fields(pub(crate) Map<String, Value>);

impl Fields {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Reason> {
        json::object(payload).map(Self).ok_or(Reason::ClaimsJson)
    }

    /// The same where an app's own data may be nested deeper.
    pub(crate) fn parse_deep(payload: &[u8]) -> Result<Self, Reason> {
        json::object_within(payload, 127)
            .map(Self)
            .ok_or(Reason::ClaimsJson)
    }

    pub(crate) fn take(&mut self, name: &'static str) -> Result<Value, Reason> {
        self.0.remove(name).ok_or(Reason::Claim(name))
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, Reason> {
        text(self.take(name)?).ok_or(Reason::Claim(name))
    }

    pub(crate) fn uuid(&mut self, name: &'static str) -> Result<Uuid, Reason> {
        uuid(&self.take(name)?).ok_or(Reason::Claim(name))
    }

    pub(crate) fn uuid_or_null(&mut self, name: &'static str) -> Result<Option<Uuid>, Reason> {
        match self.take(name)? {
            Value::Null => Ok(None),
            value => uuid(&value).map(Some).ok_or(Reason::Claim(name)),
        }
    }

    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Reason> {
        texts(self.take(name)?).ok_or(Reason::Claim(name))
    }

    /// Absent means empty; present, it must be a list.
    pub(crate) fn texts_or_absent(&mut self, name: &'static str) -> Result<Vec<String>, Reason> {
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(value) => texts(value).ok_or(Reason::Claim(name)),
        }
    }

    /// Absent means empty; present, it must be an object of features and numbers.
    pub(crate) fn entitlements_or_absent(
        &mut self,
        name: &'static str,
    ) -> Result<BTreeMap<String, Entitlement>, Reason> {
        match self.0.remove(name) {
            None => Some(BTreeMap::new()),
            Some(Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| Some((name, Entitlement::read(&value)?)))
                .collect(),
            Some(_) => None,
        }
        .ok_or(Reason::Claim(name))
    }

    /// Absent means empty; present, it must be an object.
    pub(crate) fn object_or_absent(
        &mut self,
        name: &'static str,
    ) -> Result<Map<String, Value>, Reason> {
        match self.0.remove(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Reason::Claim(name)),
        }
    }

    /// A whole number from 1.
    pub(crate) fn count(&mut self, name: &'static str) -> Result<u64, Reason> {
        self.take(name)?
            .as_u64()
            .filter(|count| *count > 0)
            .ok_or(Reason::Claim(name))
    }

    /// Whole seconds since 1970, as Doorward writes them; a fraction or a text is not ours.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Timestamp, Reason> {
        time(&self.take(name)?).ok_or(Reason::Claim(name))
    }

    pub(crate) fn time_or_null(&mut self, name: &'static str) -> Result<Option<Timestamp>, Reason> {
        match self.take(name)? {
            Value::Null => Ok(None),
            value => time(&value).map(Some).ok_or(Reason::Claim(name)),
        }
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value
        .as_i64()
        .filter(|seconds| *seconds >= 0)
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => None,
    }
}

/// A UUID in its one canonical form: 36 lower-case characters (RFC 9562 §4).
fn uuid(value: &Value) -> Option<Uuid> {
    let text = value.as_str()?;
    let id: Uuid = text.parse().ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}
