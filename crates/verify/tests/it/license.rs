//! Licence files: good ones, hostile ones, clocks, and what is remembered of the time.

mod accept;
mod clock;
mod hostile;
mod record;

use doorward_verify::license::{armoured, device_hash};
use doorward_verify::{JwksSet, License, LicenseReason, LicenseVerifier, MemoryLastSeen};

use crate::support::*;

pub(crate) const DEVICE: &str = "laptop-7";
/// A file's life here: a day.
pub(crate) const LICENSE_EXP: i64 = IAT + 86_400;

/// The claims of a good file of a licence without an end.
pub(crate) fn license_claims() -> Fields {
    Fields::default()
        .set("iss", text(ISSUER))
        .set("aud", text(SLUG))
        .set("app_id", text(&APP.to_string()))
        .set("license_id", text("018f2e60-0000-7000-8000-000000000005"))
        .set(
            "activation_id",
            text("018f2e60-0000-7000-8000-000000000006"),
        )
        .set("device", text(&device_hash(APP, DEVICE)))
        .set("entitlements", r#"{"export":true,"projects":20}"#)
        .set("metadata", r#"{"order":7}"#)
        .set("max_activations", "3")
        .set("license_expires_at", "null")
        .set("iat", IAT.to_string())
        .set("nbf", IAT.to_string())
        .set("exp", LICENSE_EXP.to_string())
        .set("jti", text("018f2e60-0000-7000-8000-000000000007"))
}

pub(crate) fn license_header() -> Fields {
    EDDSA.header().set("typ", text("license+jwt"))
}

/// The compact JWS over these claims.
pub(crate) fn license(claims: &Fields) -> String {
    EDDSA.token(license_header().json(), claims.json())
}

pub(crate) fn license_keys() -> JwksSet {
    JwksSet::from_json(&doorward_crypto::signing::jwks_json([&EDDSA.public])).unwrap()
}

fn license_verifier() -> LicenseVerifier {
    LicenseVerifier::new(APP, license_keys()).unwrap()
}

/// At a first start.
fn judged(file: &str, now: i64) -> Result<License, LicenseReason> {
    license_verifier().verify(file, DEVICE, at(now), &mut MemoryLastSeen::default())
}

fn good_file() -> String {
    armoured(&license(&license_claims()))
}
