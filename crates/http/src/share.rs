//! A fair share of a bounded number of places: no client address gets the last eighth of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many places each address holds. Addresses without any are not kept.
#[derive(Clone)]
pub(crate) struct Shares {
    each: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One place of an address, given back when dropped.
pub(crate) struct Share {
    shares: Shares,
    client: IpAddr,
}

impl Shares {
    /// Of `places` in all. With fewer than eight, one address may have them all.
    pub(crate) fn of(places: usize) -> Self {
        Self {
            each: places - places / 8,
            held: Arc::default(),
        }
    }

    /// One more for this address, if its share allows.
    pub(crate) fn take(&self, client: IpAddr) -> Option<Share> {
        let client = client.to_canonical();
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
    fn few_places_are_for_anybody() {
        let shares = Shares::of(1);
        assert!(shares.take(IpAddr::from([192, 0, 2, 1])).is_some());
    }
}
