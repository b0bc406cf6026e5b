//! The use cases: one folder per capability, one step per file.
//!
//! HTTP, command line and jobs all call these; they hold the rules and ask for authorisation.

pub mod context;
pub mod error;

pub use context::{AppContext, Context, Describe, Origin};
pub use error::{Error, FieldError, Result};
