//! A test message through an app's providers, with a clear result of each.

use std::sync::Arc;

use doorward_delivery::message::{OutgoingMessage, Rendered};
use doorward_delivery::sender::{Receipt, SendError, Step};
use doorward_domain::audit::Action;
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::limit::LimitRule;
use doorward_domain::scope::Scope;
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code, OutboxId};
use doorward_store::app::{Hit, HitOutcome};

use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::otp::{guard, sends_of_app};

/// Test messages of an app: it is a way to have the server connect and write to somebody.
const LIMIT: LimitRule = LimitRule {
    max: 20,
    seconds: 600,
};

/// What came of a test message.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TestResult {
    /// The app's own provider; `None` for the deployment's sender.
    pub provider: Option<String>,
    /// Whether the other side took it.
    pub accepted: bool,
    /// Which step failed.
    pub failed_step: Option<Step>,
    /// What happened there.
    pub reason: Option<String>,
}

impl TestResult {
    fn new(provider: Option<String>, result: std::result::Result<Receipt, SendError>) -> Self {
        let error = result.err();
        Self {
            provider,
            accepted: error.is_none(),
            failed_step: error.as_ref().map(SendError::step),
            reason: error.map(|error| error.reason().to_owned()),
        }
    }
}

/// Sends a test message to an address through each of the app's providers, or through the
/// deployment's sender where it has none. There is no code in it.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:write`; [`Code::AppNotFound`]; [`Code::RateLimited`];
/// [`Code::ValidationError`] for a country that the app sends no SMS to;
/// [`Code::SmsBudgetExhausted`] and [`Code::SmsCountryBlocked`], because a test costs what a code costs;
/// [`Code::ServiceUnavailable`] when the app's providers cannot be used on this node.
pub async fn test(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    to: Contact,
) -> Result<Vec<TestResult>> {
    let key = core.keyring.limit_key("delivery.test", "");
    let contact_ref = core.keyring.contact_ref(app_id, to.canonical());
    let whom = to.clone();
    let channel = to.channel();
    let caller = Caller::Operator(operator, app_id);
    let keyring = Arc::clone(&core.keyring);
    // Each provider sends one.
    let set = core.messages.of(app_id).await;
    let count = set.as_ref().map_or(1, |set| match set.chain(channel) {
        Some(Ok(chain)) => chain.ids().count().max(1),
        _ => 1,
    });
    let (app, alarms) = core
        .write_as(caller, Scope::DeliveryWrite, move |here, tx| {
            // Whoever may have messages sent may not have them sent where the app sends none.
            if let Contact::Phone(phone) = &whom
                && !here.app.settings.sms.permits(phone.as_str())
            {
                let message = "The app sends no SMS to this country (settings.sms.countries)";
                return Ok(Err(Error::field("to", message)));
            }
            let mut scope = tx.app(here.app.id);
            let mut hits = vec![Hit { key, rule: LIMIT }];
            if channel == Channel::Sms {
                // Also the row that all who count hold.
                hits.push(sends_of_app(&keyring, &here.app.settings.limits));
            }
            if let HitOutcome::Refused { retry_after, .. } = scope.hit_limits(&hits, here.now())? {
                return Ok(Err(
                    Error::new(Code::RateLimited).with_retry_after(retry_after)
                ));
            }
            let mut alarms = Vec::new();
            for _ in 0..count {
                let Some(prefix) = guard::counted_under(&here.app.settings.sms, &whom) else {
                    break;
                };
                let verdict = guard::judge_prefix(here, tx, prefix, guard::Sms::Test)?;
                alarms.extend(verdict.alarms);
                if let Some((code, wait)) = verdict.refusal {
                    return Ok(Ok((Err(Error::new(code).with_retry_after(wait)), alarms)));
                }
            }
            let mut scope = tx.app(here.app.id);
            let event = here
                .event(Action::DeliveryTested)
                .on("channel", channel.as_str())
                .about(contact_ref, &whom, None);
            scope.audit(&event)?;
            Ok(Ok((Ok(Arc::clone(&here.app)), alarms)))
        })
        .await?;
    guard::announce(app_id, &alarms);
    let app = app?;
    let now = operator.context.now();
    let message = OutgoingMessage {
        id: OutboxId::generate(&*core.clock, &*core.random),
        app_id,
        app_name: app.name.clone(),
        channel,
        created_at: now,
        expires_at: plus_seconds(now, 600),
        now,
        report_url: None,
        content: content(&app.name, to),
    };
    let set = set?;
    match set.chain(channel) {
        Some(Ok(chain)) => Ok(chain
            .try_each(&message)
            .await
            .into_iter()
            .map(|(provider, result)| TestResult::new(Some(provider), result))
            .collect()),
        Some(Err(reason)) => Err(Error::new(Code::ServiceUnavailable)
            .with_message("This node cannot use the app's providers; its log says why.")
            .with_internal(reason.clone())
            .with_retry_after(1)),
        None => {
            let result = match core.messages.sender() {
                Some(sender) => sender.send(&message).await,
                None => Err(SendError::permanent("no sender is configured").at(Step::Settings)),
            };
            Ok(vec![TestResult::new(None, result)])
        }
    }
}

fn content(app_name: &str, to: Contact) -> Rendered {
    let text = format!("This is a test message of {app_name}. It holds no code.");
    Rendered {
        subject: (to.channel() == Channel::Email).then(|| "Test message".to_owned()),
        to,
        text,
        html: None,
        code: None,
        link: None,
    }
}
