//! What a right code does, by purpose.

use doorward_crypto::keyring::Keyring;
use doorward_crypto::opaque::{OpaqueToken, PASSWORD_RESET_PREFIX};
use doorward_domain::audit::{Action, ContactRef};
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;
use doorward_domain::time::plus_seconds;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{Code, OneTimeSecretId, TenantId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{ConsumedOtp, NewOneTimeSecret, NewUser};

use super::VerifyOtp;
use crate::context::{AppContext, Describe};
use crate::error::{Error, Result};
use crate::sessions::{Begun, begin};

/// What was done; signatures come after the commit.
pub(super) enum Applied {
    SignedIn {
        begun: Begun,
        is_new_user: bool,
    },
    ContactVerified {
        user_id: UserId,
    },
    PasswordReset {
        reset_token: SecretText,
        expires_at: Timestamp,
        user_id: UserId,
    },
}

/// The name under which reset tokens are stored.
const RESET: &str = "password_reset";

/// Does what the code was for. An inner `Err` commits: the code is used up all the same.
pub(super) fn apply(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &VerifyOtp,
    consumed: ConsumedOtp,
) -> Result<Result<Applied>> {
    let mut scope = tx.app(app.app.id);
    let contact_ref = keyring.contact_ref(app.app.id, consumed.contact.canonical());
    let known = match consumed.user_id {
        Some(_) => None,
        None => scope.user_by_contact(&consumed.contact)?,
    };
    let subject = consumed.user_id.or(known.as_ref().map(|user| user.id));
    let verified = app
        .event(Action::OtpVerified)
        .on("otp_request", request.otp_request_id)
        .with(serde_json::json!({ "purpose": request.purpose.as_str() }))
        .about(contact_ref, &consumed.contact, subject);
    scope.audit(&verified)?;
    match request.purpose {
        Purpose::Login => {
            let contact = (&consumed.contact, contact_ref);
            sign_in(keyring, app, tx, known, contact, request.tenant_id)
        }
        Purpose::EmailVerify | Purpose::PhoneChange => match consumed.user_id {
            Some(user_id) => set_contact(app, tx, user_id, &consumed.contact, contact_ref),
            None => Err(Error::internal(
                "a code for an address change names no user",
            )),
        },
        Purpose::PasswordReset => reset(app, tx, known),
    }
}

fn sign_in(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    known: Option<User>,
    (contact, contact_ref): (&Contact, ContactRef),
    tenant: Option<TenantId>,
) -> Result<Result<Applied>> {
    let amr = match contact.channel() {
        Channel::Email => "otp",
        Channel::Sms => "otp sms",
    };
    if let Some(user) = known {
        return sign_in_known(keyring, app, tx, &user, contact, amr, tenant);
    }
    if !app.app.settings.sign_up {
        // Sign-up was closed after the code was sent. The answer is that of a wrong code.
        let event = app
            .event(Action::SignInRefused)
            .refused(Code::OtpInvalid)
            .about(contact_ref, contact, None);
        tx.app(app.app.id).audit(&event)?;
        return Ok(Err(Code::OtpInvalid.into()));
    }
    let context = &app.context;
    let user_id = UserId::generate(&*context.clock, &*context.random);
    let new = NewUser {
        id: user_id,
        contact: contact.clone(),
        created_at: context.now(),
    };
    if !tx.app(app.app.id).insert_user(&new)? {
        // Somebody signed up with the same address at this moment.
        return match tx.app(app.app.id).user_by_contact(contact)? {
            Some(user) => sign_in_known(keyring, app, tx, &user, contact, amr, tenant),
            None => Err(Error::internal("an address is taken by nobody")),
        };
    }
    let mut scope = tx.app(app.app.id);
    // What was noted of the address before it was anybody's is this person's from now on.
    scope.claim_personal(user_id, &contact_ref)?;
    scope.audit(&app.event(Action::UserCreated).on("user", user_id).about(
        contact_ref,
        contact,
        None,
    ))?;
    let begun = begin(keyring, app, tx, user_id, amr, tenant)?;
    Ok(Ok(Applied::SignedIn {
        begun,
        is_new_user: true,
    }))
}

fn sign_in_known(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    user: &User,
    contact: &Contact,
    amr: &str,
    tenant: Option<TenantId>,
) -> Result<Result<Applied>> {
    if user.status != UserStatus::Active || !tx.app(app.app.id).hold_active_user(user.id)? {
        return refuse_inactive(app, tx, user.id);
    }
    tx.app(app.app.id)
        .confirm_contact(user.id, contact, app.context.now())?;
    let begun = begin(keyring, app, tx, user.id, amr, tenant)?;
    Ok(Ok(Applied::SignedIn {
        begun,
        is_new_user: false,
    }))
}

fn refuse_inactive(
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    user_id: UserId,
) -> Result<Result<Applied>> {
    let event = app
        .event(Action::SignInRefused)
        .on("user", user_id)
        .refused(Code::UserDeleted);
    tx.app(app.app.id).audit(&event)?;
    Ok(Err(Code::UserDeleted.into()))
}

fn set_contact(
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    user_id: UserId,
    contact: &Contact,
    contact_ref: ContactRef,
) -> Result<Result<Applied>> {
    let event = app
        .event(Action::UserContactVerified)
        .on("user", user_id)
        .about(contact_ref, contact, None);
    let mut scope = tx.app(app.app.id);
    if scope.set_contact(user_id, contact, app.context.now())? {
        scope.claim_personal(user_id, &contact_ref)?;
        scope.audit(&event)?;
        return Ok(Ok(Applied::ContactVerified { user_id }));
    }
    let code = match scope.user(user_id)? {
        None => Code::UserNotFound,
        Some(user) if user.status != UserStatus::Active => Code::UserDeleted,
        Some(_) => Code::AddressTaken,
    };
    scope.audit(&event.refused(code))?;
    Ok(Err(code.into()))
}

fn reset(app: &AppContext, tx: &mut WriteTx<'_>, known: Option<User>) -> Result<Result<Applied>> {
    let context = &app.context;
    let Some(user) = known else {
        return Ok(Err(Code::OtpInvalid.into()));
    };
    if user.status != UserStatus::Active {
        return refuse_inactive(app, tx, user.id);
    }
    let now = context.now();
    let expires_at = plus_seconds(now, app.app.settings.reset_token_seconds);
    let id = OneTimeSecretId::generate(&*context.clock, &*context.random);
    let (reset_token, secret_hash) =
        OpaqueToken::generate(PASSWORD_RESET_PREFIX, id.as_uuid(), &*context.random);
    let mut scope = tx.app(app.app.id);
    scope.insert_secret(&NewOneTimeSecret {
        id,
        purpose: RESET,
        secret_hash,
        user_id: Some(user.id),
        details: None,
        created_at: now,
        expires_at,
    })?;
    scope.audit(&app.event(Action::PasswordResetIssued).on("user", user.id))?;
    Ok(Ok(Applied::PasswordReset {
        reset_token,
        expires_at,
        user_id: user.id,
    }))
}
