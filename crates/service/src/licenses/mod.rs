//! Licences: generated, activated on devices, verified, changed and ended.
//!
//! Every one is asked for either by an app's backend or by an operator ([`Asker`]); the rules are
//! the same. What a program does with a key (activate, verify, release) goes through the backend.

mod activate;
mod asker;
mod carried;
mod checkout;
mod decide;
mod find;
mod generate;
mod holder;
mod refuse;
mod reseal;
mod reveal;
mod seats;
mod show;
mod update;
mod verify;

pub(crate) use activate::tries_of_license;
pub use activate::{Activate, Activated, activate};
pub use asker::Asker;
pub use checkout::{CheckedOut, Checkout, MIN_FILE_SECONDS, checkout};
pub use decide::{resume, revoke, revoke_deliberately, suspend};
pub use doorward_store::app::{LicenseFilter, LicensePlace};
pub use find::Which;
pub use generate::{Generated, Terms, generate};
pub(crate) use holder::Holder;
pub(crate) use refuse::{guesses_of_address, guesses_of_app};
pub(crate) use reseal::reseal;
pub use reveal::reveal;
pub(crate) use seats::releases_of_license;
pub use seats::{Release, deactivate, release};
pub use show::{DevicePage, list, show};
pub use update::{Patch, UpdateLicense, update};
pub use verify::{Verified, Verify, verify};
