//! What a dangerous call carries: why, and once more what it is done to.

use doorward_domain::reason::Reason;
use doorward_service::{Deliberate, Operator};
use utoipa::ToSchema;

use crate::error::ApiResult;
use crate::read::Fields;

/// A dangerous act.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `meant` takes apart")]
pub(super) struct DangerousRequest {
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = String, min_length = 3, max_length = 500)]
    reason: Reason,
    /// The slug or id of the app, once more.
    #[schema(max_length = 254)]
    confirm: String,
}

/// Reason and name, as they stand in a body or a query.
pub(super) struct Meant {
    reason: Reason,
    confirm: String,
}

/// Reads both. `None` means one was refused.
pub(super) fn meant(fields: &mut Fields) -> Option<Meant> {
    let reason = fields.required("reason", Reason::parse);
    let confirm = fields.required("confirm", |text| Ok::<_, &str>(text.to_owned()));
    Some(Meant {
        reason: reason?,
        confirm: confirm?,
    })
}

/// As [`meant`], where both may be left out together: whether they are needed is seen in what is
/// there. The outer `None` means one was refused.
pub(super) fn meant_if_given(fields: &mut Fields) -> Option<Option<Meant>> {
    if fields.has("reason") || fields.has("confirm") {
        meant(fields).map(Some)
    } else {
        Some(None)
    }
}

/// An optional reason. The outer `None` means it was refused.
pub(super) fn reason(fields: &mut Fields) -> Option<Option<Reason>> {
    fields.optional("reason", Reason::parse)
}

impl Meant {
    /// With the proof that the operator is who it was a moment ago.
    pub(super) fn by(self, operator: &Operator) -> ApiResult<Deliberate> {
        let proof = operator.fresh_proof()?;
        Ok(Deliberate::new(proof, self.reason, self.confirm))
    }
}
