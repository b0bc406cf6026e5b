//! The URL: libpq's parameters, as far as they are safe.

use tokio_postgres::Config;

use super::options::{Roots, Tls};

/// What stood in it.
pub(super) struct Parsed {
    pub(super) config: Config,
    /// `None`: nothing was said.
    pub(super) tls: Option<Tls>,
    pub(super) target_named: bool,
}

/// Parameters that tokio-postgres understands and that weaken nothing.
const PASSED_ON: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

const UNKNOWN: &str = "it has a parameter that is not known (known are sslmode, sslrootcert, \
     target_session_attrs, connect_timeout, load_balance_hosts, application_name and the other \
     connection parameters of tokio-postgres)";

const UNREADABLE: &str = "it does not parse (special characters in a password must be \
     percent-encoded: `?` is %3F, `/` is %2F, `@` is %40)";

/// Parses it. No message holds a part of the URL: any part may be a piece of a password that was
/// not encoded.
pub(super) fn parse(url: &str) -> Result<Parsed, &'static str> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err("it does not begin with postgres://");
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut mode = None;
    let mut roots = None;
    let mut target_named = false;
    let mut rest = String::from(base);
    let mut separator = '?';
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(UNREADABLE)?;
        match key {
            "sslmode" => mode = Some(ssl_mode(value)?),
            "sslrootcert" => roots = Some(ssl_root(value)),
            key if PASSED_ON.contains(&key) => {
                target_named |= key == "target_session_attrs";
                rest.push(separator);
                rest.push_str(pair);
                separator = '&';
            }
            _ => return Err(UNKNOWN),
        }
    }
    let tls = match (mode, roots) {
        (Some(SslMode::Disable), None) => Some(Tls::Disabled),
        (Some(SslMode::Disable), Some(_)) => {
            return Err("sslmode=disable and sslrootcert contradict each other");
        }
        (Some(SslMode::Verify), None) => Some(Tls::Verified(Roots::System)),
        (_, Some(roots)) => Some(Tls::Verified(roots)),
        (None, None) => None,
    };
    let config: Config = rest.parse().map_err(|_| UNREADABLE)?;
    if config.get_hosts().is_empty() {
        return Err("it names no host");
    }
    Ok(Parsed {
        config,
        tls,
        target_named,
    })
}

enum SslMode {
    Disable,
    Verify,
}

fn ssl_mode(value: &str) -> Result<SslMode, &'static str> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Verify),
        "allow" | "prefer" => Err("this sslmode may fall back to plain text; use verify-full"),
        _ => Err("its sslmode is not known; use verify-full"),
    }
}

fn ssl_root(value: &str) -> Roots {
    // In libpq's URLs a plus is a plus.
    let path = ::url::form_urlencoded::parse(value.replace('+', "%2B").as_bytes())
        .next()
        .map(|(path, _)| path.into_owned())
        .unwrap_or_default();
    if path == "system" {
        Roots::System
    } else {
        Roots::File(path.into())
    }
}
