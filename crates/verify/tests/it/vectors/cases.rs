//! The cases themselves.

use aws_lc_rs::hmac;

use crate::support::*;

/// ECDSA signatures are random, the file is not: this one was made once, over
/// [`es256_signed`]. If header or claims change, the test `every_case_yields_what_the_file_says`
/// fails, and `ES256.sign(es256_signed().as_bytes())` gives another.
const ES256_SIGNATURE: &str =
    "hJAx9KGxi-TmnVfbfG2CE2VN5RwotvS4bDr92FqwBL8f8-R-eJlhVr9BtG6D71IyvpPTVQSwMWfdfLsRQ4sAXQ";

fn es256_signed() -> String {
    format!(
        "{}.{}",
        encode(ES256.header().json()),
        encode(claims().json())
    )
}

fn case(name: &str, expect: &str, token: &str) -> Fields {
    Fields::default()
        .set("name", text(name))
        .set("expect", text(expect))
        .set("token", text(token))
}

fn ok(name: &str, token: &str) -> Fields {
    case(name, "ok", token)
}

fn invalid(name: &str, token: &str) -> Fields {
    case(name, "TOKEN_INVALID", token)
}

fn with_header(header: &Fields) -> String {
    RS256.token(header.json(), claims().json())
}

pub(super) fn all() -> Vec<Fields> {
    [
        good(),
        times(),
        algorithms(),
        headers(),
        wrong_claims(),
        forms(),
    ]
    .concat()
}

