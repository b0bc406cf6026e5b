//! What a provider reports about a message after it took it over (a delivery receipt).
//!
//! Whatever is wrong with a report, the answer is the same: no such thing. A forged reference or
//! signature costs no look-up.

use std::sync::Arc;
use std::time::Duration;

use doorward_crypto::MessageRef;
use doorward_delivery::apps::AppMessages;
use doorward_delivery::sender::{Fate, Report, Said};
use doorward_delivery::worker::{WorkerOptions, handed_over, reported};
use doorward_domain::app::AppStatus;
use doorward_domain::audit::{Action, Actor};
use doorward_domain::outbox::{OutboxState, Reported};
use doorward_domain::random::below;
use doorward_domain::sms::{OUTCOME_SHARDS, SmsCounts};
use doorward_domain::stats::Counted;
use doorward_domain::{AppId, Code, Timestamp};
use doorward_store::WriteTx;
use doorward_store::app::{self as stored, HitOutcome, MessageStanding, SmsAlarm};

use crate::caller::Here;
use crate::context::{Context, Describe};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::otp::{guard, sends_of_app};

/// How often a report is looked at again that was quicker than our own note of the handover, and the
/// wait between.
const EARLY_TRIES: u32 = 10;
const EARLY_WAIT: Duration = Duration::from_millis(200);

/// A report as it arrived.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The last part of the URL it was sent to.
    pub reference: String,
    /// Its headers.
    pub headers: doorward_delivery::sender::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// What came of it.
enum Noted {
    /// We have not noted yet that the provider has the message.
    Early,
    /// Nothing new.
    Known,
    /// It arrived.
    Delivered,
    /// It arrived, although we never got the provider's answer: it was to be sent once more.
    Arrived { created_at: Timestamp },
    /// It did not arrive; whether another provider is to take it.
    Failed { resent: bool, alarms: Vec<SmsAlarm> },
}

