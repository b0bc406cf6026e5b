//! How many different users there were, in bounded space, whatever their number.
//!
//! Up to [`EXACT_MAX`] the sketch holds a hash of each and counts exactly; beyond that it is
//! HyperLogLog (Flajolet et al. 2007) with 2,048 registers: 2 KiB and a standard error of 2.3 %. Two
//! sketches join without counting twice, so each process keeps its own.

use crate::ids::UserId;

const INDEX_BITS: u32 = 11;
const REGISTERS: usize = 1 << INDEX_BITS;
/// So many are counted exactly: then the hashes need as much space as the registers.
const EXACT_MAX: usize = REGISTERS / 8;

const EXACT: u8 = 0;
const ESTIMATED: u8 = 1;

/// The sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Hashes, in order.
    Exact(Vec<u64>),
    Registers(Box<[u8]>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self(Kind::Exact(Vec::new()))
    }
}

impl Sketch {
    /// Notes a user. Gives whether that changed anything.
    pub fn add(&mut self, user: UserId) -> bool {
        self.add_hash(hash(user))
    }

    fn add_hash(&mut self, hash: u64) -> bool {
        match &mut self.0 {
            Kind::Exact(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else {
                    return false;
                };
                hashes.insert(place, hash);
                if hashes.len() > EXACT_MAX {
                    let mut registers = vec![0; REGISTERS].into_boxed_slice();
                    for hash in hashes {
                        note(&mut registers, *hash);
                    }
                    self.0 = Kind::Registers(registers);
                }
                true
            }
            Kind::Registers(registers) => note(registers, hash),
        }
    }

    /// Adds what another one has noted.
    pub fn join(&mut self, other: &Self) {
        match &other.0 {
            Kind::Exact(hashes) => {
                for hash in hashes {
                    self.add_hash(*hash);
                }
            }
            Kind::Registers(theirs) => match &mut self.0 {
                Kind::Registers(ours) => {
                    for (ours, theirs) in ours.iter_mut().zip(theirs) {
                        *ours = (*ours).max(*theirs);
                    }
                }
                Kind::Exact(hashes) => {
                    let mut registers = theirs.clone();
                    for hash in hashes {
                        note(&mut registers, *hash);
                    }
                    self.0 = Kind::Registers(registers);
                }
            },
        }
    }

    /// How many users it has seen.
    #[must_use]
    pub fn count(&self) -> i64 {
        match &self.0 {
            Kind::Exact(hashes) => i64::try_from(hashes.len()).unwrap_or(i64::MAX),
            Kind::Registers(registers) => estimate(registers),
        }
    }

    /// The stored form, at most 2,049 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Exact(hashes) => {
                let mut out = vec![EXACT];
                out.extend(hashes.iter().flat_map(|hash| hash.to_be_bytes()));
                out
            }
            Kind::Registers(registers) => {
                let mut out = vec![ESTIMATED];
                out.extend_from_slice(registers);
                out
            }
        }
    }

    /// From the stored form; `None` when it is none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&EXACT, rest) if rest.len() % 8 == 0 && rest.len() <= EXACT_MAX * 8 => {
                let hashes = rest.chunks_exact(8).map(|chunk| {
                    let bytes = chunk.try_into().unwrap_or_default();
                    u64::from_be_bytes(bytes)
                });
                Some(Self(Kind::Exact(hashes.collect())))
            }
            (&ESTIMATED, rest) if rest.len() == REGISTERS => {
                Some(Self(Kind::Registers(rest.into())))
            }
            _ => None,
        }
    }
}

/// Keeps the longest run of zeros that a hash of this register began with.
fn note(registers: &mut [u8], hash: u64) -> bool {
    let index = usize::try_from(hash >> (64 - INDEX_BITS)).unwrap_or(0);
    let rest = hash << INDEX_BITS;
    let run = rest.leading_zeros().min(64 - INDEX_BITS) + 1;
    let run = u8::try_from(run).unwrap_or(u8::MAX);
    match registers.get_mut(index) {
        Some(register) if *register < run => {
            *register = run;
            true
        }
        _ => false,
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an estimate of at most some hundred million"
)]
fn estimate(registers: &[u8]) -> i64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|run| (-f64::from(*run)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|run| **run == 0).count();
    // Few: the share of empty registers tells it better.
    let count = if raw <= 2.5 * m && empty > 0 {
        m * (m / empty as f64).ln()
    } else {
        raw
    };
    count.round() as i64
}

/// The same on every machine and in every release, because it is stored: the finalizer of
/// SplitMix64 over both halves of the id.
fn hash(user: UserId) -> u64 {
    let (high, low) = user.as_uuid().as_u64_pair();
    mix(mix(high) ^ low)
}

const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Ids as they are made: a millisecond each, some of them together.
    fn user(n: u64) -> UserId {
        let millis = 1_767_225_600_000 + n / 3;
        let random = mix(n).to_be_bytes();
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&random);
        UserId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    fn of(range: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::default();
        for n in range {
            sketch.add(user(n));
        }
        sketch
    }

    #[test]
    fn few_are_counted_exactly() {
        let mut sketch = of(0..256);
        assert_eq!(sketch.count(), 256);
        assert!(!sketch.add(user(7)), "seen before");
        assert!(sketch.add(user(256)));
        let error = (sketch.count() - 257).abs();
        assert!(error <= 13, "{}", sketch.count());
    }

    #[test]
    fn many_are_estimated_within_five_percent() {
        for count in [1_000, 5_000, 20_000, 100_000, 1_000_000] {
            let seen = of(0..count).count();
            let share =
                f64::from(i32::try_from(seen).unwrap()) / f64::from(i32::try_from(count).unwrap());
            assert!((0.95..1.05).contains(&share), "{count}: {seen}");
        }
    }

    #[test]
    fn nobody_is_counted_twice_when_they_join() {
        for (a, b, all) in [
            (0..100, 50..150, 0..150),
            (0..200, 100..300, 0..300),
            (0..5_000, 100..200, 0..5_000),
            (100..200, 0..5_000, 0..5_000),
            (0..9_000, 5_000..20_000, 0..20_000),
        ] {
            let mut joined = of(a);
            joined.join(&of(b));
            assert_eq!(joined, of(all));
        }
    }

    #[test]
    fn the_stored_form_comes_back() {
        for sketch in [Sketch::default(), of(0..9), of(0..256), of(0..9_000)] {
            let bytes = sketch.to_bytes();
            assert!(bytes.len() <= 2_049);
            assert_eq!(Sketch::from_bytes(&bytes), Some(sketch));
        }
        for bad in [&[][..], &[2], &[0, 1], &[1; 7]] {
            assert_eq!(Sketch::from_bytes(bad), None);
        }
    }

    #[test]
    fn the_hash_never_changes() {
        let user = UserId::from_uuid(Uuid::from_u128(7));
        assert_eq!(hash(user), mix(mix(0) ^ 7));
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf, "SplitMix64's first output");
    }
}
