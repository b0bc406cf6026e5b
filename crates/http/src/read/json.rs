//! JSON with one meaning: duplicate keys and deep nesting are refused (ASVS 1.5.3).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting accepted; our own requests need 3.
const DEPTH_MAX: u8 = 8;

/// Parses a text that is one JSON object.
///
/// # Errors
/// What is wrong with it, for the caller. Never a part of the text: it may hold a secret.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: DEPTH_MAX }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| explain(&error))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err("Must be a JSON object"),
    }
}

const DUPLICATE: &str = "Must not contain the same key twice";
const TOO_DEEP: &str = "Must not be nested so deeply";

fn explain(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    [DUPLICATE, TOO_DEEP]
        .into_iter()
        .find(|known| text.starts_with(known))
        .unwrap_or("Must be valid JSON")
}

#[derive(Clone, Copy)]
struct Strict {
    depth: u8,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        self.depth
            .checked_sub(1)
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom(TOO_DEEP))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // `60.0` is the number 60 (RFC 8259 §6 knows one kind); beyond 2^53 they cannot be told apart.
        #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
        if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
            return Ok(Value::Number((value as i64).into()));
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if out.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_objects_pass_unchanged() {
        let text = r#"{"a": "x", "b": [1, -2, 2.5, true, null], "c": {"d": "\u00e9"}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            Value::Object(parse_object(text.as_bytes()).unwrap()),
            expected
        );
    }

    #[test]
    fn whole_numbers_are_whole_however_written() {
        let object = parse_object(br#"{"a": 60.0, "b": 6e1, "c": 60.5, "d": 1e300}"#).unwrap();
        assert_eq!(
            (object["a"].as_i64(), object["b"].as_i64()),
            (Some(60), Some(60))
        );
        assert_eq!((object["c"].as_i64(), object["d"].as_i64()), (None, None));
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        assert_eq!(parse_object(br#"{"a":1,"a":2}"#).unwrap_err(), DUPLICATE);
        assert_eq!(
            parse_object(br#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err(),
            DUPLICATE
        );
        let deep = format!("{}1{}", r#"{"a":"#.repeat(9), "}".repeat(9));
        assert_eq!(parse_object(deep.as_bytes()).unwrap_err(), TOO_DEEP);
        let bomb = "[".repeat(100_000);
        assert_eq!(parse_object(bomb.as_bytes()).unwrap_err(), TOO_DEEP);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "null", "\"x\""] {
            assert_eq!(
                parse_object(text.as_bytes()).unwrap_err(),
                "Must be a JSON object"
            );
        }
        for text in [
            "",
            "{",
            "{}{}",
            "{} x",
            "{'a':1}",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"a\":1,}",
        ] {
            assert_eq!(
                parse_object(text.as_bytes()).unwrap_err(),
                "Must be valid JSON",
                "{text}"
            );
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_err());
    }
}
