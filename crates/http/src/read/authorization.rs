//! The `Authorization` header.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use doorward_domain::Code;
use doorward_domain::secret::SecretText;
use doorward_service::Error;

use crate::error::{ApiError, ApiResult, Challenge};

/// What the header holds.
#[derive(Debug)]
pub(crate) enum Authorization {
    /// There is none.
    Absent,
    /// User and password, undecided whether they mean anything (RFC 7617).
    Basic { user: String, password: SecretText },
    /// A token (RFC 6750 §2.1).
    Bearer(SecretText),
    /// A scheme that nothing here understands, or a header that is no text.
    Unknown,
}

/// Reads it.
///
/// # Errors
/// `VALIDATION_ERROR` when it is sent twice; `TOKEN_INVALID` when Basic does not decode.
pub(crate) fn authorization(headers: &HeaderMap) -> ApiResult<Authorization> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Authorization::Absent);
    };
    if values.next().is_some() {
        return Err(Error::field("Authorization", "Must be sent once").into());
    }
    let Ok(text) = value.to_str() else {
        return Ok(Authorization::Unknown);
    };
    // Scheme names do not care about case (RFC 9110 §11.1); credentials follow after spaces.
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Authorization::Bearer(SecretText::new(rest)))
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest).ok_or_else(|| ApiError::new(Code::TokenInvalid).challenging(Challenge::Basic))
    } else {
        Ok(Authorization::Unknown)
    }
}

/// RFC 7617 §2: base64 of `user:password`; the first colon divides.
fn basic(encoded: &str) -> Option<Authorization> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Authorization::Basic {
        user: user.to_owned(),
        password: SecretText::new(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> ApiResult<Authorization> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        authorization(&headers)
    }

    #[test]
    fn schemes() {
        assert!(matches!(read(&[]), Ok(Authorization::Absent)));
        assert!(matches!(read(&["Digest x"]), Ok(Authorization::Unknown)));
        assert!(
            matches!(read(&["bearer  abc"]), Ok(Authorization::Bearer(t)) if t.expose() == "abc")
        );
        assert!(matches!(read(&["Bearer"]), Ok(Authorization::Bearer(t)) if t.expose().is_empty()));
        // RFC 7617 §2, its own example.
        let basic = read(&["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
        assert!(matches!(basic, Ok(Authorization::Basic { user, password })
                if user == "Aladdin" && password.expose() == "open sesame"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["Basic", "Basic !", "Basic QWxhZGRpbg==", "Basic /w=="] {
            assert_eq!(
                read(&[bad]).unwrap_err().error().code(),
                Code::TokenInvalid,
                "{bad}"
            );
        }
        let twice = read(&["Bearer a", "Bearer b"]).unwrap_err();
        assert_eq!(twice.error().code(), Code::ValidationError);
    }
}
