//! What the tests share.

mod raw;

pub use raw::{Outcome, Raw};
