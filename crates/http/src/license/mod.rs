//! What both faces say of licences: how requests are read, and how a licence looks.

pub(crate) mod documented;
pub(crate) mod fields;
pub(crate) mod view;
