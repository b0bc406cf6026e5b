//! Reads the fields of a body and remembers every one that fails, so that all are named at once.

use std::borrow::Cow;
use std::net::IpAddr;

use doorward_domain::Timestamp;
use doorward_domain::secret::SecretText;
use doorward_service::{Error, FieldError};
use serde_json::{Map, Value};

use super::JsonBody;
use crate::error::ApiResult;

/// What a required field that is absent is told.
const REQUIRED: &str = "Is required";
const NOT_A_STRING: &str = "Must be a string";
/// Most items of a list looked at; no list of ours is longer.
const ITEMS_MAX: usize = 64;
/// Longest string looked at, in bytes; no field of ours is longer.
const STRING_MAX: usize = 4_096;

/// The fields still unread, and what was wrong with those read.
pub(crate) struct Fields {
    object: Map<String, Value>,
    problems: Vec<FieldError>,
}

impl From<JsonBody> for Fields {
    fn from(JsonBody(object): JsonBody) -> Self {
        Self {
            object,
            problems: Vec::new(),
        }
    }
}

impl Fields {
    /// Most unknown fields named in one answer.
    pub(crate) const UNKNOWN_MAX: usize = 16;

    /// Of a body that was left out.
    pub(crate) fn empty() -> Self {
        Self {
            object: Map::new(),
            problems: Vec::new(),
        }
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.problems.push(FieldError::new(field, message));
    }

    /// Takes a field as it is. `null` counts as absent.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there (and not `null`).
    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a field is there and `null`: what a merge patch empties.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(Value::is_null)
    }

    fn text(&mut self, name: &'static str) -> Option<Option<String>> {
        match self.take(name) {
            None => Some(None),
            Some(Value::String(text)) if text.len() <= STRING_MAX => Some(Some(text)),
            Some(Value::String(_)) => {
                self.refuse(name, "Is too long");
                None
            }
            Some(_) => {
                self.refuse(name, NOT_A_STRING);
                None
            }
        }
    }

    /// An optional string that `parse` understands. The outer `None` means it was refused.
    pub(crate) fn optional<T, M: Into<Cow<'static, str>>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, M>,
    ) -> Option<Option<T>> {
        match self.text(name)? {
            None => Some(None),
            Some(text) => match parse(&text) {
                Ok(value) => Some(Some(value)),
                Err(message) => {
                    self.refuse(name, message);
                    None
                }
            },
        }
    }

    /// A required string that `parse` understands.
    pub(crate) fn required<T, M: Into<Cow<'static, str>>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, M>,
    ) -> Option<T> {
        let value = self.optional(name, parse)?;
        if value.is_none() {
            self.refuse(name, REQUIRED);
        }
        value
    }

    /// An optional string of at most `most` bytes, which may be more than other strings have.
    pub(crate) fn optional_long(
        &mut self,
        name: &'static str,
        most: usize,
    ) -> Option<Option<String>> {
        match self.take(name) {
            None => Some(None),
            Some(Value::String(text)) if text.len() <= most => Some(Some(text)),
            Some(Value::String(_)) => {
                self.refuse(name, format!("Must be at most {most} bytes"));
                None
            }
            Some(_) => {
                self.refuse(name, NOT_A_STRING);
                None
            }
        }
    }

    /// A required string of at most `most` bytes.
    pub(crate) fn required_long(&mut self, name: &'static str, most: usize) -> Option<String> {
        let value = self.optional_long(name, most)?;
        if value.is_none() {
            self.refuse(name, REQUIRED);
        }
        value
    }

    /// An optional whole number within a range.
    pub(crate) fn optional_int(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Option<i64>> {
        match self.take(name) {
            None => Some(None),
            Some(value) => match value.as_i64() {
                Some(number) if range.contains(&number) => Some(Some(number)),
                _ => {
                    self.refuse(
                        name,
                        format!(
                            "Must be a whole number from {} to {}",
                            range.start(),
                            range.end()
                        ),
                    );
                    None
                }
            },
        }
    }

    /// An optional truth value.
    pub(crate) fn optional_bool(&mut self, name: &'static str) -> Option<Option<bool>> {
        match self.take(name) {
            None => Some(None),
            Some(Value::Bool(value)) => Some(Some(value)),
            Some(_) => {
                self.refuse(name, "Must be true or false");
                None
            }
        }
    }

    /// An optional object, as it is.
    pub(crate) fn optional_object(
        &mut self,
        name: &'static str,
    ) -> Option<Option<Map<String, Value>>> {
        match self.take(name) {
            None => Some(None),
            Some(Value::Object(object)) => Some(Some(object)),
            Some(_) => {
                self.refuse(name, "Must be an object");
                None
            }
        }
    }

    /// A required list of strings, each understood by `parse`.
    pub(crate) fn required_list<T, M: Into<Cow<'static, str>>>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, M>,
    ) -> Option<Vec<T>> {
        let items = match self.take(name) {
            None => {
                self.refuse(name, REQUIRED);
                return None;
            }
            Some(Value::Array(items)) if items.len() <= ITEMS_MAX => items,
            Some(Value::Array(_)) => {
                self.refuse(name, "Has too many items");
                return None;
            }
            Some(_) => {
                self.refuse(name, "Must be a list of strings");
                return None;
            }
        };
        let mut out = Vec::with_capacity(items.len());
        let mut good = true;
        for (index, item) in items.iter().enumerate() {
            match item.as_str().map(&parse) {
                Some(Ok(value)) => out.push(value),
                refused => {
                    let message = refused
                        .and_then(Result::err)
                        .map_or(NOT_A_STRING.into(), Into::into);
                    self.refuse(format!("{name}.{index}"), message);
                    good = false;
                }
            }
        }
        good.then_some(out)
    }

    /// Refuses whatever was not read: on the operator face a misspelt setting must not pass for one.
    pub(crate) fn refuse_unknown(&mut self) {
        let unknown = std::mem::take(&mut self.object);
        // The names are the caller's text: few and short, so that an answer stays small.
        for (name, _) in unknown.into_iter().take(Self::UNKNOWN_MAX) {
            let name: String = name.chars().take(64).collect();
            self.refuse(name, "Is not known here");
        }
    }

    /// The request, if no field failed. `build` may use `?` on fields: they are there unless they
    /// were refused.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming every field that failed.
    pub(crate) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> ApiResult<T> {
        if !self.problems.is_empty() {
            return Err(Error::validation(self.problems).into());
        }
        build().ok_or_else(|| Error::internal("a field is missing but was not refused").into())
    }
}

