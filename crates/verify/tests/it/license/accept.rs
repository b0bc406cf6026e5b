//! What the issuer makes, the verifier accepts, with every claim as it was put in.

use doorward_crypto::LicenseFileClaims;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::{ActivationId, AppId, LicenseId};
use doorward_verify::{Entitlement, LicenseBuildError};
use serde_json::json;
use uuid::Uuid;

use super::*;

#[test]
fn files_of_the_issuer_with_every_claim() {
    let metadata = json!({"order": {"id": 7}, "x": [null, 1.5]});
    let id = Uuid::from_u128;
    for end in [None, Some(LICENSE_EXP), Some(LICENSE_EXP + 1)] {
        let jws = LicenseFileClaims {
            iss: ISSUER,
            aud: SLUG,
            app_id: AppId::from_uuid(APP),
            license_id: LicenseId::from_uuid(id(5)),
            activation_id: ActivationId::from_uuid(id(6)),
            device: &device_hash(APP, DEVICE),
            entitlements: &Entitlements::parse(&json!({"export": true, "projects": 20})).unwrap(),
            metadata: metadata.as_object().unwrap(),
            max_activations: 3,
            license_expires_at: end,
            iat: IAT,
            nbf: IAT,
            exp: LICENSE_EXP,
            jti: id(7),
        }
        .sign(&EDDSA.signing_key())
        .unwrap();
        for file in [armoured(&jws), jws.clone(), format!("\n{jws}\r\n")] {
            let license = judged(&file, NOW).unwrap();
            assert_eq!(
                (license.iss.as_str(), license.app_slug.as_str()),
                (ISSUER, SLUG)
            );
            assert_eq!((license.app_id, license.license_id), (APP, id(5)));
            assert_eq!((license.activation_id, license.jti), (id(6), id(7)));
            assert_eq!(
                license.entitlement("export"),
                Some(Entitlement::Feature(true))
            );
            assert_eq!(
                license.entitlement("projects"),
                Some(Entitlement::Number(20))
            );
            assert_eq!(license.entitlement("other"), None);
            assert_eq!(license.metadata, *metadata.as_object().unwrap());
            assert_eq!(license.max_activations, 3);
            assert_eq!(license.license_expires_at, end.map(at));
            assert_eq!(
                (license.issued_at, license.expires_at),
                (at(IAT), at(LICENSE_EXP))
            );
        }
    }
}

#[test]
fn absent_means_none_and_later_claims_do_no_harm() {
    let bare = license_claims().without("metadata").without("entitlements");
    let bare = judged(&license(&bare.set("later", "1")), NOW).unwrap();
    assert!(bare.metadata.is_empty() && bare.entitlements.is_empty());
}

/// An app may keep whatever it likes with a licence, as deep as the API takes it.
#[test]
fn deep_and_large_metadata() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    judged(&license(&license_claims().set("metadata", deep)), NOW).unwrap();
    let large = format!("{{\"a\":{}}}", text(&"x".repeat(20_000)));
    let file = armoured(&license(&license_claims().set("metadata", large)));
    assert!(file.len() > doorward_verify::MAX_TOKEN_LEN);
    judged(&file, NOW).unwrap();
}

/// A UUID has one meaning, however it is written.
#[test]
fn device_ids() {
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    let file = license(&license_claims().set("device", text(&device_hash(APP, uuid))));
    let judged = |device: &str| {
        license_verifier()
            .verify(&file, device, at(NOW), &mut MemoryLastSeen::default())
            .map(|_| ())
    };
    assert_eq!(judged(uuid), Ok(()));
    assert_eq!(judged(&uuid.to_uppercase()), Ok(()));
    let other = Err(LicenseReason::OtherDevice);
    for device in ["", DEVICE, "01890a5d-ac96-774b-bcce-b302099a8058"] {
        assert_eq!(judged(device), other);
    }
    // Other ids are compared as they are.
    let named = license_verifier().verify(
        &good_file(),
        "LAPTOP-7",
        at(NOW),
        &mut MemoryLastSeen::default(),
    );
    assert_eq!(named.map(|_| ()), other);
}

#[test]
fn cannot_be_built_without_an_app_or_with_any_tolerance() {
    let nil = LicenseVerifier::new(Uuid::nil(), license_keys());
    assert_eq!(nil.unwrap_err(), LicenseBuildError::App);
    license_verifier().clock_tolerance_seconds(86_400).unwrap();
    let day_and_more = license_verifier().clock_tolerance_seconds(86_401);
    assert_eq!(day_and_more.unwrap_err(), LicenseBuildError::Tolerance);
}
