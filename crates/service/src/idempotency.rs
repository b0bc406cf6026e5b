//! Creating calls of operators that may be repeated (draft-ietf-httpapi-idempotency-key-header).
//!
//! [`Core::create`] is the one place: whatever creates something for an operator runs through it. A
//! call with a key writes what it answers in the transaction of what it creates, so neither is there
//! without the other. ADR 0015 has the rules.

pub(crate) mod kept;

use doorward_crypto::idempotency::{operator_key_hash, request_hash};
use doorward_crypto::{Keyring, SealPurpose};
use doorward_domain::audit::Action;
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code, SecureRandom};
use doorward_store::WriteTx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{Context, Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// How long the same key gets the same answer, in seconds.
const KEEP_SECONDS: i64 = 86_400;
/// Longest answer that is kept, in bytes of JSON.
const ANSWER_MAX: usize = 1024 * 1024;

/// What an operator sent to be able to repeat a call.
#[derive(Clone)]
pub struct IdempotencyKey {
    key: String,
    operation: String,
    request_hash: [u8; 32],
}

impl IdempotencyKey {
    /// What a key looks like, for people.
    pub const RULE: &'static str = "Must be sent once, with 1 to 255 visible ASCII characters";

    /// Of the key and the request that it came with: `operation` goes to the audit, so it names what
    /// was called and nothing that was in it (method and template of the path, or the command);
    /// `target` is the call as it was made (method and path with its query), and `body` what it held.
    ///
    /// # Errors
    /// [`IdempotencyKey::RULE`].
    pub fn new(
        key: &str,
        operation: impl Into<String>,
        target: &str,
        body: &[u8],
    ) -> std::result::Result<Self, &'static str> {
        if !Self::is_key(key) {
            return Err(Self::RULE);
        }
        Ok(Self {
            key: key.to_owned(),
            request_hash: request_hash(target, body),
            operation: operation.into(),
        })
    }

    /// Whether a text can be a key.
    #[must_use]
    pub fn is_key(text: &str) -> bool {
        (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// A claim on a key inside a transaction.
struct Claim<'a> {
    key: &'a IdempotencyKey,
    hash: [u8; 32],
    keyring: &'a Keyring,
    context: &'a Context,
    app_id: Option<AppId>,
}

/// What a claim came to.
enum Claimed<T> {
    /// This call is the first: it is to be done.
    First,
    /// It was done before; this was its answer.
    Before(T),
}

impl Core {
    /// Writes what an operator creates. With an `Idempotency-Key` the answer is stored in the same
    /// transaction, and a repeated call gets it without running `work`. An inner `Err` is a refusal
    /// that leaves its traces (it commits); an outer one rolls back. Neither uses the key up.
    ///
    /// `T` is all that the caller is told: what is not in it (or is skipped) a repeated call does
    /// not get. Secrets go in by [`kept`].
    ///
    /// # Errors
    /// What `work` returns; [`Code::Conflict`] when the key came with another request, or the
    /// answer to it is not there; [`Code::ValidationError`] when the answer is too long to be kept.
    pub(crate) async fn create<T, F>(
        &self,
        operator: &Operator,
        app_id: Option<AppId>,
        work: F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<Result<T>> + Send + 'static,
    {
        let Some(key) = operator.idempotency.clone() else {
            return self.store.write(work).await?;
        };
        let context = operator.context.clone();
        let keyring = std::sync::Arc::clone(&self.keyring);
        self.store
            .write(move |tx| {
                let actor = &context.actor;
                let claim = Claim {
                    key: &key,
                    hash: operator_key_hash(
                        actor.kind(),
                        &actor.id().unwrap_or_default(),
                        &key.key,
                    ),
                    keyring: &keyring,
                    context: &context,
                    app_id,
                };
                match claim.take(tx)? {
                    Claimed::Before(answer) => Ok::<_, Error>(Ok(answer)),
                    Claimed::First => {
                        let outcome = work(tx)?;
                        claim.settle(tx, outcome.as_ref().ok())?;
                        Ok(outcome)
                    }
                }
            })
            .await?
    }
}

impl Claim<'_> {
    fn take<T: DeserializeOwned>(&self, tx: &mut WriteTx<'_>) -> Result<Claimed<T>> {
        let now = self.context.now();
        let mut platform = tx.platform();
        if platform.claim_idempotency_key(&self.hash, now, plus_seconds(now, KEEP_SECONDS))? {
            return Ok(Claimed::First);
        }
        let sealed = platform
            .idempotent_answer(&self.hash, now)?
            .and_then(|found| found.sealed)
            .ok_or_else(in_progress)?;
        let answer = self.open(&sealed)?;
        let event = self
            .context
            .event(self.app_id, Action::OperatorAnswerRepeated)
            .with(serde_json::json!({ "operation": self.key.operation }));
        platform.audit(&event)?;
        Ok(Claimed::Before(answer))
    }

    /// Keeps the answer, or gives the key back after a refusal.
    fn settle<T: Serialize>(&self, tx: &mut WriteTx<'_>, answer: Option<&T>) -> Result<()> {
        let mut platform = tx.platform();
        match answer {
            None => platform.release_idempotency_key(&self.hash)?,
            Some(answer) => {
                let sealed = self.seal(answer, &*self.context.random)?;
                platform.store_idempotent_answer(&self.hash, &sealed)?;
            }
        }
        Ok(())
    }

    /// The hash of the request, then the answer.
    fn seal<T: Serialize>(&self, answer: &T, random: &dyn SecureRandom) -> Result<Vec<u8>> {
        let mut plain = zeroize::Zeroizing::new(self.key.request_hash.to_vec());
        serde_json::to_writer(&mut *plain, answer)
            .map_err(|error| Error::internal(error.to_string()))?;
        if plain.len() > ANSWER_MAX {
            return Err(Error::field(
                "Idempotency-Key",
                "Cannot be used here: the answer would be longer than 1 MiB. Ask for fewer at once",
            ));
        }
        Ok(self
            .keyring
            .seal(SealPurpose::OperatorAnswer, &self.hash, &plain, random))
    }

    fn open<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T> {
        let plain = self
            .keyring
            .open(SealPurpose::OperatorAnswer, &self.hash, sealed)
            .map_err(|_| not_there())?;
        let Some((request, answer)) = plain.split_first_chunk::<32>() else {
            return Err(not_there());
        };
        if *request != self.key.request_hash {
            return Err(Error::new(Code::Conflict).with_message(
                "This Idempotency-Key was used for another request. Send a new one with each new \
                 request.",
            ));
        }
        serde_json::from_slice(answer).map_err(|_| not_there())
    }
}

/// Another call with this key has been given a turn at this very moment.
fn in_progress() -> Error {
    Error::new(Code::Conflict)
        .with_message("A request with this Idempotency-Key is still at work. Repeat it shortly.")
        .with_retry_after(1)
}

/// Stored by another version of the program, or under a master key that is gone.
fn not_there() -> Error {
    Error::new(Code::Conflict).with_message(
        "This Idempotency-Key was used, but its answer can no longer be shown. Look at what was \
         created before you ask again with a new key.",
    )
}
