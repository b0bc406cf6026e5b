//! Reading requests: bodies, fields, headers, credentials. Everything is parsed at the door.

mod app_body;
mod authorization;
mod body;
mod fields;
mod hex;
mod idempotency;
mod json;
mod page;
mod query;

pub(crate) use self::app_body::{AppBody, AppCredentials, BrowserSecrets};
pub(crate) use self::authorization::{Authorization, authorization};
pub(crate) use self::body::{BodyLimit, JsonBody, RawBody};
pub(crate) use self::fields::{Fields, ip, secret, time, uuid};
pub(crate) use self::hex::{hex, unhex};
pub(crate) use self::idempotency::idempotency_key;
pub(crate) use self::page::{Page, Paged};
pub(crate) use self::query::QueryFields;
