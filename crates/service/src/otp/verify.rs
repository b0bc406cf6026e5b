//! Verifying a one-time code.

use std::net::IpAddr;
use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::Action;
use doorward_domain::contact::Contact;
use doorward_domain::otp::{Purpose, refusal};
use doorward_domain::secret::SecretText;
use doorward_domain::stats::Counted;
use doorward_domain::{Code, OtpRequestId, TenantId, Timestamp, UserId};
use doorward_store::WriteTx;

use super::apply::{Applied, apply};
use super::guard;
use super::{failures_of_contact, sends_to_contact};
use crate::audit::{RefusalBudget, Refused};
use crate::context::{AppContext, Describe};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::sessions::Tokens;

/// What is shown.
#[derive(Debug, Clone)]
pub struct VerifyOtp {
    /// The request the code belongs to.
    pub otp_request_id: OtpRequestId,
    /// The code, six digits.
    pub code: SecretText,
    /// The purpose it was sent for.
    pub purpose: Purpose,
    /// The end user's address, where the app's backend names it.
    pub client_ip: Option<IpAddr>,
    /// The organization the tokens are to speak for (LOGIN only).
    pub tenant_id: Option<TenantId>,
}

/// What a right code yields, by purpose.
#[derive(Debug, Clone)]
pub enum OtpVerified {
    /// LOGIN: signed in.
    SignedIn {
        /// The tokens.
        tokens: Tokens,
        /// Who.
        user_id: UserId,
        /// Whether the user was created just now.
        is_new_user: bool,
    },
    /// EMAIL_VERIFY and PHONE_CHANGE: the address is set.
    ContactVerified {
        /// Whose.
        user_id: UserId,
    },
    /// PASSWORD_RESET: a one-use token that allows a new password.
    PasswordReset {
        /// The token.
        reset_token: SecretText,
        /// End of its life.
        expires_at: Timestamp,
        /// Whose.
        user_id: UserId,
    },
}

/// Verifies a code. Order of refusals: unknown, another app's, wrong purpose, used, locked, expired,
/// and only then the code itself.
///
/// # Errors
/// [`Code::OtpNotFound`], [`Code::OtpWrongApp`], [`Code::OtpWrongPurpose`],
/// [`Code::OtpAlreadyUsed`], [`Code::OtpLocked`], [`Code::OtpExpired`], [`Code::OtpInvalid`];
/// [`Code::UserDeleted`] for an inactive account, [`Code::AddressTaken`] for an address that
/// another user has; [`Code::TenantNotFound`] when the user is no member of the organization asked
/// for, which leaves the code as it is.
pub async fn verify(core: &Core, app: &AppContext, request: VerifyOtp) -> Result<OtpVerified> {
    let is_sign_in = request.purpose == Purpose::Login;
    let verified = judge(core, app, request).await;
    if is_sign_in {
        let user = match &verified {
            Ok(OtpVerified::SignedIn { user_id, .. }) => Some(*user_id),
            _ => None,
        };
        core.count_outcome(
            app.app.id,
            app.context.now(),
            &verified,
            (Counted::SignIn, user),
            Counted::SignInFailure,
        );
    }
    verified
}

async fn judge(core: &Core, app: &AppContext, request: VerifyOtp) -> Result<OtpVerified> {
    let keyring = Arc::clone(&core.keyring);
    let budget = Arc::clone(&core.refusal_budget);
    let otp_request_id = request.otp_request_id;
    let mut app = app.clone();
    if request.client_ip.is_some() {
        app.context.origin.ip = request.client_ip;
        app.context.origin.of_person = true;
    }
    let applied = core
        .write_in_app(&mut app, move |app, tx| {
            let code_hashes =
                keyring.otp_hashes(app.app.id, request.otp_request_id, request.code.expose());
            let now = app.context.now();
            let consumed = tx.app(app.app.id).consume_otp(
                request.otp_request_id,
                request.purpose,
                &code_hashes,
                now,
            )?;
            match consumed {
                Some(consumed) => {
                    let contact = consumed.contact.clone();
                    let applied = apply(&keyring, app, tx, &request, consumed)?;
                    // Last, so that its rows are held for a moment only.
                    guard::verified(app, tx, &contact)?;
                    Ok(applied)
                }
                None => explain(&keyring, &budget, app, tx, &request, &code_hashes).map(Err),
            }
        })
        .await;
    let applied = match applied {
        Err(error) if error.code() == Code::TenantNotFound => {
            refuse_tenant(core, &app, otp_request_id);
            return Err(error);
        }
        other => other?,
    };
    Ok(match applied {
        Applied::SignedIn { begun, is_new_user } => OtpVerified::SignedIn {
            user_id: begun.user_id(),
            tokens: begun.into_tokens(core, &app)?,
            is_new_user,
        },
        Applied::ContactVerified { user_id } => OtpVerified::ContactVerified { user_id },
        Applied::PasswordReset {
            reset_token,
            expires_at,
            user_id,
        } => OtpVerified::PasswordReset {
            reset_token,
            expires_at,
            user_id,
        },
    })
}

