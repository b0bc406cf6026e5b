//! The faces, through their front door, on both engines; the accept loop over real sockets.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod alarms;
mod backend;
mod codes;
mod coverage;
mod documents;
mod erasure;
mod front;
mod held;
mod in_flight;
mod license_files;
mod license_keys;
mod limits;
mod lists;
mod logs;
mod messages;
mod operator;
mod paging;
mod people;
mod preconditions;
mod public;
mod receipts;
mod repeat;
mod revocations;
mod serve;
mod stats;
