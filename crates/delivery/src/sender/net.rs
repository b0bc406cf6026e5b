//! Where hosts are: on this very machine, so that plain text to them stays on it; in the public
//! Internet, which is where an app may have us connect to; or in a network of the deployment.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// Where the hosts that an app names may be: in the public Internet, and in the networks that the
/// deployment names (ASVS 1.3.6; server-side request forgery).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    named: Vec<IpNet>,
}

/// IPv4 addresses that are not public (IANA's registry of special-purpose addresses, RFC 6890); and the
/// one at which each machine of Azure finds the platform's own services, which only looks public.
const SPECIAL_V4: [(u32, u8); 16] = [
    (0x0000_0000, 8),
    (0x0A00_0000, 8),
    (0x6440_0000, 10),
    (0x7F00_0000, 8),
    (0xA9FE_0000, 16),
    (0xAC10_0000, 12),
    (0xC000_0000, 24),
    (0xC000_0200, 24),
    (0xC058_6300, 24),
    (0xC0A8_0000, 16),
    (0xC612_0000, 15),
    (0xC633_6400, 24),
    (0xCB00_7100, 24),
    (0xE000_0000, 4),
    (0xF000_0000, 4),
    (0xA83F_8110, 32),
];

/// The part of IPv6 that is given out (RFC 4291 §2.4); an address outside it is not public.
const GLOBAL_V6: (u128, u8) = (0x2000 << 112, 3);

/// What is special inside it: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [(u128, u8); 4] = [
    (0x2001 << 112, 23),
    (0x2001_0db8 << 96, 32),
    (0x2002 << 112, 16),
    (0x3fff << 112, 20),
];

impl Networks {
    /// The public Internet and these networks.
    #[must_use]
    pub const fn public_and(named: Vec<IpNet>) -> Self {
        Self { named }
    }

    /// Whether a host may have this address.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.named.iter().any(|network| network.contains(&address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|(bits, length)| {
            Ipv4Net::new((*bits).into(), *length).is_ok_and(|net| net.contains(&address))
        }),
        IpAddr::V6(address) => {
            let within = |(bits, length): (u128, u8)| {
                Ipv6Net::new(bits.into(), length).is_ok_and(|net| net.contains(&address))
            };
            within(GLOBAL_V6) && !SPECIAL_V6.into_iter().any(within)
        }
    }
}

/// Why a host's name led nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// There is no such name, or nobody says so.
    #[error("has no address")]
    Unknown,
    /// Nobody said in time.
    #[error("was not found in time: its DNS is slow")]
    Slow,
    /// It is inside, where apps may not have us connect to.
    #[error(
        "is not in the public Internet, nor in a network that the deployment permits \
             (DOORWARD_DELIVERY_NETWORKS)"
    )]
    NotPublic,
}

/// Asks the system for the addresses of a name. It blocks for as long as the name's servers take.
type Ask = fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>;

/// Looks up the names of one sender. The system's resolver cannot be broken off, so that a name whose
/// servers are slow holds a thread each time it is asked about: a sender holds at most
/// [`LOOKUPS`] at once, and waits for none longer than [`LOOKUP_TIME`].
#[derive(Clone)]
pub(crate) struct Lookups {
    places: Arc<Semaphore>,
    time: Duration,
    ask: Ask,
}

/// Look-ups of one sender at a time.
const LOOKUPS: usize = 2;

/// Time for one.
const LOOKUP_TIME: Duration = Duration::from_secs(3);

impl Default for Lookups {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(LOOKUPS)),
            time: LOOKUP_TIME,
            ask: |host, port| Ok((host, port).to_socket_addrs()?.collect()),
        }
    }
}

impl Lookups {
    /// The addresses of a host, wherever they are.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unusable> {
        let found = match literal(host) {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => tokio::time::timeout(self.time, self.look_up(host, port))
                .await
                .map_err(|_| Unusable::Slow)??,
        };
        if found.is_empty() {
            return Err(Unusable::Unknown);
        }
        Ok(found)
    }

    /// The addresses of a host that may be used. All of them must be permitted: a name that also
    /// leads inside is not an honest one.
    pub(crate) async fn permitted(
        &self,
        networks: &Networks,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Unusable> {
        let found = self.resolve(host, port).await?;
        if found.iter().all(|address| networks.permit(address.ip())) {
            Ok(found)
        } else {
            Err(Unusable::NotPublic)
        }
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unusable> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Unusable::Unknown)?;
        let (host, ask) = (host.to_owned(), self.ask);
        let asking = tokio::task::spawn_blocking(move || {
            let found = ask(&host, port);
            // Held until the thread is free again, whoever waits for it.
            drop(place);
            found
        });
        match asking.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) | Err(_) => Err(Unusable::Unknown),
        }
    }
}

/// An address written instead of a name; IPv6 with or without brackets.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
}

/// Resolves names for an HTTP client, as far as the networks permit.
pub(crate) struct Resolver(Networks, Lookups);

impl Resolver {
    pub(crate) fn new(networks: Networks) -> Self {
        Self(networks, Lookups::default())
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (networks, lookups) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            // The client puts in the port of the URL.
            let found = lookups.permitted(&networks, name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether a host, as written in options, is certain to be the loopback interface: `localhost`, or
/// a loopback address. Names are not resolved: an answer could change.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || literal(host).is_some_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_and_named_networks_are_permitted() {
        let public = Networks::default();
        for yes in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(public.permit(yes.parse().unwrap()), "{yes}");
        }
        for no in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
        ] {
            assert!(!public.permit(no.parse().unwrap()), "{no}");
        }
        let named = Networks::public_and(vec!["10.1.0.0/16".parse().unwrap()]);
        assert!(named.permit("10.1.2.3".parse().unwrap()));
        assert!(named.permit("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!named.permit("10.2.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn slow_names_hold_nobody_up_for_long() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let slow = Lookups {
            time: Duration::from_millis(200),
            ask: |_, port| {
                ASKED.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_secs(3));
                Ok(vec![SocketAddr::new([192, 0, 2, 1].into(), port)])
            },
            ..Lookups::default()
        };
        let begun = std::time::Instant::now();
        let asking = (0..20).map(|_| {
            let slow = slow.clone();
            tokio::spawn(async move { slow.resolve("slow.example", 1).await })
        });
        let asking: Vec<_> = asking.collect();
        for asking in asking {
            assert_eq!(asking.await.unwrap(), Err(Unusable::Slow));
        }
        assert!(
            begun.elapsed() < Duration::from_millis(400),
            "nobody waits for the threads"
        );
        assert_eq!(
            ASKED.load(Ordering::SeqCst),
            LOOKUPS,
            "and no more are held"
        );
        // Another sender's names are not behind them.
        let other = Lookups {
            ask: |_, port| Ok(vec![SocketAddr::new([192, 0, 2, 2].into(), port)]),
            ..Lookups::default()
        };
        assert!(other.resolve("quick.example", 1).await.is_ok());
        let nobody = Lookups {
            ask: |_, _| Ok(Vec::new()),
            ..Lookups::default()
        };
        assert_eq!(
            nobody.resolve("none.example", 1).await,
            Err(Unusable::Unknown)
        );
        assert!(
            nobody.resolve("192.0.2.9", 1).await.is_ok(),
            "an address is not looked up"
        );
    }

    #[test]
    fn loopback_is_told_by_the_text_alone() {
        for yes in [
            "localhost",
            "LocalHost",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "",
            "10.0.0.1",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "0.0.0.0",
            "::",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
