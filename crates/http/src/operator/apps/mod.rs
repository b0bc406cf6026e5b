//! Apps, as operators see them.

pub(super) mod create;
pub(super) mod list;
pub(super) mod rotate_secret;
pub(super) mod show;
pub(super) mod status;
pub(super) mod update;
mod view;

use doorward_domain::AppId;
use doorward_service::Error;

pub(super) use self::view::AppView;
pub(super) use super::preconditions::if_match;
use crate::error::ApiResult;
use crate::read::uuid;

/// The app that a path names.
pub(super) fn app_id(text: &str) -> ApiResult<AppId> {
    uuid(text).map_err(|message| Error::field("app_id", message).into())
}
