//! Security headers, on every answer including errors (ASVS 3.4.1–3.4.8, 14.3.2).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// For answers that are data: nothing in them may run, load or be framed.
const CSP_DATA: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds what is missing; what a handler set stays.
pub(crate) fn secure(headers: &mut HeaderMap, https: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(header::CACHE_CONTROL, "no-store");
    default(header::CONTENT_SECURITY_POLICY, CSP_DATA);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(header::REFERRER_POLICY, "no-referrer");
    default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("x-permitted-cross-domain-policies"),
        "none",
    );
    if https {
        // One year, as ASVS 3.4.1 asks; browsers ignore it over plain HTTP.
        default(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        );
    }
}
