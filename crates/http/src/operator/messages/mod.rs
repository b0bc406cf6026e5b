//! What an app's messages say and who carries them.

mod delivery;
mod templates;
mod test;
mod usage;
mod view;

use std::sync::Arc;

use doorward_domain::contact::Channel;
use doorward_service::Error;
use utoipa_axum::routes;

use super::OperatorFace;
use crate::error::ApiResult;
use crate::routes::Routes;

/// The routes.
pub(super) fn routes<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(templates::list))
        .routes(routes!(templates::show, templates::set, templates::reset))
        .routes(routes!(templates::preview))
        .routes(routes!(delivery::show))
        .routes(routes!(delivery::set, delivery::reset))
        .routes(routes!(test::test))
        .routes(routes!(usage::show))
}

/// The channel that a path names.
fn channel(text: &str) -> ApiResult<Channel> {
    Channel::from_stored(text).ok_or_else(|| Error::field("channel", "Must be email or sms").into())
}
