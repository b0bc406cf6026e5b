//! Everything a consumer checks, as one.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::claims::VerifiedToken;
use crate::error::{Reason, VerifyError};
use crate::header::Header;
use crate::jwks::JwksSet;
use crate::jws::{self, Parts};
use crate::key::Algorithm;
use crate::revocations::{Revocations, WhenStale};
use crate::rotating::{FetchJwks, RotatingKeys};

/// The `typ` of access tokens (RFC 9068 §2.1).
const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// Tolerance for clocks that differ, unless set otherwise, in seconds.
const DEFAULT_TOLERANCE_SECONDS: i64 = 30;
/// The most that can be set.
const MAX_TOLERANCE_SECONDS: i64 = 60;

/// Which audience a token must name. Doorward's tokens name both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Audience {
    /// The service's URL, i.e. the issuer.
    #[default]
    ServiceUrl,
    /// The app's slug; `app_slug` must equal it as well.
    Slug(String),
    /// The service's URL and the app's slug.
    ServiceUrlAndSlug(String),
}

/// Why a verifier cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The issuer is not an http(s) URL.
    #[error("the issuer must be the service's URL, exactly as in its tokens")]
    Issuer,
    /// The slug is empty.
    #[error("the app's slug must not be empty")]
    Slug,
    /// The app's id is the nil UUID.
    #[error("the app's id must not be nil")]
    App,
    /// No algorithm is allowed.
    #[error("at least one algorithm must be allowed")]
    Algorithms,
    /// More than 60 seconds of tolerance.
    #[error("the clock tolerance must be at most 60 seconds")]
    Tolerance,
    /// The revocations are of another issuer or app.
    #[error("the revocations must be of the same issuer and app")]
    Revocations,
}

/// Makes a [`Verifier`]. Issuer, app and audience were given when it was made; there is nothing
/// here that switches a check off.
#[derive(Debug, Clone)]
#[must_use]
pub struct VerifierBuilder {
    issuer: String,
    app_id: Uuid,
    audience: Audience,
    algorithms: Vec<Algorithm>,
    tolerance_seconds: u32,
    revocations: Option<(Arc<Revocations>, WhenStale)>,
}

impl VerifierBuilder {
    /// Allows exactly these algorithms instead of RS256 alone. Each key still verifies only its own.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Tolerance for clocks that differ, in whole seconds: 0 to 60, by default 30. It is the only
    /// way in which a time may be off, and it applies once to each comparison.
    pub const fn clock_tolerance_seconds(mut self, seconds: u32) -> Self {
        self.tolerance_seconds = seconds;
        self
    }

    /// Refuses what these revocations name. Something else keeps them new, for example a
    /// [`crate::RotatingRevocations`]; `when_stale` says what to do while nothing does.
    pub fn revocations(mut self, revocations: Arc<Revocations>, when_stale: WhenStale) -> Self {
        self.revocations = Some((revocations, when_stale));
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// [`BuildError`] when an expectation is empty or out of range.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let rest = self
            .issuer
            .strip_prefix("https://")
            .or(self.issuer.strip_prefix("http://"));
        if rest.is_none_or(str::is_empty) || self.issuer.contains(char::is_whitespace) {
            return Err(BuildError::Issuer);
        }
        if self.app_id.is_nil() {
            return Err(BuildError::App);
        }
        if let Audience::Slug(slug) | Audience::ServiceUrlAndSlug(slug) = &self.audience
            && slug.is_empty()
        {
            return Err(BuildError::Slug);
        }
        if self.algorithms.is_empty() {
            return Err(BuildError::Algorithms);
        }
        let tolerance = i64::from(self.tolerance_seconds);
        if tolerance > MAX_TOLERANCE_SECONDS {
            return Err(BuildError::Tolerance);
        }
        if let Some((revocations, _)) = &self.revocations
            && !revocations.is_of(&self.issuer, self.app_id)
        {
            return Err(BuildError::Revocations);
        }
        Ok(Verifier {
            issuer: self.issuer,
            app_id: self.app_id,
            audience: self.audience,
            algorithms: self.algorithms,
            tolerance,
            revocations: self.revocations,
        })
    }
}

/// Verifies access tokens of one app.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuer: String,
    app_id: Uuid,
    audience: Audience,
    algorithms: Vec<Algorithm>,
    tolerance: i64,
    revocations: Option<(Arc<Revocations>, WhenStale)>,
}

