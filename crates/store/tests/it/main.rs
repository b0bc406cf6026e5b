//! The drivers, the migrations and the store, on both engines.

mod driver;
mod support;
