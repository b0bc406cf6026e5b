//! Apps: created, changed, switched off and on, their secrets rotated and checked.

mod authenticate;
mod create;
mod list;
mod rotate_secret;
mod status;
mod update;

pub(crate) use authenticate::{active_app, reauthenticate};
pub use authenticate::{authenticate, note_browser};
pub use create::{CreateApp, CreatedApp, create};
pub use list::{list, show, show_by_slug};
pub use rotate_secret::{MAX_OVERLAP_SECONDS, rotate_secret};
pub use status::{deactivate, reactivate};
pub use update::{UpdateApp, update};
