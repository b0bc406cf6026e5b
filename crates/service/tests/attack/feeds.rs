//! Keeping a revocation out of the feed, or the feed out of the consumers.

use std::time::Duration;

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, RevocationId, SessionId};
use doorward_service::{jobs, revocations};
use doorward_store::StoreError;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{ISSUER, Platform};
use doorward_verify::{JwksSet, RevocationList};
use tokio::sync::watch;

/// What a consumer makes of the feed.
async fn feed(platform: &Platform, app: AppId) -> RevocationList {
    let document = revocations::current(&platform.core, app).await.unwrap();
    let keys = JwksSet::from_json(&platform.core.signing().jwks()).unwrap();
    let now = platform.core.clock.now();
    RevocationList::verify(&document.text, &keys, ISSUER, app.as_uuid(), now).unwrap()
}

/// A revocation that says it was decided so many seconds ago.
async fn revoke_dated(platform: &Platform, app: AppId, seconds_ago: i64) {
    let (clock, random) = (&*platform.core.clock, &*platform.core.random);
    let recorded_at = plus_seconds(clock.now(), -seconds_ago);
    let entry = Revocation {
        id: RevocationId::generate(clock, random),
        revoked: Revoked::Session(SessionId::generate(clock, random)),
        issued_until: recorded_at,
        recorded_at,
        expires_at: plus_seconds(recorded_at, 3_600),
    };
    platform
        .core
        .store
        .write(move |tx| tx.app(app).insert_revocation(&entry))
        .await
        .unwrap_or_else(|error: StoreError| panic!("{error}"));
}

/// Long enough for the job that reads the news to have run.
async fn beat() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}

on_both_engines! {
    // A commit that waited for a standby longer than the news overlap, or another node's clock that
    // is behind: the entry was never read, for as long as somebody asked for the feed.
    async fn what_is_committed_late_is_in_the_feed_all_the_same(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (stop, stopped) = watch::channel(());
        let jobs = jobs::spawn(&platform.core, &stopped);
        assert!(feed(&platform, app.id).await.is_empty());
        beat().await;
        revoke_dated(&platform, app.id, 30).await;
        platform.advance(61);
        beat().await;
        assert_eq!(feed(&platform, app.id).await.len(), 1);
        drop(stop);
        for job in jobs {
            job.await.unwrap();
        }
    }

    // One node's clock is an hour ahead: its revocations made the document one of the future, which
    // every consumer refused until they were over.
    async fn a_clock_that_is_ahead_spoils_no_feed(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        revoke_dated(&platform, app.id, -3_600).await;
        assert_eq!(feed(&platform, app.id).await.len(), 1);
    }
}
