//! The revocation feed of one app.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code, Timestamp};
use doorward_verify::revocations::{REVOCATIONS_TYP, RevocationsBuilder};

use crate::core::{Core, SigningSet};
use crate::error::{Error, Result};

/// The longest that a request for the feed may wait for news.
pub const FEED_WAIT_MAX: Duration = Duration::from_secs(25);

/// A document is made anew at least so often, in seconds: it proves that nothing was held back.
const RENEW_SECONDS: i64 = 60;
/// Life of a document in seconds. A consumer that gets no newer one knows that it knows nothing.
const LIFE_SECONDS: i64 = 300;

/// Entries that are hashed while a request waits: less than a millisecond.
const FEW: usize = 1_000;

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
    if let Some(document) = known(core, app_id, now).await? {
        return Ok(document);
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
    match known(core, app_id, now).await? {
        Some(document) => Ok(document),
        // More feeds are asked for than are kept.
        None => make(core, app_id, entries, now).await,
    }
}

/// What is known of a feed that is kept.
enum Kept {
    /// The document.
    Made(Arc<Document>),
    /// What it is to be made of.
    ToMake(u64, Vec<Revocation>),
}

/// The document kept by this node, made anew when it is old. Making it holds nothing that others
/// need: with many entries it takes a while.
async fn known(core: &Core, app_id: AppId, now: Timestamp) -> Result<Option<Arc<Document>>> {
    let kid = active_kid(core);
    let good = |document: &Arc<Document>, now: Timestamp| {
        document.issued_at.saturating_add(RENEW_SECONDS) > now.as_second()
            && document.issued_at <= plus_seconds(now, RENEW_SECONDS).as_second()
            && document.kid == kid
    };
    let feeds = &core.revocations;
    let found = feeds.with_current(app_id, now, |known| {
        match known
            .document
            .as_ref()
            .filter(|document| good(document, now))
        {
            Some(document) => Ok(Arc::clone(document)),
            None => Err(Arc::clone(&known.maker)),
        }
    });
    let maker = match found {
        None => return Ok(None),
        Some(Ok(document)) => return Ok(Some(document)),
        Some(Err(maker)) => maker,
    };
    let _turn = maker.lock().await;
    let now = core.clock.now();
    // Who was before us has made it.
    let kept = feeds.with_current(app_id, now, |known| {
        match known
            .document
            .as_ref()
            .filter(|document| good(document, now))
        {
            Some(document) => Kept::Made(Arc::clone(document)),
            None => {
                known.entries.retain(|_, entry| entry.expires_at > now);
                Kept::ToMake(known.changes, known.entries.values().copied().collect())
            }
        }
    });
    match kept {
        None => Ok(None),
        Some(Kept::Made(document)) => Ok(Some(document)),
        Some(Kept::ToMake(changes, entries)) => {
            let document = make(core, app_id, entries, now).await?;
            feeds.keep(app_id, changes, &document);
            Ok(Some(document))
        }
    }
}

/// Makes a document, away from the threads that serve requests when there is much to hash.
async fn make(
    core: &Core,
    app_id: AppId,
    entries: Vec<Revocation>,
    now: Timestamp,
) -> Result<Arc<Document>> {
    let (set, issuer) = (core.signing(), core.settings.issuer.clone());
    if entries.len() <= FEW {
        return sign(&set, &issuer, app_id, &entries, now).map(Arc::new);
    }
    tokio::task::spawn_blocking(move || sign(&set, &issuer, app_id, &entries, now))
        .await
        .map_err(|error| Error::internal(format!("making a document: {error}")))?
        .map(Arc::new)
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
fn sign(
    set: &SigningSet,
    issuer: &str,
    app_id: AppId,
    entries: &[Revocation],
    now: Timestamp,
) -> Result<Document> {
    let key = set
        .active
        .as_ref()
        .ok_or_else(|| Error::internal("there is no signing key"))?;
    let minute = now.as_second() - now.as_second().rem_euclid(RENEW_SECONDS);
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
        issuer,
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
