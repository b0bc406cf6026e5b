//! The storage port, its drivers, the migrations, and every SQL statement of Doorward.
//!
//! A transaction is a plain synchronous closure that runs whole on a thread of the engine and may
//! be run again when the engine reports a serialization failure. One SQL text and one Rust function
//! serve both engines; ADR 0001 tells why.
//!
//! The only way to an app's data is `tx.app(app_id)`, whose SQL has the app in every WHERE.

pub mod app;
pub mod copy;
mod error;
mod migrate;
pub mod platform;
mod port;
pub mod postgres;
mod queue;
pub mod sqlite;
mod store;
mod value;

pub use error::{Constraint, StoreError};
pub use migrate::{MIGRATIONS, Migration, MigrationStatus};
pub use port::{Access, BoxFuture, Connection, Driver, Engine, Job, Verdict};
pub use store::{ReadTx, Store, WriteTx};
pub use value::{FromColumn, Param, Row, Value};
