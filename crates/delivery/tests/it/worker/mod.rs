//! The worker on both engines.

mod failures;
mod house;
mod leases;
mod metrics;
mod running;
