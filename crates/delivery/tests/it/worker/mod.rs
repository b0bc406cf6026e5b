//! The worker on both engines.

mod failures;
mod fairness;
mod house;
mod leases;
mod metrics;
mod running;
