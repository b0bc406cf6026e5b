//! One small struct per section of the file.

mod admin;
mod database;
mod delivery;
mod health;
mod keys;
mod limits;
mod log;
mod maintenance;
mod server;
mod signing;

pub(crate) use admin::Admin;
pub(crate) use database::Database;
pub(crate) use delivery::{Delivery, Email, Security, Sms, Smtp, Webhook};
pub(crate) use health::Health;
pub(crate) use keys::Keys;
pub(crate) use limits::Limits;
pub(crate) use log::{Format, Log};
pub(crate) use maintenance::Maintenance;
pub(crate) use server::{ForwardedHeader, Server};
pub(crate) use signing::Signing;
