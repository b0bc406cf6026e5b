//! `--set key=value`: settings of an app, as a JSON merge patch (RFC 7396).

use serde_json::{Map, Value};

use crate::Outcome;
use crate::failure::Failure;

/// Reads `limits.otp_per_contact.max=5` and the like. A value that is no JSON is a text.
pub(super) fn patch(pairs: &[String]) -> Outcome<Map<String, Value>> {
    let mut patch = Map::new();
    for pair in pairs {
        let (key, text) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| Failure::usage(format!("--set {pair}: write KEY=VALUE")))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        put(&mut patch, key, value)
            .ok_or_else(|| Failure::usage(format!("--set {key}: contradicts another --set")))?;
    }
    Ok(patch)
}

fn put(object: &mut Map<String, Value>, key: &str, value: Value) -> Option<()> {
    match key.split_once('.') {
        None => object.insert(key.to_owned(), value).is_none().then_some(()),
        Some((first, rest)) => {
            let inner = object
                .entry(first)
                .or_insert_with(|| Value::Object(Map::new()));
            put(inner.as_object_mut()?, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_nest_and_json_is_read() {
        let pairs = [
            "otp_seconds=120",
            "language=de",
            "limits.a.max=5",
            "limits.b=null",
        ];
        let patch = patch(&pairs.map(str::to_owned)).unwrap();
        assert_eq!(
            Value::Object(patch),
            serde_json::json!({
                "otp_seconds": 120, "language": "de", "limits": { "a": { "max": 5 }, "b": null }
            })
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            vec!["a"],
            vec!["=1"],
            vec!["a=1", "a=2"],
            vec!["a=1", "a.b=2"],
        ] {
            let bad: Vec<String> = bad.into_iter().map(str::to_owned).collect();
            assert!(patch(&bad).is_err(), "{bad:?}");
        }
    }
}
