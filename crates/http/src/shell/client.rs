//! Whose request it is: the client's address, as told by the connection or a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The other end of the connection, put into each request by [`crate::serve`].
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The header in which the trusted proxies write the address they saw. Only the one they set is
/// read: the other would come from the client unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which proxies are believed (ASVS 4.1.3, 15.3.4).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    /// Their networks. Empty: nobody is believed.
    pub networks: Vec<IpNet>,
    /// The header they set.
    pub header: ForwardedHeader,
}

impl TrustedProxies {
    /// The client's address. Walks the list from its right end, where our own proxy wrote, and stops
    /// at the first address that is not a trusted proxy, or at anything that is no address.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let name: HeaderName = match self.header {
            ForwardedHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let mut nearest = peer;
        let values: Vec<_> = headers.get_all(name).iter().collect();
        for value in values.into_iter().rev() {
            let Ok(text) = value.to_str() else {
                return nearest;
            };
            for element in text.rsplit(',') {
                let Some(address) = self.address(element) else {
                    return nearest;
                };
                if !self.trusts(address) {
                    return address;
                }
                nearest = address;
            }
        }
        nearest
    }

    /// Whether the peer is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    fn address(&self, element: &str) -> Option<IpAddr> {
        let node = match self.header {
            ForwardedHeader::XForwardedFor => element.trim(),
            ForwardedHeader::Forwarded => forwarded_for(element)?,
        };
        parse_node(node)
    }
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim().trim_matches('"'))
    })
}

/// An address with or without a port; IPv6 with or without brackets.
fn parse_node(node: &str) -> Option<IpAddr> {
    let bare = node
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(node);
    bare.parse::<IpAddr>()
        .or_else(|_| node.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedHeader, peer: &str, values: &[&str]) -> String {
        let proxies = TrustedProxies {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        };
        let mut headers = HeaderMap::new();
        let name = match header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    fn xff(peer: &str, values: &[&str]) -> String {
        client(ForwardedHeader::XForwardedFor, peer, values)
    }

    #[test]
    fn an_untrusted_peer_is_not_believed() {
        assert_eq!(xff("203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_address_counts() {
        assert_eq!(xff("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            xff("10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(
            xff("10.0.0.1", &["6.6.6.6", "198.51.100.7", "10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(xff("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(xff("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(xff("10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(
            xff("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn garbage_ends_the_walk() {
        assert_eq!(xff("10.0.0.1", &["6.6.6.6, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(xff("10.0.0.1", &[""]), "10.0.0.1");
        assert_eq!(xff("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(xff("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn rfc_7239_is_read_only_when_chosen() {
        let forwarded = |values: &[&str]| client(ForwardedHeader::Forwarded, "10.0.0.1", values);
        assert_eq!(
            forwarded(&["for=6.6.6.6, for=\"[2001:db8::7]:80\";proto=https"]),
            "2001:db8::7"
        );
        assert_eq!(
            forwarded(&["For=198.51.100.7;by=10.0.0.9, for=10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(forwarded(&["for=_hidden"]), "10.0.0.1");
        assert_eq!(xff("10.0.0.1", &[]), "10.0.0.1");
    }
}