/// Takes a report about a message of an app. One that was taken before changes nothing.
///
/// # Errors
/// [`Code::NotFound`], whatever is wrong with it; [`Code::ServiceUnavailable`] when it came before our
/// own note that the provider has the message, and that takes long.
pub async fn receive(
    core: &Core,
    context: &Context,
    app_id: AppId,
    incoming: Incoming,
) -> Result<()> {
    let named = core
        .keyring
        .open_message_reference(app_id, &incoming.reference)
        .ok_or_else(unknown)?;
    let set = core.messages.of(app_id).await?;
    let said = read(core, &set, app_id, &named, &incoming).ok_or_else(unknown)?;
    if said.fate == Fate::OnItsWay {
        return Ok(());
    }
    let others: Arc<[String]> = match set.chain(named.channel) {
        Some(Ok(chain)) => chain.ids().map(str::to_owned).collect(),
        _ => Arc::new([]),
    };
    // The provider has proved who it is; what follows is the server's doing.
    let context = context.acting(Actor::System);
    let noting = Arc::new(Noting {
        named,
        said,
        others,
    });
    let mut waiting = None;
    for _ in 0..EARLY_TRIES {
        if waiting.is_some() && is_early(core, app_id, &noting).await? {
            tokio::time::sleep(EARLY_WAIT).await;
            continue;
        }
        let (keyring, context) = (Arc::clone(&core.keyring), context.clone());
        let what = Arc::clone(&noting);
        let noted = core
            .store
            .write(move |tx| {
                let app = tx.platform().app(app_id)?;
                let app = app.filter(|app| app.status == AppStatus::Active);
                let here = Here::stored(app, &context).map_err(|_| unknown())?;
                what.note(&keyring, &here, tx)
            })
            .await;
        match noted {
            Ok(Noted::Early) => {
                if waiting.is_none() {
                    let Some(place) = core.early_reports.take(app_id) else {
                        break;
                    };
                    waiting = Some(place);
                }
                tokio::time::sleep(EARLY_WAIT).await;
            }
            Ok(noted) => {
                announce(core, app_id, &noting, &noted);
                return Ok(());
            }
            // Somebody else noted something at the same moment: see what.
            Err(error) if error.code() == Code::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(Code::ServiceUnavailable).with_retry_after(2))
}

fn unknown() -> Error {
    Error::new(Code::NotFound)
}

/// What the provider says, if it is the provider.
fn read(
    core: &Core,
    set: &AppMessages,
    app_id: AppId,
    named: &MessageRef,
    incoming: &Incoming,
) -> Option<Said> {
    let url = core.messages.reports()?.url(app_id, &incoming.reference);
    let report = Report {
        url: &url,
        headers: &incoming.headers,
        body: &incoming.body,
        message: named.message,
        now: core.clock.now(),
    };
    let channel = named.channel;
    if named.provider.is_empty() {
        return core.messages.sender()?.read_report(channel, &report);
    }
    let chain = set.chain(channel)?.as_ref().ok()?;
    chain.read_report(&named.provider, channel, &report)
}

/// A report that is the provider's own.
struct Noting {
    named: MessageRef,
    said: Said,
    /// The app's providers, in order.
    others: Arc<[String]>,
}

/// Whether we have still not noted that the provider has the message.
async fn is_early(core: &Core, app_id: AppId, noting: &Noting) -> Result<bool> {
    let id = noting.named.message;
    let read = core
        .store
        .read(move |tx| tx.app(app_id).message_standing(id));
    let now = core.clock.now();
    let message = read.await?;
    Ok(message.is_some_and(|message| noting.is_early(&message, now)))
}

impl Noting {
    /// Whether the message is being handed over at this moment, perhaps to this provider.
    fn is_early(&self, message: &MessageStanding, now: Timestamp) -> bool {
        self.may_have(message) && message.leased && message.not_before > now
    }

    /// Whether this provider may have the message, for all we noted: an attempt is under way, or broke
    /// off. Not one that it was taken back from.
    fn may_have(&self, message: &MessageStanding) -> bool {
        message.state == OutboxState::Queued && !message.tried.contains(&self.named.provider)
    }

    fn note(
        &self,
        keyring: &doorward_crypto::Keyring,
        here: &Here,
        tx: &mut WriteTx<'_>,
    ) -> Result<Noted> {
        let id = self.named.message;
        let message = tx.app(here.app.id).message_standing(id)?;
        let message = message.ok_or_else(unknown)?;
        if self.is_early(&message, here.now()) {
            return Ok(Noted::Early);
        }
        let delivered = self.said.fate == Fate::Delivered;
        if delivered && message.attempts > 0 && self.may_have(&message) {
            return self.arrived(here, tx, &message);
        }
        let has_it = message.provider.as_deref() == Some(self.named.provider.as_str());
        // Of an attempt whose answer we never got, and after which there was another: that this one
        // failed says nothing.
        let names = message
            .provider_ref
            .as_ref()
            .zip(self.said.provider_id.as_ref());
        let other = !delivered && names.is_some_and(|(has, says)| has != says);
        if message.state != OutboxState::Sent || !has_it || other || message.reported.is_some() {
            return Ok(Noted::Known);
        }
        let report = stored::Report {
            provider: self.named.provider.clone(),
            // That one of two arrived is enough; that one of two did not is not.
            provider_ref: self.said.provider_id.clone().filter(|_| !delivered),
            what: if delivered {
                Reported::Delivered
            } else {
                Reported::Failed
            },
            reason: self.said.code.clone(),
            at: here.now(),
        };
        if delivered {
            if !tx.app(here.app.id).note_report(id, &report)? {
                return Ok(Noted::Known);
            }
            self.count(here, tx, &message, SmsCounts::DELIVERED)?;
            return Ok(Noted::Delivered);
        }
        let (may, alarms) = if self.is_worth_another(here, tx, &message)? {
            self.may_be_sent(keyring, here, tx, &message)?
        } else {
            (false, Vec::new())
        };
        let mut scope = tx.app(here.app.id);
        if may {
            let most = WorkerOptions::default().max_attempts;
            if !scope.resend_message(id, &report, most)? {
                // What was counted for it is taken back with the transaction.
                return Err(Error::new(Code::Conflict));
            }
        } else if !scope.note_report(id, &report)? {
            return Ok(Noted::Known);
        }
        self.count(here, tx, &message, SmsCounts::FAILED)?;
        let mut details = self.details(&message);
        details.insert("resent".to_owned(), may.into());
        if let Some(code) = &self.said.code {
            details.insert("error".to_owned(), code.as_str().into());
        }
        let event = here
            .event(Action::MessageUndelivered)
            .on("message", id)
            .refused(Code::ServiceUnavailable)
            .with(details.into());
        tx.app(here.app.id).audit(&event)?;
        Ok(Noted::Failed {
            resent: may,
            alarms,
        })
    }

    /// Notes that a message arrived that was to be sent once more. The provider's word for it is as good
    /// as of any other: its reference names the message and was told to nobody else, and it is signed.
    fn arrived(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        message: &MessageStanding,
    ) -> Result<Noted> {
        let id = self.named.message;
        let report = stored::Report {
            provider: self.named.provider.clone(),
            provider_ref: self.said.provider_id.clone(),
            what: Reported::Delivered,
            reason: None,
            at: here.now(),
        };
        let mut scope = tx.app(here.app.id);
        if !scope.note_arrival(id, &report, &message.tried)? {
            // A worker has taken it for the next attempt meanwhile.
            return Err(Error::new(Code::Conflict));
        }
        self.count(here, tx, message, SmsCounts::DELIVERED)?;
        let mut details = self.details(message);
        details.insert("reported".to_owned(), Reported::Delivered.as_str().into());
        let event = here.event(Action::MessageSent).on("message", id);
        tx.app(here.app.id).audit(&event.with(details.into()))?;
        Ok(Noted::Arrived {
            created_at: message.created_at,
        })
    }

    /// Whether another provider is left and the code is of use still.
    fn is_worth_another(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        message: &MessageStanding,
    ) -> Result<bool> {
        let left = self
            .others
            .iter()
            .any(|id| *id != self.named.provider && !message.tried.contains(id));
        let attempts = message.attempts < WorkerOptions::default().max_attempts;
        let now = here.now();
        if self.said.fate == Fate::Rejected
            || !(left && attempts && message.kept)
            || message.expires_at <= now
        {
            return Ok(false);
        }
        let Some(otp) = message.otp_request_id else {
            return Ok(false);
        };
        let standing = tx.app(here.app.id).otp_standing(otp)?;
        Ok(standing.is_some_and(|otp| {
            let otp = otp.standing;
            !(otp.used || otp.locked || otp.voided) && otp.expires_at > now
        }))
    }

    /// Whether the app may have one more message sent, which is counted then as any other.
    fn may_be_sent(
        &self,
        keyring: &doorward_crypto::Keyring,
        here: &Here,
        tx: &mut WriteTx<'_>,
        message: &MessageStanding,
    ) -> Result<(bool, Vec<SmsAlarm>)> {
        let prefix = message.sms_prefix.as_ref();
        if prefix.is_some_and(|prefix| !here.app.settings.sms.permits(prefix)) {
            // The app has closed the country since.
            return Ok((false, Vec::new()));
        }
        let hit = sends_of_app(keyring, &here.app.settings.limits);
        let mut scope = tx.app(here.app.id);
        if let HitOutcome::Refused { .. } = scope.hit_limits(&[hit], here.now())? {
            return Ok((false, Vec::new()));
        }
        let Some(prefix) = message.sms_prefix.clone() else {
            return Ok((true, Vec::new()));
        };
        let verdict = guard::judge_prefix(here, tx, prefix, guard::Sms::Code)?;
        Ok((verdict.refusal.is_none(), verdict.alarms))
    }

    /// Counts where the message's being sent was counted.
    fn count(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        message: &MessageStanding,
        counts: SmsCounts,
    ) -> Result<()> {
        let Some(prefix) = &message.sms_prefix else {
            return Ok(());
        };
        let shard = 1 + below(&*here.context.random, OUTCOME_SHARDS);
        let mut scope = tx.app(here.app.id);
        Ok(scope.count_sms_outcome(prefix, message.created_at, shard, counts)?)
    }

    fn details(&self, message: &MessageStanding) -> serde_json::Map<String, serde_json::Value> {
        let mut details = serde_json::Map::from_iter([
            ("channel".to_owned(), self.named.channel.as_str().into()),
            ("template".to_owned(), message.template.as_str().into()),
            ("attempt".to_owned(), message.attempts.into()),
        ]);
        if !self.named.provider.is_empty() {
            details.insert("provider".to_owned(), self.named.provider.as_str().into());
        }
        details
    }
}

/// What is told once it is committed.
fn announce(core: &Core, app_id: AppId, noting: &Noting, noted: &Noted) {
    let now = core.clock.now();
    let channel = noting.named.channel;
    let message_id = noting.named.message;
    let provider = noting.named.provider.as_str();
    match noted {
        Noted::Early | Noted::Known => {}
        Noted::Delivered => {
            reported(channel, "delivered");
            core.count(app_id, now, Counted::delivered(channel), None);
            tracing::info!(%message_id, %app_id, ?channel, provider, "message delivered");
        }
        Noted::Arrived { created_at } => {
            handed_over(channel, *created_at, now);
            reported(channel, "delivered");
            core.count(app_id, now, Counted::accepted(channel), None);
            core.count(app_id, now, Counted::delivered(channel), None);
            tracing::info!(%message_id, %app_id, ?channel, provider, "message delivered, although the provider did not say that it took it");
        }
        Noted::Failed { resent, alarms } => {
            reported(channel, if *resent { "resent" } else { "failed" });
            core.count(app_id, now, Counted::undelivered(channel), None);
            guard::announce(app_id, alarms);
            if *resent {
                core.outbox_bell.ring(channel);
            }
            let code = noting.said.code.as_deref();
            tracing::warn!(%message_id, %app_id, ?channel, provider, code, resent, "message not delivered");
        }
    }
}
