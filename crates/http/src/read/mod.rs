//! Reading requests: bodies, fields, headers, credentials. Everything is parsed at the door.

mod app_body;
mod authorization;
mod body;
mod fields;
mod json;

pub(crate) use self::app_body::{AppBody, AppCredentials};
pub(crate) use self::authorization::{Authorization, authorization};
pub(crate) use self::body::{BodyLimit, JsonBody};
pub(crate) use self::fields::{Fields, uuid};
