//! Recording revocations, in the transaction that decides them.

use doorward_domain::app::App;
use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::time::plus_seconds;
use doorward_domain::{RevocationId, SessionId, Timestamp, UserId};
use doorward_store::WriteTx;

use crate::context::Context;
use crate::error::Result;

/// The longest life an app can set for its access tokens, in seconds.
const LONGEST_TOKEN_SECONDS: i64 = 3_600;

/// How much longer a consumer may accept a token than its `exp` says: its tolerance for clocks
/// that differ, in seconds, generously.
const TOLERANCE_SECONDS: i64 = 120;

/// How far the clocks of two nodes may be apart, in seconds.
pub(crate) const NODE_SKEW_SECONDS: i64 = 5;

/// The access tokens of one session no longer count.
pub(crate) fn ended_session(
    context: &Context,
    app: &App,
    tx: &mut WriteTx<'_>,
    session: SessionId,
) -> Result<()> {
    record(context, app, tx, Revoked::Session(session), context.now())
}

/// The access tokens of a user no longer count: those of the sessions that ended now, the last of
/// which was issued at `last_issued_at`, and of those that ended before.
pub(crate) fn ended_sessions_of_user(
    context: &Context,
    app: &App,
    tx: &mut WriteTx<'_>,
    user: UserId,
    last_issued_at: Option<Timestamp>,
) -> Result<()> {
    let until = last_issued_at.map_or(context.now(), |last| last.max(context.now()));
    record(context, app, tx, Revoked::User(user), until)
}

/// No access token of an app that was issued until now counts any more.
pub(crate) fn switched_off_app(context: &Context, app: &App, tx: &mut WriteTx<'_>) -> Result<()> {
    // Another node whose clock is ahead may have issued one with a later time.
    let until = plus_seconds(context.now(), NODE_SKEW_SECONDS);
    record(context, app, tx, Revoked::App, until)
}

fn record(
    context: &Context,
    app: &App,
    tx: &mut WriteTx<'_>,
    revoked: Revoked,
    issued_until: Timestamp,
) -> Result<()> {
    let now = context.now();
    // Tokens live as long as the app says, unless it said otherwise a short while ago.
    let settled = plus_seconds(app.updated_at, LONGEST_TOKEN_SECONDS) < now;
    let life = if settled {
        app.settings.access_token_seconds
    } else {
        LONGEST_TOKEN_SECONDS
    };
    let entry = Revocation {
        id: RevocationId::generate(&*context.clock, &*context.random),
        revoked,
        issued_until,
        recorded_at: now,
        expires_at: plus_seconds(issued_until, life + TOLERANCE_SECONDS),
    };
    Ok(tx.app(app.id).insert_revocation(&entry)?)
}
