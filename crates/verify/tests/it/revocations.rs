//! The revocation feed, as a consumer reads it.

mod held;
mod hostile;
mod lookup;
mod polling;
mod verdict;

use std::sync::Arc;

use doorward_verify::revocations::RevocationsBuilder;
use doorward_verify::{Revocations, WhenStale};
use uuid::Uuid;

use crate::support::*;

/// The good token's session and user.
pub(crate) const SESSION: Uuid = Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_0003);
pub(crate) const USER: Uuid = Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_0001);
/// A feed lives so long here.
pub(crate) const FEED_LIFE: i64 = 120;

/// The feed made at this second.
pub(crate) fn feed_at(made: i64, fill: impl FnOnce(&mut RevocationsBuilder)) -> String {
    let mut builder = RevocationsBuilder::new(ISSUER, APP, at(made), at(made + FEED_LIFE));
    fill(&mut builder);
    signed(&String::from_utf8(builder.payload_json()).unwrap())
}

pub(crate) fn feed_header() -> Fields {
    RS256.header().set("typ", text("revocations+jwt"))
}

pub(crate) fn signed(payload: &str) -> String {
    RS256.token(feed_header().json(), payload)
}

/// The claims of a good, empty feed.
pub(crate) fn feed_claims() -> Fields {
    Fields::default()
        .set("iss", text(ISSUER))
        .set("app_id", text(&APP.to_string()))
        .set("iat", NOW.to_string())
        .set("exp", (NOW + FEED_LIFE).to_string())
        .set("sessions", text(""))
        .set("users", text(""))
        .set("issued_until", "null")
}

fn empty() -> Arc<Revocations> {
    Arc::new(Revocations::new(ISSUER, APP))
}

fn holding(document: &str) -> Arc<Revocations> {
    let held = empty();
    held.take(document, None, &KEYS, at(NOW)).unwrap();
    held
}

fn verdict(
    held: &Arc<Revocations>,
    when_stale: WhenStale,
    token: &Fields,
    now: i64,
) -> Result<(), doorward_verify::VerifyError> {
    doorward_verify::Verifier::builder(ISSUER, APP, doorward_verify::Audience::ServiceUrl)
        .revocations(Arc::clone(held), when_stale)
        .build()
        .unwrap()
        .verify(&RS256.with_claims(token), &KEYS, at(now))
        .map(|_| ())
}
