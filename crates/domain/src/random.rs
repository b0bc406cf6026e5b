//! Randomness, as an argument.

use std::sync::Arc;

/// A source of cryptographically secure random bytes (ASVS 11.5.1).
pub trait SecureRandom: Send + Sync + 'static {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

impl dyn SecureRandom + '_ {
    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl SecureRandom for OsRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    #[expect(
        clippy::panic,
        reason = "without randomness no secret may be made (ASVS 11.2.5)"
    )]
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

impl<R: SecureRandom + ?Sized> SecureRandom for Arc<R> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// A uniformly distributed number below `bound`, by rejection (no modulo bias).
///
/// `bound` must not be zero; zero gives zero.
#[must_use]
pub fn below(random: &dyn SecureRandom, bound: u32) -> u32 {
    if bound == 0 {
        return 0;
    }
    let zone = u32::MAX - (u32::MAX % bound + 1) % bound;
    loop {
        let candidate = u32::from_le_bytes(random.bytes());
        if candidate <= zone {
            return candidate % bound;
        }
    }
}
