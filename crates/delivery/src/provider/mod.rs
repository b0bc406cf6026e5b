//! Who carries an app's messages: mail servers and SMS providers of its own, in the order in which
//! they are asked.

mod breaker;
mod chain;
mod reports;
mod secrets;
mod settings;

pub(crate) use breaker::Breaker;
pub use chain::{Attempt, Carried, Chain};
pub use reports::Reports;
pub use secrets::{ProviderSecrets, open_secrets, seal_secrets};
pub use settings::{
    MAX_PROVIDERS, Provider, ProviderKind, SmtpSettings, TwilioSettings, WebhookSettings,
};
