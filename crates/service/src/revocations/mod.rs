//! Telling consumers which access tokens no longer count before their time.

mod record;

pub(crate) use record::{ended_session, ended_sessions_of_user, switched_off_app};
