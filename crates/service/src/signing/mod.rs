//! Signing keys: made, rotated, retired, published.

mod list;
mod load;
mod rotate;

pub use doorward_store::platform::StoredSigningKey;
pub use list::list;
pub(crate) use load::ensure_active;
pub use load::{reload, try_keys};
pub use rotate::{RotateMode, rotate, tick};
