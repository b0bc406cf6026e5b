//! `sdk/vectors/licenses.json`: licence files, good and hostile, each with the device it is shown on,
//! the clock, and what was remembered.

use doorward_verify::license::{armoured, device_hash};
use doorward_verify::{JwksSet, LicenseVerifier, MemoryLastSeen};
use serde_json::Value;

use super::{compare, kept, lines};
use crate::license::{DEVICE, LICENSE_EXP, license, license_claims, license_header, license_keys};
use crate::support::*;

const FILE: &str = "licenses.json";
const UUID_DEVICE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn document() -> String {
    let about = "Licence files and what a program must make of them without a network. A case \
                 overrides the expectations at the top. 'reasons' is what speaks against the \
                 file, the first reason being the one to refuse it with; a single reason marked \
                 'fatal' is given even in advisory mode. 'last_seen' is what was remembered \
                 before (null: nothing), 'last_seen_after' what must be remembered then. Written \
                 by crates/verify/tests/it/vectors/licenses.rs; the keys are for tests only.";
    let head = Fields::default()
        .set("about", text(about))
        .set("app_id", text(&APP.to_string()))
        .set("device_id", text(DEVICE))
        .set("clock_tolerance_seconds", "300")
        .set("now", NOW.to_string())
        .set("last_seen", "null")
        .set("jwks", doorward_crypto::signing::jwks_json([&EDDSA.public]));
    let devices = [
        DEVICE,
        UUID_DEVICE,
        "01890A5DAC96774BBCCEB302099A8057",
        "Gerät-1",
    ]
    .into_iter()
    .map(|device| {
        Fields::default()
            .set("device_id", text(device))
            .set("device", text(&device_hash(APP, device)))
    })
    .collect();
    lines(&head, &[("devices", devices), ("cases", cases())])
}

fn case(name: &str, file: &str, reasons: &[&str]) -> Fields {
    let reasons: Vec<_> = reasons.iter().map(|reason| text(reason)).collect();
    Fields::default()
        .set("name", text(name))
        .set("reasons", format!("[{}]", reasons.join(",")))
        .set("file", text(file))
}

fn fatal(name: &str, file: &str, reason: &str) -> Fields {
    case(name, file, &[reason]).set("fatal", "true")
}

fn cases() -> Vec<Fields> {
    [good_and_late(), clocks(), others(), malformed()].concat()
}

fn with(name: &str, json: impl Into<String>) -> String {
    license(&license_claims().set(name, json))
}

fn good_and_late() -> Vec<Fields> {
    let jws = license(&license_claims());
    let file = armoured(&jws);
    let ends = |end: i64, until: i64| {
        license(
            &license_claims()
                .set("license_expires_at", end.to_string())
                .set("exp", until.to_string()),
        )
    };
    let at = |fields: Fields, now: i64| fields.set("now", now.to_string());
    let bare = license_claims().without("metadata").without("entitlements");
    vec![
        case("good", &file, &[]).set("last_seen_after", NOW.to_string()),
        case("without armour", &jws, &[]),
        case("CRLF", &file.replace('\n', "\r\n"), &[]),
        case("in a mail", &format!("Hello,\n\n{file}\nYours\n"), &[]),
        case("without metadata and entitlements", &license(&bare), &[]),
        case("a later claim", &with("later", "1"), &[]),
        at(case("last second", &file, &[]), LICENSE_EXP - 1),
        at(case("file expired", &file, &["file_expired"]), LICENSE_EXP)
            .set("last_seen_after", IAT.to_string()),
        at(
            case(
                "licence expired",
                &ends(LICENSE_EXP, LICENSE_EXP),
                &["license_expired"],
            ),
            LICENSE_EXP,
        ),
        at(
            case(
                "file expired before its licence",
                &ends(LICENSE_EXP + 10, LICENSE_EXP),
                &["file_expired"],
            ),
            LICENSE_EXP,
        ),
        at(
            case(
                "both expired",
                &ends(LICENSE_EXP + 10, LICENSE_EXP),
                &["license_expired", "file_expired"],
            ),
            LICENSE_EXP + 10,
        ),
    ]
}

fn clocks() -> Vec<Fields> {
    let file = armoured(&license(&license_claims()));
    let at = |fields: Fields, now: i64| fields.set("now", now.to_string());
    let seen = |fields: Fields, second: i64| fields.set("last_seen", second.to_string());
    vec![
        at(case("clock behind by the tolerance", &file, &[]), IAT - 300)
            .set("last_seen_after", IAT.to_string()),
        at(case("not yet valid", &file, &["not_yet_valid"]), IAT - 301),
        seen(
            case("clock behind what was seen, within tolerance", &file, &[]),
            NOW + 300,
        )
        .set("last_seen_after", (NOW + 300).to_string()),
        seen(
            case("clock set back", &file, &["clock_set_back"]),
            NOW + 301,
        )
        .set("last_seen_after", (NOW + 301).to_string()),
        seen(
            case(
                "clock set back behind the end",
                &file,
                &["clock_set_back", "file_expired"],
            ),
            LICENSE_EXP + 1000,
        ),
        at(
            seen(
                case(
                    "the end was seen, clock within tolerance",
                    &file,
                    &["file_expired"],
                ),
                LICENSE_EXP,
            ),
            LICENSE_EXP - 1,
        ),
    ]
}

