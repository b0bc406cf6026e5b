//! `doorward session`

use doorward_domain::session::SessionRecord;
use doorward_domain::time::iso;
use doorward_domain::{SessionId, Timestamp};
use doorward_service::{Core, Operator, sessions};
use serde::Serialize;

use super::{find, meant, pages};
use crate::Outcome;
use crate::cli::{Global, SessionCommand};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Characters of a user agent in a table; `show` has all of it.
const USER_AGENT: usize = 24;

/// Runs it.
pub(super) async fn run(global: &Global, command: SessionCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: SessionCommand, json: bool) -> Outcome {
    let now = core.clock.now();
    match command {
        SessionCommand::List { user, page } => {
            let app = find::app(core, operator, &user.of.app).await?.id;
            let id = find::user(core, operator, app, &user.user).await?;
            let from = pages::cursor(page.cursor.as_deref(), str::parse::<SessionId>)?;
            let found = pages::gather(page.limit, from, async |before, room| {
                let most = pages::one_more(room);
                let page = sessions::list(core, operator, app, id, before, most).await;
                let page = page.map_err(|error| find::explained(error, &user.of))?;
                Ok(pages::ended_by_last(page, room, |record| record.session.id))
            });
            let (found, next) = found.await?;
            let items = found.into_iter();
            let items = items.map(|record| SessionView::new(record, now)).collect();
            pages::print(json, SessionList { items }, next)
        }
        SessionCommand::Show { session, of } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let record = sessions::show(core, operator, app, id(&session)?).await?;
            output::report(json, &SessionView::new(record, now))
        }
        SessionCommand::End {
            session,
            user,
            of,
            reason,
        } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let reason = meant::optional_reason(reason.as_deref())?;
            let sessions_revoked = match (session, user) {
                (Some(session), _) => {
                    let ended = sessions::end(core, operator, app, id(&session)?, reason).await?;
                    // It may have ended before.
                    u64::from(ended.session.ended.is_some_and(|(at, _)| at >= now))
                }
                (None, Some(user)) => {
                    let user = find::user(core, operator, app, &user).await?;
                    sessions::end_all(core, operator, app, user, reason).await?
                }
                (None, None) => {
                    return Err(Failure::usage(
                        "Which session? Name it (`doorward session list USER --app APP` shows them), or \
                         end all of a user's with --user USER.",
                    ));
                }
            };
            output::report(json, &Ended { sessions_revoked })
        }
    }
}

fn id(text: &str) -> Outcome<SessionId> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "`{text}` is no session's id; `doorward session list` shows them."
        ))
    })
}

#[derive(Serialize)]
struct SessionView {
    session_id: String,
    user_id: String,
    tenant_id: Option<String>,
    state: &'static str,
    amr: Vec<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    ended_at: Option<String>,
    end_reason: Option<&'static str>,
}

impl SessionView {
    fn new(record: SessionRecord, now: Timestamp) -> Self {
        let state = record.state(now);
        let session = record.session;
        let end = session.expires_at.min(session.absolute_expires_at);
        Self {
            session_id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            tenant_id: session.tenant_id.map(|id| id.to_string()),
            state,
            amr: session
                .amr
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect(),
            ip: record.ip,
            user_agent: record.user_agent,
            created_at: iso(session.created_at),
            last_used_at: iso(session.last_used_at),
            expires_at: iso(end),
            ended_at: session.ended.map(|(at, _)| iso(at)),
            end_reason: session.ended.map(|(_, why)| why.as_str()),
        }
    }

    fn standing(&self) -> String {
        match self.end_reason {
            Some(why) => format!("{} ({why})", self.state),
            None => self.state.to_owned(),
        }
    }
}

impl Report for SessionView {
    fn human(&self) -> String {
        labels(&[
            ("session_id", self.session_id.clone()),
            ("user_id", self.user_id.clone()),
            ("state", self.standing()),
            ("proved by", self.amr.join(" ")),
            ("ip", self.ip.clone().unwrap_or_default()),
            ("user agent", self.user_agent.clone().unwrap_or_default()),
            ("created", self.created_at.clone()),
            ("last used", self.last_used_at.clone()),
            ("expires", self.expires_at.clone()),
        ])
    }
}

#[derive(Serialize)]
struct SessionList {
    items: Vec<SessionView>,
}

impl Report for SessionList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "The user has no session.\n".to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|session| {
                [
                    session.session_id.clone(),
                    session.standing(),
                    output::seconds(&session.last_used_at),
                    session.ip.clone().unwrap_or_default(),
                    output::cut(
                        session.user_agent.as_deref().unwrap_or_default(),
                        USER_AGENT,
                    ),
                ]
            })
            .collect();
        let head = ["SESSION ID", "STATE", "LAST USED", "IP", "USER AGENT"];
        table(head, &rows)
    }
}

#[derive(Serialize)]
struct Ended {
    sessions_revoked: u64,
}

impl Report for Ended {
    fn human(&self) -> String {
        match self.sessions_revoked {
            0 => "No session was alive: nothing was left to end.\n".to_owned(),
            ended => format!("Ended: {ended} session(s).\n"),
        }
    }
}
