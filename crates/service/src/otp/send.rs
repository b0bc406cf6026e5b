//! Sending a one-time code.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_delivery::message::{Envelope, Otp};
use doorward_domain::app::AppSettings;
use doorward_domain::audit::Action;
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::{Purpose, generate};
use doorward_domain::outbox::OutboxMessage;
use doorward_domain::stats::Counted;
use doorward_domain::template::Language;
use doorward_domain::time::plus_seconds;
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, OtpRequestId, OutboxId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{HitOutcome, NewOtpRequest};

use super::guard;
use super::{failures_of_contact, sends_of_address, sends_of_app, sends_to_contact};
use crate::audit::{RefusalBudget, Refused};
use crate::caller::Here;
use crate::context::{AppContext, Describe};
use crate::core::Core;
use crate::error::{Error, Result};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SendOtp {
    /// Whom to.
    pub contact: Contact,
    /// What for.
    pub purpose: Purpose,
    /// The signed-in user, for EMAIL_VERIFY and PHONE_CHANGE.
    pub user_id: Option<UserId>,
    /// The end user's address, where the app's backend names it: for the limit and the audit.
    pub client_ip: Option<IpAddr>,
    /// The language of the message; the app's own when `None`.
    pub language: Option<Language>,
}

/// What came of it. Says nothing about whether the contact is known.
#[derive(Debug, Clone)]
pub struct OtpSent {
    /// To be shown when verifying.
    pub otp_request_id: OtpRequestId,
    /// End of the code's life.
    pub expires_at: Timestamp,
}

/// Sends a code. It is written to the outbox in the same transaction; older live codes for the
/// same contact and purpose are void from now on.
///
/// # Errors
/// [`Code::ValidationError`], [`Code::OtpRateLimited`]; by SMS [`Code::SmsBudgetExhausted`] and
/// [`Code::SmsCountryBlocked`]; for EMAIL_VERIFY and PHONE_CHANGE
/// [`Code::UserNotFound`] and [`Code::UserDeleted`].
pub async fn send(core: &Core, app: &AppContext, request: SendOtp) -> Result<OtpSent> {
    check(&app.app.settings, &request)?;
    let channel = request.contact.channel();
    let keyring = Arc::clone(&core.keyring);
    let budget = Arc::clone(&core.refusal_budget);
    let mut app = app.clone();
    if request.client_ip.is_some() {
        app.context.origin.ip = request.client_ip;
        app.context.origin.of_person = true;
    }
    let sent = core
        .write_in_app(&mut app, move |app, tx| {
            if !guard::permits(&app.app.settings.sms, &request.contact) {
                let code = Code::SmsCountryBlocked;
                let refused = refuse(&keyring, &budget, app, tx, &request, code, None)?;
                return Ok(Ok((refused, Vec::new())));
            }
            if let Some(user_id) = request.user_id
                && let Some(code) = refuse_user(app, tx, user_id)?
            {
                let refused = refuse(&keyring, &budget, app, tx, &request, code, None)?;
                return Ok(Ok((refused, Vec::new())));
            }
            if let Some(wait) = count(&keyring, app, tx, &request)? {
                let code = Code::OtpRateLimited;
                let refused = refuse(&keyring, &budget, app, tx, &request, code, Some(wait))?;
                return Ok(Ok((refused, Vec::new())));
            }
            let verdict = guard::judge(&Here::of(app), tx, &request.contact)?;
            let outcome = match verdict.refusal {
                Some((code, wait)) => {
                    refuse(&keyring, &budget, app, tx, &request, code, Some(wait))?
                }
                None => Ok(write(&keyring, app, tx, &request)?),
            };
            Ok(Ok((outcome, verdict.alarms)))
        })
        .await?;
    let (sent, alarms) = sent;
    guard::announce(app.app.id, &alarms);
    let sent = sent?;
    core.outbox_bell.ring(channel);
    let kind = match channel {
        Channel::Email => Counted::CodeEmail,
        Channel::Sms => Counted::CodeSms,
    };
    core.count(app.app.id, app.context.now(), kind, None);
    Ok(sent)
}

/// What can be judged without the store.
fn check(settings: &AppSettings, request: &SendOtp) -> Result<()> {
    let channel = request.contact.channel();
    let field = match channel {
        Channel::Email => "email",
        Channel::Sms => "phone",
    };
    match (channel, settings.otp_email, settings.otp_sms) {
        (Channel::Email, false, _) => {
            return Err(Error::field(field, "This app sends no codes by e-mail"));
        }
        (Channel::Sms, _, false) => {
            return Err(Error::field(field, "This app sends no codes by SMS"));
        }
        _ => {}
    }
    match (request.purpose, channel) {
        (Purpose::EmailVerify, Channel::Sms) => Err(Error::field(
            "email",
            "EMAIL_VERIFY needs an e-mail address",
        )),
        (Purpose::PhoneChange, Channel::Email) => {
            Err(Error::field("phone", "PHONE_CHANGE needs a phone number"))
        }
        (Purpose::EmailVerify | Purpose::PhoneChange, _) if request.user_id.is_none() => {
            Err(Error::field(
                "user_id",
                "Required for this purpose, unless a Bearer token names the user",
            ))
        }
        _ => Ok(()),
    }
}

fn refuse_user(app: &AppContext, tx: &mut WriteTx<'_>, user_id: UserId) -> Result<Option<Code>> {
    Ok(match tx.app(app.app.id).user(user_id)? {
        None => Some(Code::UserNotFound),
        Some(user) if user.status != UserStatus::Active => Some(Code::UserDeleted),
        Some(_) => None,
    })
}