fn others() -> Vec<Fields> {
    let file = armoured(&license(&license_claims()));
    let uuid = with("device", text(&device_hash(APP, UUID_DEVICE)));
    let claims_json = license_claims().json();
    let header = |name: &str, json: String| {
        EDDSA.token(license_header().set(name, json).json(), &claims_json)
    };
    let good = license(&license_claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let more = encode(license_claims().set("max_activations", "1000").json());
    let service = RS256.header().set("typ", text("license+jwt"));
    vec![
        case("another device", &file, &["other_device"]).set("device_id", text("laptop-8")),
        case(
            "another case of the device's name",
            &file,
            &["other_device"],
        )
        .set("device_id", text("LAPTOP-7")),
        case("a UUID in another spelling", &uuid, &[])
            .set("device_id", text(&UUID_DEVICE.to_uppercase())),
        fatal(
            "another app",
            &with("app_id", text("018f2e60-0000-7000-8000-00000000000c")),
            "other_app",
        ),
        fatal(
            "an access token",
            &EDDSA.with_claims(&claims()),
            "wrong_type",
        ),
        fatal("typ at+jwt", &header("typ", text("at+jwt")), "wrong_type"),
        fatal(
            "without typ",
            &EDDSA.token(license_header().without("typ").json(), &claims_json),
            "wrong_type",
        ),
        fatal("unknown kid", &header("kid", text("x")), "unknown_key"),
        fatal(
            "signed with the service's key",
            &RS256.token(service.json(), &claims_json),
            "unknown_key",
        ),
        fatal(
            "more slots written into it",
            &format!("{head}.{more}.{signature}"),
            "bad_signature",
        ),
        fatal("alg none", &header("alg", text("none")), "not_a_license"),
        fatal("alg HS256", &header("alg", text("HS256")), "not_a_license"),
        fatal(
            "jwk in the header",
            &header("jwk", EDDSA.public.jwk_json()),
            "not_a_license",
        ),
    ]
}

fn malformed() -> Vec<Fields> {
    let file = armoured(&license(&license_claims()));
    let mut out = vec![
        fatal("empty", "", "not_a_license"),
        fatal("a text", "Dear customer", "not_a_license"),
        fatal(
            "without its end",
            &file.replace("-----END", ""),
            "not_a_license",
        ),
        fatal("two files", &format!("{file}{file}"), "not_a_license"),
        fatal(
            "exp not after iat",
            &with("exp", IAT.to_string()),
            "not_a_license",
        ),
        fatal(
            "outlives its licence",
            &with("license_expires_at", (LICENSE_EXP - 1).to_string()),
            "not_a_license",
        ),
    ];
    for (name, _) in license_claims().0 {
        if name != "entitlements" && name != "metadata" {
            let without = license(&license_claims().without(&name));
            out.push(fatal(&format!("no {name}"), &without, "not_a_license"));
        }
        let object = with(&name, "[]");
        out.push(fatal(
            &format!("{name} is a list"),
            &object,
            "not_a_license",
        ));
    }
    out
}

#[test]
fn the_file_is_what_the_generator_makes() {
    compare(FILE, &document());
}

/// Reads the file as another SDK's test would.
#[test]
fn every_case_yields_what_the_file_says() {
    let file = kept(FILE);
    let app = file["app_id"].as_str().unwrap().parse().unwrap();
    for device in file["devices"].as_array().unwrap() {
        let hash = device_hash(app, device["device_id"].as_str().unwrap());
        assert_eq!(device["device"], hash);
    }
    let jwks = JwksSet::from_json(&file["jwks"].to_string()).unwrap();
    assert_eq!(jwks.iter().count(), license_keys().iter().count());
    let verifier = LicenseVerifier::new(app, jwks).unwrap();
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let field = |name: &str| case.get(name).unwrap_or(&file[name]);
        let mut seen = MemoryLastSeen(field("last_seen").as_i64().map(at));
        let now = at(field("now").as_i64().unwrap());
        let device = field("device_id").as_str().unwrap();
        let text = case["file"].as_str().unwrap();
        let (fatal, reasons) = match verifier.assess(text, device, now, &mut seen) {
            Ok(assessment) => (false, assessment.reasons),
            Err(reason) => (true, vec![reason]),
        };
        let names: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(case["reasons"], Value::from(names), "{}", case["name"]);
        assert_eq!(case.get("fatal").is_some(), fatal, "{}", case["name"]);
        if let Some(after) = case.get("last_seen_after") {
            assert_eq!(after.as_i64().map(at), seen.0, "{}", case["name"]);
        }
    }
    assert!(cases.len() >= 50);
}
