//! The measure of all things: one RSA-2048 signature (PKCS#1 v1.5, SHA-256) by the library that the
//! server uses.

use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use crate::Result;
use crate::process::{Cpu, between};

/// A key to sign with.
pub(crate) struct Signer {
    key: KeyPair,
    random: SystemRandom,
}

/// CPU milliseconds per signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// One thread, the machine otherwise idle.
    pub(crate) alone: f64,
    /// As many threads as there are cores: what it costs while the machine is busy, as it is under
    /// load.
    pub(crate) busy: f64,
}

impl Signer {
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| "no RSA key could be made")?;
        Ok(Self {
            key,
            random: SystemRandom::new(),
        })
    }

    /// Measures for about `span`, half of it each way.
    pub(crate) fn measure(&self, span: Duration) -> Result<Cost> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Cost {
            alone: self.on(1, span / 2)?,
            busy: self.on(cores, span / 2)?,
        })
    }

    fn on(&self, threads: usize, span: Duration) -> Result<f64> {
        let me = std::process::id();
        let before = Cpu::of_tree(me);
        let counts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| self.repeat(span)))
                .collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        let cpu = between(before, Cpu::of_tree(me))?;
        let mut signatures = 0;
        for count in counts {
            signatures += count.map_err(|_| "a signing thread panicked".to_owned())??;
        }
        Ok(cpu.as_secs_f64() * 1000.0 / f64::from(signatures.max(1)))
    }

    fn repeat(&self, span: Duration) -> Result<u32> {
        // As long as the head and claims of an access token.
        let message = [0x61; 700];
        let mut signature = vec![0; self.key.public_modulus_len()];
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < span {
            self.key
                .sign(&RSA_PKCS1_SHA256, &self.random, &message, &mut signature)
                .map_err(|_| "a signature failed".to_owned())?;
            count += 1;
        }
        Ok(count)
    }
}
