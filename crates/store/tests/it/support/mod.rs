//! What the tests share.

mod again;
mod hold;
mod probe;
mod proxy;
mod raw;
mod server;

pub(crate) use again::{FROM_PARENT, again, from_parent};
pub(crate) use hold::Hold;
pub(crate) use probe::{Probe, Tune, ids, insert, insert_deferred, postgres_options};
pub(crate) use proxy::Proxy;
pub(crate) use raw::Raw;
pub(crate) use server::Server;
