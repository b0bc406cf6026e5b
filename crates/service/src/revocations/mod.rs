//! Telling consumers which access tokens no longer count before their time.

mod feed;
mod feeds;
mod record;

pub use feed::{Document, FEED_WAIT_MAX, current, next};
pub(crate) use feeds::{Feeds, follow};
pub(crate) use record::{
    NODE_SKEW_SECONDS, ended_session, ended_sessions_of_user, switched_off_app,
};