fn good() -> Vec<Fields> {
    let good = RS256.with_claims(&claims());
    let slug_only = RS256.with_claims(&claims().set("aud", r#"["shop"]"#));
    let issuer_only = RS256.with_claims(&claims().set("aud", format!("[{}]", text(ISSUER))));
    let typ = |typ: &str| with_header(&RS256.header().set("typ", text(typ)));
    let (slug, both) = (text("slug"), text("service_url_and_slug"));
    vec![
        ok("good", &good),
        ok("good, audience is the slug", &good).set("audience", &*slug),
        ok("good, audience is both", &good).set("audience", &*both),
        ok(
            "no tenant",
            &RS256.with_claims(&claims().set("tenant_id", "null").set("roles", "[]")),
        ),
        ok("typ in capitals", &typ("AT+JWT")),
        ok("typ with application/", &typ("application/at+jwt")),
        ok(
            "unknown claim",
            &RS256.with_claims(&claims().set("later", r#"["a"]"#)),
        ),
        ok(
            "permissions and entitlements",
            &RS256.with_claims(
                &claims()
                    .set("permissions", r#"["orders:read","orders:write"]"#)
                    .set(
                        "entitlements",
                        r#"{"export":true,"projects":20,"sso":false}"#,
                    ),
            ),
        ),
        ok(
            "no permissions, no entitlements, said explicitly",
            &RS256.with_claims(&claims().set("permissions", "[]").set("entitlements", "{}")),
        ),
        ok(
            "unknown header member",
            &with_header(&RS256.header().set("x-later", "1")),
        ),
        ok("names the service only, service expected", &issuer_only),
        ok("names the slug only, slug expected", &slug_only).set("audience", &*slug),
        invalid("names the slug only, service expected", &slug_only),
        invalid("names the service only, slug expected", &issuer_only).set("audience", &*slug),
        invalid("names the service only, both expected", &issuer_only).set("audience", &*both),
    ]
}

fn times() -> Vec<Fields> {
    let good = RS256.with_claims(&claims());
    let ahead =
        |name: &str, by: i64| RS256.with_claims(&claims().set(name, (NOW + by).to_string()));
    let at = |fields: Fields, now: i64| fields.set("now", now.to_string());
    let mut out = vec![
        at(ok("last second of the tolerance", &good), EXP + 29),
        at(case("expired", "TOKEN_EXPIRED", &good), EXP + 30),
        at(case("long expired", "TOKEN_EXPIRED", &good), EXP + 86_400),
        at(ok("no tolerance, last second", &good), EXP - 1).set("clock_tolerance_seconds", "0"),
        at(case("no tolerance, expired", "TOKEN_EXPIRED", &good), EXP)
            .set("clock_tolerance_seconds", "0"),
        at(
            invalid(
                "expired and of another issuer",
                &RS256.with_claims(&claims().set("iss", text("https://x"))),
            ),
            EXP + 86_400,
        ),
        invalid(
            "exp not after iat",
            &RS256.with_claims(&claims().set("exp", IAT.to_string())),
        ),
        invalid(
            "exp not after nbf",
            &RS256.with_claims(&claims().set("nbf", EXP.to_string())),
        ),
    ];
    for name in ["nbf", "iat", "auth_time"] {
        out.push(ok(
            &format!("{name} ahead by the tolerance"),
            &ahead(name, 30),
        ));
        out.push(invalid(&format!("{name} ahead by more"), &ahead(name, 31)));
    }
    out
}

fn algorithms() -> Vec<Fields> {
    let es256 = format!("{}.{ES256_SIGNATURE}", es256_signed());
    let raw = decode(ES256_SIGNATURE);
    let es256_der = format!("{}.{}", es256_signed(), encode(der(&raw)));
    let es256_zero = format!("{}.{}", es256_signed(), encode([0; 64]));
    let eddsa = EDDSA.with_claims(&claims());
    let agile = r#"["RS256","ES256","EdDSA"]"#;
    let mut out = vec![
        ok("EdDSA, allowed", &eddsa).set("algorithms", agile),
        invalid("EdDSA, not allowed", &eddsa),
        ok("ES256, allowed", &es256).set("algorithms", agile),
        invalid("ES256, not allowed", &es256),
        invalid("ES256 with a DER signature", &es256_der).set("algorithms", agile),
        invalid("ES256 with a zero signature", &es256_zero).set("algorithms", agile),
        invalid("RS256, not allowed", &RS256.with_claims(&claims()))
            .set("algorithms", r#"["EdDSA"]"#),
        invalid(
            "EdDSA named RS256",
            &EDDSA.token(
                EDDSA.header().set("alg", text("RS256")).json(),
                claims().json(),
            ),
        )
        .set("algorithms", agile),
    ];
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = RS256.header().set("alg", text(alg)).json();
        let signed = format!("{}.{}", encode(header), encode(claims().json()));
        out.push(invalid(
            &format!("alg '{alg}' without signature"),
            &format!("{signed}."),
        ));
        let signature = encode(RS256.sign(signed.as_bytes()));
        out.push(invalid(
            &format!("alg '{alg}' with signature"),
            &format!("{signed}.{signature}"),
        ));
    }
    for alg in ["RS384", "RS512", "PS256", "rs256"] {
        out.push(invalid(
            &format!("alg {alg}"),
            &with_header(&RS256.header().set("alg", text(alg))),
        ));
    }
    let pem = RS256.public.pem();
    let line = RS256.public.base64_pem();
    for (form, secret) in [
        ("the PEM", pem.as_bytes()),
        (
            "the PEM without its last line feed",
            pem.trim_end().as_bytes(),
        ),
        ("the one-line PEM", line.as_bytes()),
        ("the DER", RS256.public.spki_der()),
        ("nothing", b""),
    ] {
        let header = RS256.header().set("alg", text("HS256")).json();
        let signed = format!("{}.{}", encode(header), encode(claims().json()));
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, secret),
            signed.as_bytes(),
        );
        out.push(invalid(
            &format!("HS256 with {form} as secret"),
            &format!("{signed}.{}", encode(tag)),
        ));
    }
    out
}

fn headers() -> Vec<Fields> {
    let other_key = RS256_OTHER.with_claims(&claims());
    let borrowed = RS256_OTHER.header().set("kid", text(RS256.public.kid()));
    let mut out = vec![
        invalid("a key that was never published", &other_key),
        invalid(
            "another key under our kid",
            &RS256_OTHER.token(borrowed.json(), claims().json()),
        ),
        invalid(
            "our key under an unknown kid",
            &with_header(&RS256.header().set("kid", text("x"))),
        ),
        invalid(
            "kid of another key",
            &with_header(&RS256.header().set("kid", text(EDDSA.public.kid()))),
        ),
        invalid(
            "kid is a path",
            &with_header(&RS256.header().set("kid", text("../../dev/null"))),
        ),
        invalid(
            "kid is SQL",
            &with_header(&RS256.header().set("kid", text("' OR '1'='1"))),
        ),
        invalid(
            "kid is a number",
            &with_header(&RS256.header().set("kid", "0")),
        ),
    ];
    for name in ["alg", "kid", "typ"] {
        out.push(invalid(
            &format!("no {name}"),
            &with_header(&RS256.header().without(name)),
        ));
    }
    for typ in [
        "JWT",
        "",
        "at",
        "id+jwt",
        "logout+jwt",
        "application/jwt",
        "at+jwt ",
    ] {
        let token = with_header(&RS256.header().set("typ", text(typ)));
        out.push(invalid(&format!("typ '{typ}'"), &token));
    }
    let jwk = RS256_OTHER.public.jwk_json();
    for (name, json) in [
        ("jwk", jwk.as_str()),
        ("jku", r#""https://evil.example/jwks.json""#),
        ("x5u", r#""https://evil.example/cert.pem""#),
        ("x5c", r#"["AAAA"]"#),
        ("crit", r#"["exp"]"#),
        ("b64", "false"),
        ("zip", r#""DEF""#),
    ] {
        let token = with_header(&RS256.header().set(name, json));
        out.push(invalid(&format!("{name} in the header"), &token));
        let theirs = RS256_OTHER.header().set(name, json);
        let token = RS256_OTHER.token(theirs.json(), claims().json());
        out.push(invalid(
            &format!("{name} in the header, signed by the attacker"),
            &token,
        ));
    }
    let mut twice = RS256.header();
    twice.0.push(("alg".to_owned(), text("none")));
    out.push(invalid("alg twice", &with_header(&twice)));
    out
}

fn wrong_claims() -> Vec<Fields> {
    let mut out = Vec::new();
    let mut add = |name: &str, claims: Fields| out.push(invalid(name, &RS256.with_claims(&claims)));
    for (name, _) in claims().0 {
        add(&format!("no {name}"), claims().without(&name));
        add(&format!("{name} is an object"), claims().set(&name, "{}"));
        if name != "tenant_id" {
            add(&format!("{name} is null"), claims().set(&name, "null"));
        }
        let mut twice = claims();
        twice.0.push((
            name.clone(),
            claims().0.into_iter().find(|(n, _)| *n == name).unwrap().1,
        ));
        add(&format!("{name} twice"), twice);
    }
    for iss in [
        "https://auth.example.com/",
        "http://auth.example.com",
        "https://AUTH.example.com",
        "https://auth.example.com.evil.example",
        "https://evil.example",
    ] {
        add(&format!("iss {iss}"), claims().set("iss", text(iss)));
    }
    for aud in [
        "[]",
        r#"["other"]"#,
        r#""https://auth.example.com""#,
        r#"["https://auth.example.com/"]"#,
        r#"["SHOP"]"#,
        r#"["*"]"#,
    ] {
        add(&format!("aud {aud}"), claims().set("aud", aud));
    }
    let other = text("018f2e60-0000-7000-8000-00000000000c");
    add("another app", claims().set("app_id", &*other));
    add(
        "a genuine token of another app",
        claims()
            .set("app_id", &*other)
            .set("app_slug", text("other"))
            .set("aud", format!("[{},{}]", text(ISSUER), text("other"))),
    );
    for id in ["sub", "app_id", "sid", "jti", "tenant_id"] {
        add(&format!("{id} is no UUID"), claims().set(id, text("1")));
    }
    for time in ["iat", "nbf", "exp", "auth_time"] {
        add(
            &format!("{time} is text"),
            claims().set(time, text(&IAT.to_string())),
        );
        add(&format!("{time} is negative"), claims().set(time, "-1"));
    }
    for permissions in ["null", "{}", r#""a""#, r#"["a",1]"#, r#"["a",""]"#] {
        add(
            &format!("permissions {permissions}"),
            claims().set("permissions", permissions),
        );
    }
    for entitlements in WRONG_ENTITLEMENTS {
        add(
            &format!("entitlements {entitlements}"),
            claims().set("entitlements", entitlements),
        );
    }
    add(
        "exp is beyond the calendar",
        claims().set("exp", "99999999999999"),
    );
    for list in ["aud", "roles", "amr"] {
        add(
            &format!("{list} contains a number"),
            claims().set(list, r#"["shop",1]"#),
        );
    }
    out
}

fn forms() -> Vec<Fields> {
    let good = RS256.with_claims(&claims());
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let header_json = RS256.header().json();
    let signed = |payload: &[u8]| RS256.token(&header_json, payload);
    let elevated = encode(claims().set("roles", r#"["owner","admin"]"#).json());
    let mut flipped = RS256.sign(format!("{header}.{payload}").as_bytes());
    flipped[100] ^= 1;
    let claims_json = claims().json();
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let huge = claims().set("pad", text(&"x".repeat(16_000)));
    vec![
        invalid("empty", ""),
        invalid("dots only", ".."),
        invalid("no signature", &format!("{header}.{payload}")),
        invalid("empty signature", &format!("{header}.{payload}.")),
        invalid("empty payload", &format!("{header}..{signature}")),
        invalid("empty header", &format!(".{payload}.{signature}")),
        invalid("four parts", &format!("{good}.{signature}")),
        invalid("truncated", &good[..good.len() - 1]),
        invalid(
            "payload exchanged",
            &format!("{header}.{elevated}.{signature}"),
        ),
        invalid(
            "one bit of the signature flipped",
            &format!("{header}.{payload}.{}", encode(flipped)),
        ),
        invalid("padding", &format!("{good}==")),
        invalid("line feed at the end", &format!("{good}\n")),
        invalid("space in front", &format!(" {good}")),
        invalid("with Bearer", &format!("Bearer {good}")),
        invalid(
            "JSON serialisation",
            &format!(
                r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
            ),
        ),
        invalid("header is not JSON", &RS256.token("x", &claims_json)),
        invalid(
            "header is an array",
            &RS256.token(format!("[{header_json}]"), &claims_json),
        ),
        invalid("claims are not JSON", &signed(b"x")),
        invalid(
            "claims are an array",
            &signed(format!("[{claims_json}]").as_bytes()),
        ),
        invalid("claims are null", &signed(b"null")),
        invalid(
            "claims with something behind",
            &signed(format!("{claims_json}{{}}").as_bytes()),
        ),
        invalid(
            "claims with a byte order mark",
            &signed(format!("\u{feff}{claims_json}").as_bytes()),
        ),
        invalid(
            "claims that are not UTF-8",
            &signed(
                &claims()
                    .set("x", "\"@\"")
                    .json()
                    .bytes()
                    .map(|b| if b == b'@' { 0xff } else { b })
                    .collect::<Vec<_>>(),
            ),
        ),
        invalid(
            "claims nested 500 deep",
            &signed(claims().set("x", nested).json().as_bytes()),
        ),
        invalid("longer than 16 KiB", &RS256.with_claims(&huge)),
    ]
}

fn decode(signature: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap()
}

/// A raw ECDSA signature in DER, as a careless signer would send it.
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap();
        let mut number = bytes[start..].to_vec();
        if number[0] >= 0x80 {
            number.insert(0, 0);
        }
        [&[2, u8::try_from(number.len()).unwrap()], number.as_slice()].concat()
    };
    let numbers = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [
        &[0x30, u8::try_from(numbers.len()).unwrap()],
        numbers.as_slice(),
    ]
    .concat()
}
