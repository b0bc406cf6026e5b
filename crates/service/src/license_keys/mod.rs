//! The keys that sign an app's licence files: made when first needed, rotated on demand, published
//! for ever. Why each app has its own is in ADR 0009.

mod load;
mod publish;
mod rotate;

pub use doorward_store::app::StoredLicenseKey;
pub(crate) use load::active;
pub use publish::{LicenseKeySet, list, published};
pub use rotate::rotate;
