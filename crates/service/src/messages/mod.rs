//! What an app's messages say and who carries them: its own words, mail servers and SMS providers.

mod check;
mod delivery;
mod early;
mod providers;
mod receipt;
mod reseal;
mod template_list;
mod templates;
mod usage;

pub use check::{TestResult, test};
pub use delivery::{
    ChannelDelivery, reset as reset_delivery, set as set_delivery, show as delivery,
};
pub use doorward_delivery::provider::{Provider, ProviderKind};
pub use doorward_delivery::sender::Step;
pub use doorward_delivery::template::{Preview, SmsEncoding, SmsSize};
pub(crate) use early::EarlyPlaces;
pub use providers::{NewProvider, parse as parse_providers};
pub use receipt::{Incoming as IncomingReport, receive as receive_report};
pub(crate) use reseal::reseal;
pub use template_list::{TemplateCursor, list as templates};
pub use templates::{
    TemplateInfo, parse_key, preview, reset as reset_template, set as set_template,
    show as template,
};

pub use usage::{PrefixUsage, SmsAlarm, SmsUsage, show as sms_usage};

use doorward_domain::Code;
use doorward_store::WriteTx;

use crate::caller::Here;
use crate::error::{Error, Result};

/// Holds the app until the transaction ends, so that no two changes pass a limit or a version
/// together; gives the version that is written beside the change.
fn hold(here: &Here, tx: &mut WriteTx<'_>) -> Result<i64> {
    let mut platform = tx.platform();
    if !platform.touch_app(here.app.id, here.now())? {
        return Err(Error::new(Code::AppNotFound));
    }
    let app = platform.app(here.app.id)?;
    app.map(|app| app.version)
        .ok_or_else(|| Error::new(Code::AppNotFound))
}

/// That nobody changed it since the caller read it. Version 0 says that there was nothing.
fn unchanged(expected: Option<i64>, current: Option<i64>) -> Result<()> {
    if expected.is_none_or(|expected| expected == current.unwrap_or(0)) {
        Ok(())
    } else {
        Err(Error::new(Code::Conflict)
            .with_message("It was changed meanwhile. Read it again and repeat your change."))
    }
}
