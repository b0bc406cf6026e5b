//! What the HTTP senders have in common: one careful client and one reading of statuses.

use std::time::Duration;

use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};

use super::error::{OptionsError, SendError, Step};
use super::net::{Networks, Resolver, Unusable, is_loopback, literal};

/// Most bytes read of an answer.
const RESPONSE_MAX: usize = 64 * 1024;

/// How to speak HTTP to a provider.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Time to connect (default 5 s).
    pub connect_timeout: Duration,
    /// Time for the whole exchange (default 15 s). Keep it below the worker's `send_timeout`.
    pub timeout: Duration,
    /// PEM certificates to trust besides the system's.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The named exception: allow plain `http` to a host other than loopback.
    pub allow_plaintext: bool,
    /// Where the host may be; anywhere when `None`.
    pub networks: Option<Networks>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            extra_ca_pem: None,
            allow_plaintext: false,
            networks: None,
        }
    }
}

/// A client that follows no redirects (a redirect would carry the code to a host nobody named).
pub(super) fn client(options: &HttpOptions) -> Result<Client, OptionsError> {
    let mut builder = Client::builder()
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout);
    if let Some(networks) = &options.networks {
        builder = builder.dns_resolver(std::sync::Arc::new(Resolver::new(networks.clone())));
    }
    if let Some(pem) = &options.extra_ca_pem {
        let certificates = Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| OptionsError::new("the extra CA file holds no PEM certificate"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|_| OptionsError::new("the HTTP client could not be set up"))
}

/// Checks where a sender is to post to: https, or http to loopback or by the named exception; no
/// credentials in it.
pub(super) fn check_url(url: &Url, options: &HttpOptions, what: &str) -> Result<(), OptionsError> {
    let host = url.host_str().unwrap_or_default();
    let safe = match url.scheme() {
        "https" => true,
        "http" => options.allow_plaintext || is_loopback(host),
        _ => false,
    };
    if host.is_empty() || !safe {
        Err(OptionsError::new(format!(
            "{what} must be https (plain http only to loopback, or with the exception named)"
        )))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(OptionsError::new(format!(
            "{what} must not contain credentials"
        )))
    } else if let (Some(networks), Some(address)) = (&options.networks, literal(host))
        && !networks.permit(address)
    {
        // An address is not looked up, so the client's resolver does not see it.
        Err(OptionsError::new(format!("{what} {}", Unusable::NotPublic)))
    } else {
        Ok(())
    }
}

/// What a failed exchange means. The library's own text is left out: it names the URL.
pub(super) fn exchange_error(who: &str, error: &reqwest::Error) -> SendError {
    if let Some(unusable) = cause::<Unusable>(error) {
        return SendError::temporary(format!("the host of {who} {unusable}")).at(Step::Resolve);
    }
    if cause::<rustls::Error>(error).is_some() && error.is_connect() {
        return SendError::temporary(format!("the TLS handshake with {who} failed")).at(Step::Tls);
    }
    if error.is_connect() {
        return SendError::temporary(format!("{who} could not be reached")).at(Step::Connect);
    }
    let what = if error.is_timeout() {
        "did not answer in time"
    } else {
        "broke off the exchange"
    };
    SendError::temporary(format!("{who} {what}")).at(Step::Exchange)
}

/// The cause of this type, however deep it is wrapped.
fn cause<T: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error shows the source of what it wraps, not what it wraps.
        next = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error
                .get_ref()
                .map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The body of an answer. One that is too long is not read to its end.
pub(super) async fn read_body(who: &str, mut response: Response) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| exchange_error(who, &error))?
    {
        if body.len() + chunk.len() > RESPONSE_MAX {
            return Err(SendError::temporary(format!(
                "{who} answered more than it should"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a status other than success means: time-outs, limits and the server's own trouble pass,
/// anything else (redirects included) is a mistake that another attempt repeats.
pub(super) fn status_error(who: &str, response: &Response, detail: Option<String>) -> SendError {
    let status = response.status();
    let reason = match detail {
        Some(detail) => format!("{who} answered {} ({detail})", status.as_u16()),
        None => format!("{who} answered {}", status.as_u16()),
    };
    let passes = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    if passes {
        // A limit and "not now" are said before the message is taken; of a failure inside, or a
        // gateway's, nobody knows what came before it.
        let step = match status {
            StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE => Step::Refused,
            _ => Step::Exchange,
        };
        SendError::Temporary {
            reason: reason.into(),
            retry_after: retry_after(response),
            step,
        }
    } else if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        SendError::permanent(reason).at(Step::SignIn)
    } else {
        SendError::permanent(reason)
    }
}

/// `Retry-After` in seconds (its other form, a date, is not used by the APIs we speak to).
fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?;
    header
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}
