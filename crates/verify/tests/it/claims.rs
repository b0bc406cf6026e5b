//! Each claim wrong, missing and of a wrong type in turn; all else is right, the signature too.

use doorward_verify::{Audience, Reason, Verifier, VerifyError};

use crate::support::*;

const NAMES: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "app_id",
    "app_slug",
    "tenant_id",
    "roles",
    "sid",
    "iat",
    "nbf",
    "exp",
    "jti",
    "auth_time",
    "amr",
];

#[test]
fn the_table_knows_every_claim() {
    let names: Vec<_> = claims().0.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, NAMES);
    verify(&RS256.with_claims(&claims())).unwrap();
}

#[test]
fn missing() {
    for name in NAMES {
        let refused = refusal(&RS256.with_claims(&claims().without(name)));
        assert_eq!(refused, Reason::Claim(name));
    }
    assert_eq!(
        refusal(&RS256.token(RS256.header().json(), "{}")),
        Reason::Claim("iss")
    );
}

/// Renamed or nested, a claim is not there.
#[test]
fn elsewhere() {
    for name in NAMES {
        let whole = claims();
        let (_, json) = whole.0.iter().find(|(known, _)| known == name).unwrap();
        for (other, value) in [
            (name.to_uppercase(), json.clone()),
            (format!("{name} "), json.clone()),
            ("claims".to_owned(), format!("{{{}:{json}}}", text(name))),
        ] {
            let moved = claims().without(name).set(&other, value);
            assert_eq!(refusal(&RS256.with_claims(&moved)), Reason::Claim(name));
        }
    }
}

fn wrong_types(name: &str) -> Vec<&'static str> {
    let common = ["true", "{}", "1.5", "[1]", "[null]", "[[]]"];
    let texts = ["null", "0", "[]", "\"\"", r#"["x"]"#];
    let ids = [
        "\"x\"",
        "\"018f2e60000070008000000000000001\"",
        "\"{018f2e60-0000-7000-8000-000000000001}\"",
        "\"urn:uuid:018f2e60-0000-7000-8000-000000000001\"",
        "\"018F2E60-0000-7000-8000-000000000001\"",
        "\"018f2e60-0000-7000-8000-000000000001 \"",
    ];
    let lists = [
        "null",
        "0",
        "\"\"",
        "\"x\"",
        r#"["x",1]"#,
        r#"["x",""]"#,
        r#"["x",null]"#,
    ];
    let times = [
        "null",
        "\"\"",
        "\"1767323045\"",
        "[]",
        "1767323045.0",
        "1767323045.5",
        "1.767323045e9",
        "-1",
        "-0",
        "9223372036854775807",
        "18446744073709551616",
        "1e400",
        "253402300800",
        "99999999999999",
    ];
    let own: &[&str] = match name {
        "iss" | "app_slug" => &texts,
        "sub" | "app_id" | "sid" | "jti" => &ids,
        "tenant_id" => &["\"\"", "\"null\"", "false", "0", "[]", "\"x\""],
        "aud" | "roles" | "amr" => &lists,
        _ => &times,
    };
    common.iter().chain(own).copied().collect()
}

#[test]
fn wrong_type() {
    for name in NAMES {
        for json in wrong_types(name) {
            let refused = refusal(&RS256.with_claims(&claims().set(name, json)));
            // A number beyond what JSON can hold does not even parse.
            let expected = if json == "1e400" {
                Reason::ClaimsJson
            } else {
                Reason::Claim(name)
            };
            assert_eq!(refused, expected, "{name} = {json}");
        }
    }
}

