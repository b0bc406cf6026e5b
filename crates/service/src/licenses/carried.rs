//! What the tokens of a named user can carry.

use doorward_domain::entitlement::MAX_ENTITLEMENTS;
use doorward_domain::{Code, Timestamp, UserId};
use doorward_store::app::AppRead;

use crate::error::{Error, Result};

/// How many different entitlements the user's good licences have together.
pub(super) fn carried(
    scope: &mut AppRead<'_>,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<usize> {
    let Some(user) = user else { return Ok(0) };
    let claims = scope.claims_of_user(user, None, now)?;
    Ok(claims.entitlements.iter().count())
}

/// Refuses a change, already written, that would make them more than a token carries. The token
/// would have none at all, and the user lose what was bought before: better the seller hears it.
///
/// # Errors
/// [`Code::Conflict`], which undoes what was written.
pub(super) fn refuse_too_many(before: usize, after: usize) -> Result<()> {
    if after <= MAX_ENTITLEMENTS || after <= before {
        return Ok(());
    }
    Err(Error::new(Code::Conflict).with_message(format!(
        "All licences of a user together can have {MAX_ENTITLEMENTS} different entitlements, and \
         these would have {after}. Use the same names, or revoke licences that are over."
    )))
}
