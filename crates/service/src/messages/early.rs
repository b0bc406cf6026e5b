//! Places of reports that came before our own note of the handover: each holds a place that requests
//! want. No app gets more than its share, so that none takes another's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorward_domain::AppId;

/// How many wait at once, on a node.
const PLACES: usize = 32;

/// How many of one app.
const SHARE: usize = 4;

/// Who waits. No larger than there are places.
#[derive(Debug, Default)]
pub(crate) struct EarlyPlaces(Mutex<HashMap<AppId, usize>>);

/// A place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a EarlyPlaces,
    app_id: AppId,
}

impl EarlyPlaces {
    /// Takes one; `None` when the app has its share, or all are taken.
    pub(super) fn take(&self, app_id: AppId) -> Option<Place<'_>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(&app_id).copied().unwrap_or(0);
        if own >= SHARE || held.values().sum::<usize>() >= PLACES {
            return None;
        }
        held.insert(app_id, own + 1);
        Some(Place {
            places: self,
            app_id,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held
            .get(&self.app_id)
            .map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            held.remove(&self.app_id);
        } else {
            held.insert(self.app_id, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_app_takes_what_is_others() {
        let places = EarlyPlaces::default();
        let app = |number| AppId::from_uuid(Uuid::from_u128(number));
        let mut taken: Vec<_> = (0..SHARE).map(|_| places.take(app(0)).unwrap()).collect();
        assert!(places.take(app(0)).is_none(), "its share");
        taken.pop();
        taken.push(places.take(app(0)).unwrap());
        for number in 1.. {
            match places.take(app(number)) {
                Some(place) => taken.push(place),
                None => break,
            }
        }
        assert_eq!(taken.len(), PLACES, "all");
        assert_eq!(places.0.lock().unwrap().len(), PLACES - SHARE + 1);
        drop(taken);
        assert!(places.0.lock().unwrap().is_empty(), "nothing stays");
    }
}
