//! The OpenAPI 3.1 documents, made from the same list as the routes.

mod adjust;
pub(crate) mod refusals;
mod ui;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::refusals::refusals;
pub(crate) use self::ui::page;

/// Names of the security schemes.
pub(crate) const APP_BASIC: &str = "app";
pub(crate) const USER_BEARER: &str = "user";
pub(crate) const ADMIN_KEY: &str = "admin_key";

/// The document of the public face, as committed in `docs/reference/openapi.json`.
#[must_use]
pub fn openapi_public() -> String {
    render(described(public_base(), crate::public::routes()), |_| ())
}

/// The document of the operator face, as committed in `docs/reference/openapi-operator.json`.
#[must_use]
pub fn openapi_operator() -> String {
    render(
        adjust::closed_requests(described(operator_base(), crate::operator::routes())),
        adjust::repeatable,
    )
}

/// What is said of a face, and its operations.
fn described<S>(base: OpenApi, routes: OpenApiRouter<S>) -> OpenApi
where
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::with_openapi(base)
        .merge(routes)
        .into_openapi()
}

/// Pretty and always the same: keys in order, a line feed at the end.
fn render(document: OpenApi, adjust_face: impl Fn(&mut serde_json::Value)) -> String {
    let mut value = serde_json::to_value(document).unwrap_or_default();
    adjust_face(&mut value);
    adjust::optional_bodies(&mut value);
    adjust::parameters_are_not_null(&mut value);
    adjust::exactly_one(&mut value, "SendOtpRequest", ["phone", "email"]);
    for request in [
        "CheckoutLicenseRequest",
        "LicenseStatusRequest",
        "UpdateLicenseRequest",
        "EndLicenseRequest",
        "ResumeLicenseRequest",
    ] {
        adjust::exactly_one(&mut value, request, ["license_key", "license_id"]);
    }
    adjust::at_least_one(
        &mut value,
        "VerifyLicenseRequest",
        ["device_id", "user_agent"],
    );
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// The document of the public face without its operations.
fn public_base() -> OpenApi {
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(
        "`app_id` as the user, `app_secret` as the password. The same two may stand in the JSON \
         body instead; where both are given they must be the same.",
    ));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A user's access token."));
    base(
        "Doorward backend API",
        "What an app's backend calls: sign people in by one-time code, refresh and revoke their \
         sessions, give them roles, sell them licences. Never call it from a browser: a request that carries an app secret and an \
         `Origin` is refused.",
        vec![
            (APP_BASIC, SecurityScheme::Http(basic.build())),
            (USER_BEARER, SecurityScheme::Http(bearer.build())),
        ],
    )
}

/// The document of the operator face without its operations.
fn operator_base() -> OpenApi {
    let key = ApiKeyValue::with_description(
        "X-Admin-Key",
        "An admin key with the scope the operation names. `Authorization: Bearer` is accepted too.",
    );
    base(
        "Doorward operator API",
        "What operators call, on a port of its own.",
        vec![(ADMIN_KEY, SecurityScheme::ApiKey(ApiKey::Header(key)))],
    )
}

fn base(title: &str, description: &str, schemes: Vec<(&str, SecurityScheme)>) -> OpenApi {
    let mut components = ComponentsBuilder::new().schema("Error", refusals::error_schema());
    for (name, scheme) in schemes {
        components = components.security_scheme(name, scheme);
    }
    let license = LicenseBuilder::new()
        .name("Apache-2.0")
        .identifier(Some("Apache-2.0"));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(title)
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(description))
                .license(Some(license.build())),
        )
        .components(Some(components.build()))
        .build()
}