impl Verifier {
    /// Starts a verifier for tokens that `issuer` (the service's URL, compared exactly) made for
    /// this app and this audience.
    pub fn builder(issuer: impl Into<String>, app_id: Uuid, audience: Audience) -> VerifierBuilder {
        VerifierBuilder {
            issuer: issuer.into(),
            app_id,
            audience,
            algorithms: vec![Algorithm::Rs256],
            tolerance_seconds: DEFAULT_TOLERANCE_SECONDS.unsigned_abs() as u32,
            revocations: None,
        }
    }

    /// Checks a token: form, header, algorithm, signature, type, claims and their types, issuer,
    /// audience, app, times, revocations. `now` is the time to judge it by.
    ///
    /// # Errors
    /// [`VerifyError::Expired`] when nothing but its age is wrong; [`VerifyError::Revoked`] when
    /// the revocations name it, [`VerifyError::Unavailable`] when they are stale and must not be;
    /// else [`VerifyError::Invalid`].
    pub fn verify(
        &self,
        token: &str,
        keys: &JwksSet,
        now: Timestamp,
    ) -> Result<VerifiedToken, VerifyError> {
        self.check_header(token)?;
        let jws = jws::verify_compact(token, keys)?;
        let token = VerifiedToken::parse(&jws.payload)?;
        self.check_claims(&token)?;
        self.check_times(&token, now)?;
        self.check_revocations(&token)?;
        self.check_age(&token, now)?;
        self.check_staleness(now)?;
        Ok(token)
    }

    /// [`Verifier::verify`] with keys that are fetched, cached and renewed as needed.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; without usable keys every token is [`VerifyError::Unavailable`].
    pub async fn verify_with<F: FetchJwks>(
        &self,
        token: &str,
        keys: &RotatingKeys<F>,
        now: Timestamp,
    ) -> Result<VerifiedToken, VerifyError> {
        // What is refused anyway must not make anybody fetch keys.
        let header = self.check_header(token)?;
        let keys = keys
            .keys_for(&header.kid, now)
            .await
            .ok_or(Reason::KeysUnavailable)?;
        self.verify(token, &keys, now)
    }

    fn check_header(&self, token: &str) -> Result<Header, Reason> {
        let header = Header::parse(Parts::split(token)?.header)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(Reason::Algorithm);
        }
        if !header.is_of_type(ACCESS_TOKEN_TYP) {
            return Err(Reason::Type);
        }
        Ok(header)
    }

    fn check_claims(&self, token: &VerifiedToken) -> Result<(), Reason> {
        if token.iss != self.issuer {
            return Err(Reason::Issuer);
        }
        let names = |audience: &str| token.aud.iter().any(|named| named == audience);
        let (addressed, slug) = match &self.audience {
            Audience::ServiceUrl => (names(&self.issuer), None),
            Audience::Slug(slug) => (names(slug), Some(slug)),
            Audience::ServiceUrlAndSlug(slug) => (names(&self.issuer) && names(slug), Some(slug)),
        };
        if !addressed {
            return Err(Reason::Audience);
        }
        if token.app_id != self.app_id || slug.is_some_and(|slug| *slug != token.app_slug) {
            return Err(Reason::App);
        }
        Ok(())
    }

    fn check_times(&self, token: &VerifiedToken, now: Timestamp) -> Result<(), Reason> {
        let [iat, nbf, exp, auth_time] =
            [token.iat, token.nbf, token.exp, token.auth_time].map(Timestamp::as_second);
        let latest = now.as_second().saturating_add(self.tolerance);
        if exp <= iat || exp <= nbf {
            return Err(Reason::Times);
        }
        if nbf > latest {
            return Err(Reason::NotYetValid);
        }
        if iat > latest || auth_time > latest {
            return Err(Reason::IssuedInFuture);
        }
        Ok(())
    }

    /// What a stale list names is refused as well: a revocation is never taken back.
    fn check_revocations(&self, token: &VerifiedToken) -> Result<(), Reason> {
        let list = self.revocations.as_ref().and_then(|(held, _)| held.list());
        match list.and_then(|list| list.refusal(token)) {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// Comes after every fault of the token, so that "expired" means: refresh, and all will be well.
    fn check_age(&self, token: &VerifiedToken, now: Timestamp) -> Result<(), VerifyError> {
        // A fraction of a second is cut off: a token is dead at the second it names, not after it.
        let dead_from = token.exp.as_second().saturating_add(self.tolerance);
        if now.as_second() >= dead_from {
            return Err(VerifyError::Expired);
        }
        Ok(())
    }

    /// Comes last: it is a fault of ours, not of the token.
    fn check_staleness(&self, now: Timestamp) -> Result<(), Reason> {
        match &self.revocations {
            Some((held, WhenStale::Refuse)) if held.is_stale(now) => Err(Reason::RevocationsStale),
            _ => Ok(()),
        }
    }
}
