//! `/license/…`: what an app's backend asks about its licences.

mod activate;
mod change;
mod checkout;
mod decide;
mod generate;
mod list;
mod seats;
mod status;
mod verify;

use std::sync::Arc;

use utoipa_axum::routes;

use super::{PublicFace, Success};
use crate::read::AppBody;
use crate::routes::Routes;

/// Every route about licences.
pub(super) fn routes<R: Routes<Arc<PublicFace>>>() -> R {
    R::none()
        .routes(routes!(generate::generate))
        .routes(routes!(activate::activate))
        .routes(routes!(verify::verify))
        .routes(routes!(checkout::checkout))
        .routes(routes!(status::status))
        .routes(routes!(list::list))
        .routes(routes!(change::update))
        .routes(routes!(decide::revoke))
        .routes(routes!(decide::suspend))
        .routes(routes!(decide::resume))
        .routes(routes!(seats::deactivate))
        .routes(routes!(seats::release))
}

/// The end user's address, where the backend names it.
fn client_ip(body: &mut AppBody) -> Option<Option<std::net::IpAddr>> {
    body.fields.optional("client_ip", crate::read::ip)
}