/// Absent means none; present, they must be what they are said to be.
#[test]
fn permissions_and_entitlements() {
    for json in [
        "null",
        "{}",
        "true",
        r#""a""#,
        "[1]",
        r#"["a",""]"#,
        r#"["a",null]"#,
    ] {
        let token = RS256.with_claims(&claims().set("permissions", json));
        assert_eq!(refusal(&token), Reason::Claim("permissions"), "{json}");
    }
    for json in WRONG_ENTITLEMENTS {
        let token = RS256.with_claims(&claims().set("entitlements", json));
        assert_eq!(refusal(&token), Reason::Claim("entitlements"), "{json}");
    }
    let twice = claims().set("entitlements", r#"{"a":true,"a":false}"#);
    assert_eq!(refusal(&RS256.with_claims(&twice)), Reason::ClaimsJson);
    let empty = claims().set("permissions", "[]").set("entitlements", "{}");
    let empty = verify(&RS256.with_claims(&empty)).unwrap();
    assert!(empty.permissions.is_empty() && empty.entitlements.is_empty());
}

/// Compared character by character: a slash, a port, a case or a path more is another issuer.
#[test]
fn issuer() {
    let others = [
        "https://auth.example.com/",
        "http://auth.example.com",
        "https://AUTH.example.com",
        "https://auth.example.com:443",
        "https://auth.example.com.evil.example",
        "https://evil.example/https://auth.example.com",
        "https://auth.example.co",
        "auth.example.com",
        " https://auth.example.com",
        "https://auth.example.com\0",
        SLUG,
    ];
    for iss in others {
        let claims = claims()
            .set("iss", text(iss))
            .set("aud", format!("[{},{}]", text(iss), text(ISSUER)));
        assert_eq!(
            refusal(&RS256.with_claims(&claims)),
            Reason::Issuer,
            "{iss}"
        );
    }
}

#[test]
fn audience() {
    let slug = || SLUG.to_owned();
    let cases = [
        // The token names, and which settings accept that: service URL, slug, both.
        (
            format!("[{},{}]", text(ISSUER), text(SLUG)),
            [true, true, true],
        ),
        (
            format!("[{},{}]", text(SLUG), text(ISSUER)),
            [true, true, true],
        ),
        (format!("[{}]", text(ISSUER)), [true, false, false]),
        (format!("[{}]", text(SLUG)), [false, true, false]),
        (
            format!("[{},{}]", text(ISSUER), text("other")),
            [true, false, false],
        ),
        ("[]".to_owned(), [false, false, false]),
        (r#"["other"]"#.to_owned(), [false, false, false]),
        (
            r#"["https://auth.example.com/","SHOP","sho","shop2"]"#.to_owned(),
            [false, false, false],
        ),
        (
            r#"["https://auth.example.com shop"]"#.to_owned(),
            [false, false, false],
        ),
        (r#"["*"]"#.to_owned(), [false, false, false]),
    ];
    for (aud, accepted) in cases {
        let token = RS256.with_claims(&claims().set("aud", aud.as_str()));
        let audiences = [
            Audience::ServiceUrl,
            Audience::Slug(slug()),
            Audience::ServiceUrlAndSlug(slug()),
        ];
        for (audience, accepted) in audiences.into_iter().zip(accepted) {
            let verifier = Verifier::builder(ISSUER, APP, audience).build().unwrap();
            match verifier.verify(&token, &KEYS, at(NOW)) {
                Ok(_) => assert!(accepted, "{aud}"),
                Err(error) => {
                    assert!(!accepted, "{aud}");
                    assert_eq!(error, VerifyError::Invalid(Reason::Audience), "{aud}");
                }
            }
        }
    }
}

/// A genuine token of another app of the same issuer, which names the issuer as audience too.
#[test]
fn app() {
    let other = "018f2e60-0000-7000-8000-00000000000c";
    let token = RS256.with_claims(&claims().set("app_id", text(other)));
    assert_eq!(refusal(&token), Reason::App);
    let theirs = claims()
        .set("app_id", text(other))
        .set("app_slug", text("other"))
        .set("aud", format!("[{},{}]", text(ISSUER), text("other")));
    assert_eq!(refusal(&RS256.with_claims(&theirs)), Reason::App);
    let nil = claims().set("app_id", text("00000000-0000-0000-0000-000000000000"));
    assert_eq!(refusal(&RS256.with_claims(&nil)), Reason::App);

    // With a slug expected, the slug claim must be right as well.
    let by_slug = Verifier::builder(ISSUER, APP, Audience::Slug(SLUG.to_owned()))
        .build()
        .unwrap();
    let token = RS256.with_claims(&claims().set("app_slug", text("other")));
    let refused = by_slug.verify(&token, &KEYS, at(NOW)).unwrap_err();
    assert_eq!(refused, VerifyError::Invalid(Reason::App));
}

/// Two claims of one name: parsers disagree about which counts, so neither does.
#[test]
fn given_twice() {
    for (name, json) in claims().0 {
        let mut twice = claims();
        twice.0.push((name.clone(), json));
        assert_eq!(
            refusal(&RS256.with_claims(&twice)),
            Reason::ClaimsJson,
            "{name}"
        );
        // Also when the second is written with an escape.
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        let text = claims().json();
        let hidden = format!("{},\"{escaped}\":null}}", &text[..text.len() - 1]);
        assert_eq!(
            refusal(&RS256.token(RS256.header().json(), hidden)),
            Reason::ClaimsJson
        );
    }
    for (name, json) in RS256.header().0 {
        let mut twice = RS256.header();
        twice.0.push((name, json));
        assert_eq!(
            refusal(&RS256.token(twice.json(), claims().json())),
            Reason::HeaderJson
        );
    }
}
