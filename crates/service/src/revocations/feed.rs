//! The revocation feed of one app.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code, Timestamp};
use doorward_verify::revocations::{REVOCATIONS_TYP, RevocationsBuilder};

use crate::core::Core;
use crate::error::{Error, Result};

/// The longest that a request for the feed may wait for news.
pub const FEED_WAIT_MAX: Duration = Duration::from_secs(25);

/// A document is made anew at least so often, in seconds: it proves that nothing was held back.
const RENEW_SECONDS: i64 = 60;
/// Life of a document in seconds. A consumer that gets no newer one knows that it knows nothing.
const LIFE_SECONDS: i64 = 300;

/// A signed document.
#[derive(Debug)]
pub struct Document {
    /// The compact JWS.
    pub text: String,
    /// Its entity tag, quoted.
    pub etag: String,
    issued_at: i64,
    kid: String,
}

/// The feed of an app as it is now, of a switched-off one, too.
///
/// # Errors
/// [`Code::AppNotFound`].
pub async fn current(core: &Core, app_id: AppId) -> Result<Arc<Document>> {
    let now = core.clock.now();
    if let Some(document) = known(core, app_id, now) {
        return document;
    }
    let entries = core
        .store
        .read(move |tx| {
            if tx.platform().app(app_id)?.is_none() {
                return Err(Error::new(Code::AppNotFound));
            }
            Ok(tx.app(app_id).revocations(now)?)
        })
        .await?;
    core.revocations.put(app_id, &entries, now);
    // Others may have made it meanwhile: all give the same away.
    match known(core, app_id, now) {
        Some(document) => document,
        // More feeds are asked for than are kept.
        None => sign(core, app_id, entries.iter(), now).map(Arc::new),
    }
}

/// The document kept by this node, made anew when it is old.
fn known(core: &Core, app_id: AppId, now: Timestamp) -> Option<Result<Arc<Document>>> {
    core.revocations.with_current(app_id, now, |known| {
        let is_good = |document: &&Arc<Document>| {
            document.issued_at.saturating_add(RENEW_SECONDS) > now.as_second()
                && document.issued_at <= plus_seconds(now, RENEW_SECONDS).as_second()
                && document.kid == active_kid(core)
        };
        if let Some(document) = known.document.as_ref().filter(is_good) {
            return Ok(Arc::clone(document));
        }
        known.entries.retain(|_, entry| entry.expires_at > now);
        let document = Arc::new(sign(core, app_id, known.entries.values(), now)?);
        known.document = Some(Arc::clone(&document));
        Ok(document)
    })
}

/// The feed as soon as it is another than `etag` says, at the latest after `patience`.
///
/// # Errors
/// As [`current`].
pub async fn next(
    core: &Core,
    app_id: AppId,
    etag: &str,
    patience: Duration,
) -> Result<Arc<Document>> {
    let end = tokio::time::Instant::now() + patience.min(FEED_WAIT_MAX);
    loop {
        let news = core.revocations.news();
        tokio::pin!(news);
        // From here on no ring is missed.
        news.as_mut().enable();
        let document = current(core, app_id).await?;
        if document.etag != etag || crate::health::is_stopping(core) {
            return Ok(document);
        }
        if tokio::time::timeout_at(end, news).await.is_err() {
            return current(core, app_id).await;
        }
    }
}

fn active_kid(core: &Core) -> String {
    core.signing()
        .active
        .as_ref()
        .map(|key| key.kid().to_owned())
        .unwrap_or_default()
}

/// Makes the document. The same entries in the same minute give the same document on every node, and
/// one with more entries is never the older one.
fn sign<'e>(
    core: &Core,
    app_id: AppId,
    entries: impl Iterator<Item = &'e Revocation>,
    now: Timestamp,
) -> Result<Document> {
    let set = core.signing();
    let key = set
        .active
        .as_ref()
        .ok_or_else(|| Error::internal("there is no signing key"))?;
    let minute = now.as_second() - now.as_second().rem_euclid(RENEW_SECONDS);
    let entries: Vec<&Revocation> = entries.collect();
    let newest = entries
        .iter()
        .map(|entry| entry.recorded_at.as_second())
        .max();
    // A node whose clock is far ahead must not make every consumer refuse the document as one of
    // the future.
    let newest = newest.unwrap_or(minute).min(now.as_second());
    let issued_at = newest.max(minute);
    let at = |seconds| Timestamp::from_second(seconds).unwrap_or(now);
    let mut document = RevocationsBuilder::new(
        core.settings.issuer.as_str(),
        app_id.as_uuid(),
        at(issued_at),
        at(issued_at.saturating_add(LIFE_SECONDS)),
    );
    for entry in entries {
        match entry.revoked {
            Revoked::Session(id) => document.session(id.as_uuid()),
            Revoked::User(id) => document.user(id.as_uuid(), entry.issued_until),
            Revoked::App => document.everything(entry.issued_until),
        };
    }
    let payload = document.payload_json();
    let text = key
        .sign_jws(REVOCATIONS_TYP, &payload)
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(Document {
        etag: doorward_crypto::etag(&[key.kid().as_bytes(), &payload]),
        text,
        issued_at,
        kid: key.kid().to_owned(),
    })
}
