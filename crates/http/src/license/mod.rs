//! What both faces say of licences: how requests are read, and how a licence looks.

pub(crate) mod cursor;
pub(crate) mod documented;
pub(crate) mod fields;
pub(crate) mod view;

use doorward_domain::Code;
use doorward_service::Error;

use crate::error::ApiError;

/// There is no such activation: not a refusal of a device, but of an id, hence 404.
pub(crate) fn no_such_activation(error: Error) -> ApiError {
    let unknown = error.code() == Code::LicenseNotActivated;
    let error = ApiError::from(error);
    if unknown { error.not_found() } else { error }
}
