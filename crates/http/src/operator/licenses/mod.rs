//! `/admin/apps/{app_id}/licenses`: the licences of an app, as operators see them.

mod change;
mod decide;
mod generate;
mod keys;
mod list;
mod reveal;

use std::sync::Arc;

use doorward_domain::{AppId, LicenseId};
use doorward_service::Error;
use utoipa_axum::routes;

use super::OperatorFace;
use super::apps::app_id;
use crate::error::ApiResult;
use crate::read::uuid;
use crate::routes::Routes;

/// Every route about licences.
pub(super) fn routes<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(list::list, generate::generate))
        .routes(routes!(list::show, change::update))
        .routes(routes!(change::deactivate))
        .routes(routes!(decide::suspend))
        .routes(routes!(decide::resume))
        .routes(routes!(decide::revoke))
        .routes(routes!(reveal::reveal))
        .routes(routes!(change::release))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
}

fn ids((app, license): &(String, String)) -> ApiResult<(AppId, LicenseId)> {
    let license = uuid(license).map_err(|message| Error::field("license_id", message))?;
    Ok((app_id(app)?, license))
}