/// Any text: what it is worth is decided by whoever compares it.
pub(crate) fn secret(text: &str) -> Result<SecretText, &'static str> {
    Ok(SecretText::new(text))
}

/// An IP address, IPv4 in its own form.
pub(crate) fn ip(text: &str) -> Result<IpAddr, &'static str> {
    let parsed = text
        .parse::<IpAddr>()
        .map_err(|_| "Must be an IP address")?;
    Ok(parsed.to_canonical())
}

/// A point in time, ISO 8601 with an offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse()
        .map_err(|_| "Must be an ISO 8601 time (e.g. 2027-01-31T00:00:00.000Z)")
}

/// A UUID as 36 characters with hyphens (RFC 9562 §4), no other spelling.
pub(crate) fn uuid<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
    const MESSAGE: &str = "Must be a valid UUID";
    if text.len() == 36 {
        text.parse().map_err(|_| MESSAGE)
    } else {
        Err(MESSAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_domain::AppId;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        let Value::Object(object) = value else {
            panic!()
        };
        Fields::from(JsonBody(object))
    }

    #[test]
    fn every_failing_field_is_named() {
        let mut fields =
            fields(json!({"a": "no", "b": 7, "d": null, "f": "x".repeat(5000), "g": 9}));
        let a = fields.required("a", uuid::<AppId>);
        let b = fields.required("b", uuid::<AppId>);
        let c = fields.required("c", uuid::<AppId>);
        let d = fields.optional("d", uuid::<AppId>);
        let e = fields.optional("e", uuid::<AppId>);
        let f = fields.optional("f", uuid::<AppId>);
        let g = fields.optional_int("g", 1..=5);
        assert_eq!((d, e), (Some(None), Some(None)));
        let error = fields.finish(|| Some((a?, b?, c?, f?, g?))).unwrap_err();
        let named: Vec<_> = error
            .error()
            .details()
            .iter()
            .map(|d| (d.field.as_ref(), d.message.as_ref()))
            .collect();
        assert_eq!(
            named,
            [
                ("a", "Must be a valid UUID"),
                ("b", "Must be a string"),
                ("c", "Is required"),
                ("f", "Is too long"),
                ("g", "Must be a whole number from 1 to 5"),
            ]
        );
    }

    #[test]
    fn unknown_fields_are_refused_when_asked() {
        let mut fields = fields(json!({"nmae": "x"}));
        fields.refuse_unknown();
        let error = fields.finish(|| Some(())).unwrap_err();
        assert_eq!(error.error().details()[0].field, "nmae");
    }

    #[test]
    fn one_spelling_of_a_uuid() {
        let good = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert!(uuid::<AppId>(good).is_ok());
        assert!(uuid::<AppId>(&good.to_uppercase()).is_ok());
        for bad in [
            "",
            "x",
            &good.replace('-', ""),
            &format!("{{{good}}}"),
            &format!("urn:uuid:{good}"),
        ] {
            assert!(uuid::<AppId>(bad).is_err(), "{bad}");
        }
    }
}