/// Counts against the limits: contact first (which serialises everything about it), then client
/// address, then app. `Some` with the seconds to wait when one is exhausted.
fn count(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &SendOtp,
) -> Result<Option<i64>> {
    let limits = &app.app.settings.limits;
    let now = app.context.now();
    let contact = request.contact.canonical();
    let mut scope = tx.app(app.app.id);
    let wait = scope.limit_wait(&failures_of_contact(keyring, limits, contact), now)?;
    if wait > 0 {
        return Ok(Some(wait));
    }
    let mut hits = vec![sends_to_contact(keyring, limits, contact)];
    if let Some(ip) = request.client_ip {
        hits.push(sends_of_address(keyring, limits, ip));
    }
    hits.push(sends_of_app(keyring, limits));
    match scope.hit_limits(&hits, now)? {
        HitOutcome::Allowed { .. } => Ok(None),
        HitOutcome::Refused { retry_after, .. } => Ok(Some(retry_after)),
    }
}

/// Whoever goes on asking is refused for ever, so the traces have a budget.
fn refuse(
    keyring: &Keyring,
    budget: &RefusalBudget,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &SendOtp,
    code: Code,
    retry_after: Option<i64>,
) -> Result<Result<OtpSent>> {
    if budget.take(app.context.now(), Refused::Request(app.app.id), code) {
        let mut scope = tx.app(app.app.id);
        let user_id = match scope.user_by_contact(&request.contact)? {
            Some(user) => Some(user.id),
            None => request.user_id,
        };
        // One who is erased, or never was, has nothing noted about him.
        let user_id = match user_id {
            Some(user_id) if scope.hold_user(user_id)? => Some(user_id),
            _ => None,
        };
        let event = app
            .event(Action::OtpSent)
            .refused(code)
            .with(details(request))
            .about(
                keyring.contact_ref(app.app.id, request.contact.canonical()),
                &request.contact,
                user_id,
            );
        scope.audit(&event)?;
    }
    let error = Error::new(code);
    Ok(Err(match retry_after {
        Some(seconds) => error.with_retry_after(seconds),
        None => error,
    }))
}

/// What one client is given: an IPv4 address, or a /64 of IPv6, of which it has all addresses
/// (RFC 6177 §2). An IPv4 address has one spelling.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn details(request: &SendOtp) -> serde_json::Value {
    serde_json::json!({
        "purpose": request.purpose.as_str(),
        "channel": request.contact.channel().as_str(),
    })
}

/// Writes the request and its message. Where there is nobody to send to, both are written all the
/// same, with a code that nobody has and a message that is never sent: answer, time and traces are
/// those of a real one.
fn write(
    keyring: &Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    request: &SendOtp,
) -> Result<OtpSent> {
    let context = &app.context;
    let settings = &app.app.settings;
    let now = context.now();
    let expires_at = plus_seconds(now, settings.otp_seconds);
    let mut scope = tx.app(app.app.id);
    let contact_ref = keyring.contact_ref(app.app.id, request.contact.canonical());
    let known = scope.user_by_contact(&request.contact)?.map(|user| user.id);
    let decoy = match request.purpose {
        Purpose::Login => known.is_none() && !settings.sign_up,
        Purpose::PasswordReset => known.is_none(),
        Purpose::EmailVerify | Purpose::PhoneChange => false,
    };
    let id = OtpRequestId::generate(&*context.clock, &*context.random);
    let code = generate(&*context.random);
    let code_hash = if decoy {
        context.random.bytes()
    } else {
        keyring.otp_hash(app.app.id, id, code.expose())
    };
    scope.insert_otp_request(&NewOtpRequest {
        id,
        purpose: request.purpose,
        contact: request.contact.clone(),
        user_id: request.user_id,
        code_hash,
        max_attempts: settings.otp_attempts,
        created_at: now,
        expires_at,
    })?;
    let user_id = known.or(request.user_id);
    // Held, so that an erasure either finds what is written here, or was before it: then whoever asks
    // again is asking for a stranger.
    if let Some(user_id) = user_id
        && !scope.hold_user(user_id)?
    {
        return Err(Error::new(Code::ServiceUnavailable).with_retry_after(1));
    }
    let message_id = OutboxId::generate(&*context.clock, &*context.random);
    let envelope = Envelope::new_otp(&Otp {
        to: &request.contact,
        app_name: &app.app.name,
        language: request
            .language
            .as_ref()
            .map_or(settings.language.as_str(), Language::as_str),
        purpose: request.purpose,
        code: &code,
        valid_minutes: u32::try_from(settings.otp_seconds / 60).unwrap_or(1).max(1),
        domain: None,
    });
    let message = OutboxMessage {
        id: message_id,
        app_id: app.app.id,
        channel: request.contact.channel(),
        template: envelope.template(),
        sealed: envelope.seal(keyring, app.app.id, message_id, &*context.random),
        contact_ref: Some(contact_ref),
        user_id,
        otp_request_id: Some(id),
        sms_prefix: guard::counted_under(&settings.sms, &request.contact),
        created_at: now,
        expires_at,
    };
    scope.enqueue(&message, decoy)?;
    let event = app
        .event(Action::OtpSent)
        .on("otp_request", id)
        .with(details(request))
        .about(contact_ref, &request.contact, user_id);
    scope.audit(&event)?;
    Ok(OtpSent {
        otp_request_id: id,
        expires_at,
    })
}
