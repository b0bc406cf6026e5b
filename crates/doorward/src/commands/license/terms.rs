//! Terms of a licence, as they stand on a command line.

use doorward_domain::Timestamp;
use doorward_domain::license::parse_line;
use doorward_domain::time::to_micros;
use doorward_service::licenses::Patch;
use serde_json::{Map, Value};

use crate::Outcome;
use crate::commands::expiry;
use crate::failure::Failure;

/// A line of text.
pub(super) fn line(option: &str, text: Option<String>) -> Outcome<Option<String>> {
    let line = text.as_deref().map(parse_line).transpose();
    line.map_err(|rule| Failure::usage(format!("{option}: {rule}")))
}

/// A line of text, where an empty one is none.
pub(super) fn line_or_none(option: &str, text: Option<String>) -> Outcome<Patch<String>> {
    match text {
        None => Ok(Patch::Keep),
        Some(text) if text.is_empty() => Ok(Patch::Clear),
        text => Ok(line(option, text)?.map_or(Patch::Keep, Patch::Set)),
    }
}

/// An end, as exact as it is stored.
pub(super) fn end(text: &str, now: Timestamp) -> Outcome<Timestamp> {
    expiry::parse(text, now).map(to_micros)
}

/// An end, or `never`.
pub(super) fn end_or_never(text: Option<String>, now: Timestamp) -> Outcome<Patch<Timestamp>> {
    match text.as_deref() {
        None => Ok(Patch::Keep),
        Some("never") => Ok(Patch::Clear),
        Some(text) => end(text, now).map(Patch::Set),
    }
}

/// Features and numbers: `NAME=VALUE`, the value as in JSON.
pub(super) fn entitlements(given: &[String]) -> Outcome<Option<Map<String, Value>>> {
    let mut object = Map::new();
    for text in given {
        let read = text
            .split_once('=')
            .and_then(|(name, value)| Some((name.to_owned(), serde_json::from_str(value).ok()?)));
        let Some((name, value)) = read else {
            return Err(Failure::usage(format!(
                "--entitlement {text}: write NAME=true, NAME=false or NAME=20"
            )));
        };
        object.insert(name, value);
    }
    Ok((!object.is_empty()).then_some(object))
}

/// A JSON object.
pub(super) fn object(text: Option<&str>) -> Outcome<Option<Map<String, Value>>> {
    let object = text.map(serde_json::from_str).transpose();
    object.map_err(|error| Failure::usage(format!("--metadata: {error}; write a JSON object")))
}

/// What is given is merged; what is not stays.
pub(super) fn patched<T>(given: Option<T>) -> Patch<T> {
    given.map_or(Patch::Keep, Patch::Set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entitlements_are_read_as_json() {
        let read = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(ToString::to_string).collect();
            entitlements(&given).map(|found| found.map(Value::Object))
        };
        assert_eq!(read(&[]).ok(), Some(None));
        let expected = json!({"export": true, "seats": 20, "beta": null});
        let found = read(&["export=true", "seats=20", "beta=null"]);
        assert_eq!(found.ok(), Some(Some(expected)));
        for bad in ["export", "export=", "export=yes"] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
    }
}
