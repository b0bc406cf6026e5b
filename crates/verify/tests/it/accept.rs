//! What the issuer makes, the verifier accepts, with every claim as it was put in.

use doorward_crypto::AccessClaims;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::role::RoleName;
use doorward_domain::{AppId, SessionId, TenantId, UserId};
use doorward_verify::{Audience, Entitlement, JwksSet, Verifier};
use serde_json::json;
use uuid::Uuid;

use crate::support::*;

fn issued(forge: &Forge, tenant: Option<TenantId>) -> String {
    let roles = [RoleName::owner(), RoleName::parse("staff").unwrap()];
    AccessClaims {
        iss: ISSUER,
        sub: UserId::from_uuid(Uuid::from_u128(1)),
        aud: [ISSUER, SLUG],
        app_id: AppId::from_uuid(APP),
        app_slug: SLUG,
        tenant_id: tenant,
        roles: if tenant.is_some() { &roles } else { &[] },
        permissions: if tenant.is_some() {
            &["orders:read", "orders:write"]
        } else {
            &[]
        },
        entitlements: &if tenant.is_some() {
            Entitlements::parse(&json!({"export": true, "sso": false, "projects": 20})).unwrap()
        } else {
            Entitlements::default()
        },
        sid: SessionId::from_uuid(Uuid::from_u128(3)),
        iat: IAT,
        nbf: IAT,
        exp: EXP,
        jti: Uuid::from_u128(4),
        auth_time: IAT - 10,
        amr: &["otp", "sms"],
    }
    .sign(&forge.signing_key())
    .unwrap()
}

#[test]
fn tokens_of_the_issuer_with_every_claim() {
    let tenant = Uuid::from_u128(2);
    for forge in [&RS256, &ES256, &EDDSA] {
        let token = issued(forge, Some(TenantId::from_uuid(tenant)));
        let verified = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap();
        assert_eq!(verified.iss, ISSUER);
        assert_eq!(verified.sub, Uuid::from_u128(1));
        assert_eq!(verified.aud, [ISSUER, SLUG]);
        assert_eq!((verified.app_id, verified.app_slug.as_str()), (APP, SLUG));
        assert_eq!(verified.tenant_id, Some(tenant));
        assert_eq!(verified.roles, ["owner", "staff"]);
        assert!(verified.has_role("staff") && !verified.has_role("admin"));
        assert_eq!(verified.permissions, ["orders:read", "orders:write"]);
        assert!(verified.has_permission("orders:read") && !verified.has_permission("orders"));
        let entitlement = |name| verified.entitlement(name);
        assert_eq!(entitlement("export"), Some(Entitlement::Feature(true)));
        assert_eq!(entitlement("sso"), Some(Entitlement::Feature(false)));
        assert_eq!(entitlement("projects"), Some(Entitlement::Number(20)));
        assert_eq!(entitlement("other"), None);
        assert!(Entitlement::Feature(true).is_granted() && !Entitlement::Number(0).is_granted());
        assert_eq!(Entitlement::Number(20).number(), Some(20));
        assert_eq!(verified.sid, Uuid::from_u128(3));
        assert_eq!(
            (verified.iat, verified.nbf, verified.exp),
            (at(IAT), at(IAT), at(EXP))
        );
        assert_eq!(verified.jti, Uuid::from_u128(4));
        assert_eq!(verified.auth_time, at(IAT - 10));
        assert_eq!(verified.amr, ["otp", "sms"]);
        assert!(verified.other.is_empty());

        let verified = agile_verifier()
            .verify(&issued(forge, None), &KEYS, at(NOW))
            .unwrap();
        assert_eq!(verified.tenant_id, None);
        assert!(verified.roles.is_empty());
        assert!(verified.permissions.is_empty() && verified.entitlements.is_empty());
    }
}

/// The JWKS, the PEM and the one-line `JWT_PUBLIC_KEY` are the same key with the same id.
#[test]
fn every_form_of_the_key_works() {
    for forge in [&RS256, &ES256, &EDDSA] {
        let token = issued(forge, None);
        let public = &forge.public;
        let crlf = public.pem().replace('\n', "\r\n");
        for keys in [
            JwksSet::from_json(&format!("{{\"keys\":[{}]}}", public.jwk_json())),
            JwksSet::from_pem(&public.pem()),
            JwksSet::from_pem(&crlf),
            JwksSet::from_jwt_public_key(&public.base64_pem()),
            JwksSet::from_jwt_public_key(&format!("{}\n", public.base64_pem())),
            JwksSet::from_jwt_public_key(&public.pem()),
            JwksSet::from_pem(&format!("{}{}", RS256_OTHER.public.pem(), public.pem())),
        ] {
            let keys = keys.unwrap();
            agile_verifier().verify(&token, &keys, at(NOW)).unwrap();
            assert_eq!(
                keys.find(public.kid()).unwrap().alg().as_str(),
                forge.alg.jws()
            );
        }
    }
}

#[test]
fn each_audience_setting() {
    let slug = || SLUG.to_owned();
    let token = issued(&RS256, None);
    for audience in [
        Audience::ServiceUrl,
        Audience::Slug(slug()),
        Audience::ServiceUrlAndSlug(slug()),
    ] {
        let verifier = Verifier::builder(ISSUER, APP, audience).build().unwrap();
        verifier.verify(&token, &KEYS, at(NOW)).unwrap();
    }
}

#[test]
fn claims_and_header_members_of_a_later_release_do_no_harm() {
    let claims = claims().set("later", r#"["orders.read"]"#);
    let header = RS256.header().set("x-later", "1");
    let verified = verify(&RS256.token(header.json(), claims.json())).unwrap();
    assert_eq!(verified.other["later"][0], "orders.read");
}

#[test]
fn names_the_app_it_speaks_of_without_being_believed() {
    let token = RS256_OTHER.with_claims(&claims());
    assert_eq!(doorward_verify::unverified_app_id(&token), Some(APP));
    assert!(verify(&token).is_err());
    for unreadable in [
        "",
        "..",
        "a.b.c",
        &RS256.token("{}", "[]"),
        &RS256.token("{}", "{}"),
    ] {
        assert_eq!(doorward_verify::unverified_app_id(unreadable), None);
    }
}
