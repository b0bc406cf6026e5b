//! The senders against real servers, and the worker on both engines.

mod capture;
mod certificates;
mod messages;
mod smtp;
mod smtp_server;
mod twilio;
mod web_server;
mod webhook;
mod worker;
