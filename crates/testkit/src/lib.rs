//! (dev) A server in process, actors, a fake clock, a database per test.

pub mod database;
pub mod platform;
