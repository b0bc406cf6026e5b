//! The public face, and the process as a whole.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::config::reader::Reader;
use crate::config::registry;
use crate::config::safety::Exception;

/// In which header trusted proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardedHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// `[server]`
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// The issuer, without a slash at its end.
    pub(crate) public_url: Option<Url>,
    /// Where the public face listens.
    pub(crate) listen: SocketAddr,
    /// Whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The header they write.
    pub(crate) forwarded_header: ForwardedHeader,
    /// Dangers accepted by name.
    pub(crate) allow_insecure: Vec<Exception>,
    /// Threads that serve requests.
    pub(crate) workers: Option<usize>,
    /// Time for requests in flight at the end.
    pub(crate) shutdown: Duration,
    /// Time before it in which only `/health` says that the end is near.
    pub(crate) unready: Duration,
}

impl Server {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            public_url: public_url(reader),
            listen: SocketAddr::new(
                reader.address(&registry::HOST),
                reader.number(&registry::PORT),
            ),
            trusted_proxies: trusted_proxies(reader),
            forwarded_header: match reader.choice(&registry::FORWARDED_HEADER) {
                "forwarded" => ForwardedHeader::Forwarded,
                _ => ForwardedHeader::XForwardedFor,
            },
            allow_insecure: allow_insecure(reader),
            workers: Some(reader.number(&registry::WORKERS)).filter(|workers| *workers > 0),
            shutdown: reader.seconds(&registry::SHUTDOWN_SECONDS),
            unready: reader.seconds(&registry::UNREADY_SECONDS),
        }
    }

    /// The issuer as it stands in tokens.
    pub(crate) fn issuer(&self) -> String {
        let url = self
            .public_url
            .as_ref()
            .map(Url::as_str)
            .unwrap_or_default();
        url.trim_end_matches('/').to_owned()
    }
}

fn public_url(reader: &mut Reader<'_>) -> Option<Url> {
    let variable = &registry::PUBLIC_URL;
    let url = reader.url(variable)?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_bare {
        Some(url)
    } else {
        reader.problem(
            variable,
            "must be scheme, host and port only, without path, query, fragment or user",
        );
        None
    }
}

fn trusted_proxies(reader: &mut Reader<'_>) -> Vec<IpNet> {
    let variable = &registry::TRUSTED_PROXIES;
    let mut ranges = Vec::new();
    for item in reader.list(variable) {
        let text = item.expose();
        let range = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        match range {
            Ok(range) => match unusable(range) {
                Some(why) => reader.problem(variable, format!("`{text}` {why}")),
                None => ranges.push(range),
            },
            Err(_) => reader.problem(
                variable,
                format!("`{text}` is not an IP range; write e.g. 10.0.0.0/8 or 192.0.2.7"),
            ),
        }
    }
    ranges
}

/// Why a range cannot be that of the proxies.
fn unusable(range: IpNet) -> Option<String> {
    let (shortest, mapped) = match range {
        IpNet::V4(_) => (8, false),
        IpNet::V6(range) => {
            let within = range.network().to_ipv4_mapped().is_some();
            (
                16,
                within || range.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()),
            )
        }
    };
    match range.prefix_len() {
        0 => Some("would believe everybody; name the proxies' own range".to_owned()),
        // A client by IPv4 is known by its IPv4 address, also on a socket for both.
        _ if mapped => Some("covers IPv4 written as IPv6; write that as 10.0.0.0/8".to_owned()),
        length if length < shortest => Some(format!(
            "is more than anybody's proxies (at least /{shortest}); name the proxies' own range"
        )),
        _ => None,
    }
}

fn allow_insecure(reader: &mut Reader<'_>) -> Vec<Exception> {
    let variable = &registry::ALLOW_INSECURE;
    let mut exceptions = Vec::new();
    for item in reader.list(variable) {
        match Exception::parse(item.expose()) {
            Some(exception) => exceptions.push(exception),
            None => reader.problem(
                variable,
                format!(
                    "`{}` is none of {}",
                    item.expose(),
                    Exception::NAMES.join(", ")
                ),
            ),
        }
    }
    exceptions
}