/// The transaction was rolled back, so that the code can be shown again: the trace is written
/// afterwards.
fn refuse_tenant(core: &Core, app: &AppContext, id: OtpRequestId) {
    let event = app
        .event(Action::TenantRefused)
        .on("otp_request", id)
        .refused(Code::TenantNotFound);
    core.refuse(Refused::Request(app.app.id), Code::TenantNotFound, event);
}

/// The statement matched nothing: finds out why, counts a wrong code, and leaves the trace. Wrong
/// codes are few, because they lock; a request that is dead or invented can be shown for ever, so
/// those traces have a budget.
fn explain(
    keyring: &Keyring,
    budget: &RefusalBudget,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &VerifyOtp,
    code_hashes: &[[u8; 32]; 2],
) -> Result<Error> {
    let (error, about) = reason(keyring, app, tx, request, code_hashes)?;
    let source = Refused::Request(app.app.id);
    if error.code() != Code::OtpInvalid && !budget.take(app.context.now(), source, error.code()) {
        return Ok(error);
    }
    let event = app
        .event(Action::OtpRefused)
        .on("otp_request", request.otp_request_id)
        .refused(error.code())
        .with(serde_json::json!({ "purpose": request.purpose.as_str() }));
    let event = match about {
        Some((contact, asked)) => {
            let mut scope = tx.app(app.app.id);
            let user = scope.user_by_contact(&contact)?.map(|user| user.id);
            let user = match user.or(asked) {
                Some(user) if scope.hold_user(user)? => Some(user),
                _ => None,
            };
            let contact_ref = keyring.contact_ref(app.app.id, contact.canonical());
            event.about(contact_ref, &contact, user)
        }
        None => event,
    };
    tx.app(app.app.id).audit(&event)?;
    Ok(error)
}

/// The address that a request was about, and the user who asked for it.
type About = (Contact, Option<UserId>);

fn reason(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &VerifyOtp,
    code_hashes: &[[u8; 32]; 2],
) -> Result<(Error, Option<About>)> {
    let now = app.context.now();
    let limits = &app.app.settings.limits;
    let id = request.otp_request_id;
    let mut scope = tx.app(app.app.id);
    // Twice at most: a simultaneous attempt may change the standing between two statements.
    for _ in 0..2 {
        let Some(found) = scope.otp_standing(id)? else {
            let foreign = scope.otp_belongs_to_another_app(id)?;
            let code = if foreign {
                Code::OtpWrongApp
            } else {
                Code::OtpNotFound
            };
            return Ok((code.into(), None));
        };
        let (contact, asked) = (found.contact, found.user_id);
        match refusal(&found.standing, request.purpose, now) {
            Some(Code::OtpLocked) => {
                let sends = sends_to_contact(keyring, limits, contact.canonical());
                let failures = failures_of_contact(keyring, limits, contact.canonical());
                let wait = scope
                    .limit_wait(&sends, now)?
                    .max(scope.limit_wait(&failures, now)?);
                let error = Error::new(Code::OtpLocked).with_retry_after(wait);
                return Ok((error, Some((contact, asked))));
            }
            Some(code) => return Ok((code.into(), Some((contact, asked)))),
            None => {}
        }
        if let Some(failed) = scope.count_wrong_otp(id, request.purpose, code_hashes, now)? {
            // A new code must not make a guesser's count start anew (63B §3.2.2).
            scope.hit_limits(
                &[failures_of_contact(keyring, limits, &failed.contact)],
                now,
            )?;
            return Ok((Code::OtpInvalid.into(), Some((contact, asked))));
        }
    }
    Ok((Code::OtpAlreadyUsed.into(), None))
}
