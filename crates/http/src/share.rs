//! A fair share of a bounded number of places: no client gets the last eighth of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many places each client holds. Clients without any are not kept.
#[derive(Clone)]
pub(crate) struct Shares {
    each: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One place of a client, given back when dropped.
pub(crate) struct Share {
    shares: Shares,
    client: IpAddr,
}

/// What one client is given: an IPv4 address, or a /64 of IPv6, of which it has all addresses
/// (RFC 6177 §2). Counted by address, one machine would be as many clients as it likes.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Shares {
    /// Of `places` in all. With fewer than eight, one client may have them all.
    pub(crate) fn of(places: usize) -> Self {
        Self {
            each: places - places / 8,
            held: Arc::default(),
        }
    }

    /// One more for this client, if its share allows.
    pub(crate) fn take(&self, client: IpAddr) -> Option<Share> {
        let client = network(client);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(client).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share {
            shares: self.clone(),
            client,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self
            .shares
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_places_for_others() {
        let shares = Shares::of(16);
        let greedy = IpAddr::from([192, 0, 2, 1]);
        let mut held: Vec<_> = (0..14).map(|_| shares.take(greedy).unwrap()).collect();
        assert!(shares.take(greedy).is_none());
        assert!(shares.take("::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert!(shares.take(IpAddr::from([192, 0, 2, 2])).is_some());
        held.pop();
        assert!(shares.take(greedy).is_some());
        drop(held);
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn all_addresses_of_a_network_are_one_client() {
        let shares = Shares::of(16);
        let address = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
        let held: Vec<_> = (0..14)
            .map(|host| shares.take(address(host)).unwrap())
            .collect();
        assert!(shares.take(address(99)).is_none());
        let other = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert!(shares.take(other).is_some());
        drop(held);
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn few_places_are_for_anybody() {
        let shares = Shares::of(1);
        assert!(shares.take(IpAddr::from([192, 0, 2, 1])).is_some());
    }
}
