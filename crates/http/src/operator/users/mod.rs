//! `/admin/apps/{app_id}/users` and `/admin/apps/{app_id}/sessions`.

mod change;
mod delete;
mod export;
mod list;
mod sessions;
mod status;
mod view;

pub use list::UserCursor;
use std::sync::Arc;

use doorward_domain::{AppId, UserId};
use doorward_service::Error;
use utoipa_axum::routes;

pub(super) use self::view::UserView;
use super::OperatorFace;
use super::apps::app_id;
use crate::error::ApiResult;
use crate::read::uuid;
use crate::routes::Routes;

/// Routes about users and their sessions.
pub(super) fn routes<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(list::list, list::create))
        .routes(routes!(change::show, change::update))
        .routes(routes!(status::deactivate))
        .routes(routes!(status::reactivate))
        .routes(routes!(delete::delete))
        .routes(routes!(delete::restore))
        .routes(routes!(delete::erase))
        .routes(routes!(export::export))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end_all))
        .routes(routes!(sessions::show))
        .routes(routes!(sessions::end))
}

fn ids((app, user): (String, String)) -> ApiResult<(AppId, UserId)> {
    let user_id = uuid(&user).map_err(|message| Error::field("user_id", message))?;
    Ok((app_id(&app)?, user_id))
}
