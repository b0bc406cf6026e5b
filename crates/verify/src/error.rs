//! Why a token is refused. The public face is one of four codes; the reason is for the log.

/// A refused token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Everything about it is right, but its time is over: the client should refresh.
    #[error("TOKEN_EXPIRED")]
    Expired,
    /// It is not acceptable, now or later.
    #[error("TOKEN_INVALID")]
    Invalid(Reason),
    /// It was good, and its session, its user's sessions or all of the app's were ended: the person
    /// has to sign in again.
    #[error("TOKEN_REVOKED")]
    Revoked(Reason),
    /// Whether it is good cannot be said now: this consumer lacks current keys or revocations. The
    /// client keeps its token and tries again later.
    #[error("SERVICE_UNAVAILABLE")]
    Unavailable(Reason),
}

impl VerifyError {
    /// The code to answer with.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "TOKEN_EXPIRED",
            Self::Invalid(_) => "TOKEN_INVALID",
            Self::Revoked(_) => "TOKEN_REVOKED",
            Self::Unavailable(_) => "SERVICE_UNAVAILABLE",
        }
    }

    /// The HTTP status to answer with: 401, or 503 where the fault is not the token's.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Expired | Self::Invalid(_) | Self::Revoked(_) => 401,
            Self::Unavailable(_) => 503,
        }
    }

    /// What exactly is wrong: for the consumer's own log, not for the caller.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Expired => None,
            Self::Invalid(reason) | Self::Revoked(reason) | Self::Unavailable(reason) => {
                Some(reason)
            }
        }
    }
}

impl From<Reason> for VerifyError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::SessionRevoked | Reason::UserRevoked | Reason::AppRevoked => {
                Self::Revoked(reason)
            }
            Reason::KeysUnavailable | Reason::RevocationsStale => Self::Unavailable(reason),
            _ => Self::Invalid(reason),
        }
    }
}

/// What is wrong with a refused token. Contains nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Longer than [`crate::MAX_TOKEN_LEN`].
    #[error("longer than 16 KiB")]
    TooLarge,
    /// Not three parts, each with contents, separated by dots (RFC 7515 §7.1).
    #[error("not a signed token in compact form")]
    NotCompact,
    /// A part is not base64url as RFC 7515 §2 has it: no padding, no white space, no stray bits.
    #[error("not strict base64url")]
    Encoding,
    /// The header is not a JSON object, or names a member twice, or is too deep.
    #[error("header is not strict JSON")]
    HeaderJson,
    /// A header parameter that brings its own key or changes the rules: `jwk`, `jku`, `x5u`,
    /// `x5c`, `x5t`, `crit`, `b64`, `zip`, `enc` (ASVS 9.1.3, RFC 8725 §3.10).
    #[error("forbidden header parameter")]
    ForbiddenHeader,
    /// `alg` is missing, not allowed here, or not the key's own (RFC 8725 §3.1).
    #[error("algorithm not allowed")]
    Algorithm,
    /// `kid` is missing or not text.
    #[error("no key id")]
    KeyId,
    /// No key has this `kid`.
    #[error("unknown key")]
    UnknownKey,
    /// The signature does not verify.
    #[error("wrong signature")]
    Signature,
    /// `typ` is not the expected one, for an access token `at+jwt` (RFC 8725 §3.11, RFC 9068 §4).
    #[error("another type of document")]
    Type,
    /// The claims are not a JSON object, or name a claim twice, or are too deep.
    #[error("claims are not strict JSON")]
    ClaimsJson,
    /// This claim is missing or of a wrong type.
    #[error("claim {0} is missing or malformed")]
    Claim(&'static str),
    /// `iss` is another issuer.
    #[error("another issuer")]
    Issuer,
    /// `aud` does not contain this consumer.
    #[error("another audience")]
    Audience,
    /// `app_id` or `app_slug` is another app's.
    #[error("another app")]
    App,
    /// `nbf` lies in the future.
    #[error("not yet valid")]
    NotYetValid,
    /// `iat` or `auth_time` lies in the future.
    #[error("issued in the future")]
    IssuedInFuture,
    /// `exp` is not after `iat` and `nbf`.
    #[error("times contradict each other")]
    Times,
    /// No usable keys: they could never be fetched, or not for too long.
    #[error("no keys to verify with")]
    KeysUnavailable,
    /// The session has ended, says the revocation feed.
    #[error("the session was revoked")]
    SessionRevoked,
    /// The user's sessions were ended after this token was issued, says the revocation feed.
    #[error("the user's tokens were revoked")]
    UserRevoked,
    /// The app's tokens were all revoked after this one was issued, says the revocation feed.
    #[error("the app's tokens were revoked")]
    AppRevoked,
    /// There is no current revocation feed to go by.
    #[error("no current revocations to go by")]
    RevocationsStale,
}
