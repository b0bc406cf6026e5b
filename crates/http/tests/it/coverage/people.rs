//! Operations on users, their sessions, and incidents.

use doorward_domain::scope::Scope;
use doorward_domain::{AppId, SessionId, UserId};
use doorward_service::{sessions, users};
use doorward_testkit::platform::{Platform, TestApp};
use serde_json::json;

use super::{Case, Foreign, Needs};
use crate::front::{Ask, ask, get, post};

/// Users to be changed, one for each kind of change, and a session.
pub(super) struct People {
    app: AppId,
    other: AppId,
    plain: UserId,
    deleted: UserId,
    leaver: UserId,
    forgotten: UserId,
    session: SessionId,
}

impl People {
    pub(super) async fn seed(platform: &Platform, a: &TestApp, b: &TestApp) -> Self {
        let operator = platform.operator();
        let mut ids = Vec::new();
        for name in ["plain", "deleted", "goes", "forgotten"] {
            let (id, _) = platform.sign_in(a, &format!("{name}@example.com")).await;
            ids.push(id);
        }
        let request = platform.delete_user(ids[1]);
        users::delete(&platform.core, &operator, a.id, ids[1], request)
            .await
            .unwrap();
        let found = sessions::list(&platform.core, &operator, a.id, ids[0], None, 1).await;
        Self {
            app: a.id,
            other: b.id,
            plain: ids[0],
            deleted: ids[1],
            leaver: ids[2],
            forgotten: ids[3],
            session: found.unwrap()[0].session.id,
        }
    }

    pub(super) fn cases(&self) -> Vec<Case> {
        let mut cases = self.of_users();
        cases.extend(self.of_sessions());
        cases.extend(self.of_incidents());
        cases
    }

    /// The same thing, looked for in the other app.
    fn guarded(
        &self,
        operation: &'static str,
        scope: Scope,
        make: &dyn Fn(String) -> Ask,
        code: &'static str,
        audited: &'static [&'static str],
    ) -> Case {
        Case {
            operation,
            needs: Needs::Key(scope),
            good: make(format!("/admin/apps/{}", self.app)),
            foreign: Foreign::Refused(404, code),
            as_foreign: Some(make(format!("/admin/apps/{}", self.other))),
            audited,
        }
    }

    fn of_users(&self) -> Vec<Case> {
        let (read, write) = (Scope::UsersRead, Scope::UsersWrite);
        let key = |operation, scope, good, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good,
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited,
        };
        let app = format!("/admin/apps/{}", self.app);
        let none = "USER_NOT_FOUND";
        let (plain, deleted) = (self.plain, self.deleted);
        let (leaver, forgotten) = (self.leaver, self.forgotten);
        let meant = |id: UserId| json!({"reason": "a test", "confirm": id});
        vec![
            key(
                "GET /admin/apps/{app_id}/users",
                read,
                get(format!("{app}/users?email_prefix=pl")),
                &[],
            ),
            key(
                "POST /admin/apps/{app_id}/users",
                write,
                post(format!("{app}/users"), json!({"email": "made@example.com"})),
                &["user.created"],
            ),
            self.guarded(
                "GET /admin/apps/{app_id}/users/{user_id}",
                read,
                &|app| get(format!("{app}/users/{plain}")),
                none,
                &[],
            ),
            self.guarded(
                "PATCH /admin/apps/{app_id}/users/{user_id}",
                write,
                &|app| {
                    let body = json!({"phone": "+14155552671"});
                    ask("PATCH", format!("{app}/users/{plain}")).body(body)
                },
                none,
                &["user.updated"],
            ),
            self.guarded(
                "GET /admin/apps/{app_id}/users/{user_id}/export",
                read,
                &|app| get(format!("{app}/users/{plain}/export")),
                none,
                &["user.exported"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/deactivate",
                write,
                &|app| ask("POST", format!("{app}/users/{leaver}/deactivate")),
                none,
                &["user.status_changed"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/reactivate",
                write,
                &|app| ask("POST", format!("{app}/users/{leaver}/reactivate")),
                none,
                &["user.status_changed"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/delete",
                write,
                &|app| post(format!("{app}/users/{leaver}/delete"), meant(leaver)),
                none,
                &["user.deleted"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/restore",
                write,
                &|app| ask("POST", format!("{app}/users/{deleted}/restore")),
                none,
                &["user.restored"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/erase",
                write,
                &|app| post(format!("{app}/users/{forgotten}/erase"), meant(forgotten)),
                none,
                &["user.erased"],
            ),
        ]
    }

    fn of_sessions(&self) -> Vec<Case> {
        let (read, write) = (Scope::UsersRead, Scope::UsersWrite);
        let (plain, session) = (self.plain, self.session);
        vec![
            self.guarded(
                "GET /admin/apps/{app_id}/users/{user_id}/sessions",
                read,
                &|app| get(format!("{app}/users/{plain}/sessions")),
                "USER_NOT_FOUND",
                &[],
            ),
            self.guarded(
                "GET /admin/apps/{app_id}/sessions/{session_id}",
                read,
                &|app| get(format!("{app}/sessions/{session}")),
                "NOT_FOUND",
                &[],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/sessions/{session_id}/end",
                write,
                &|app| ask("POST", format!("{app}/sessions/{session}/end")),
                "NOT_FOUND",
                &["session.revoked"],
            ),
            self.guarded(
                "POST /admin/apps/{app_id}/users/{user_id}/sessions/end",
                write,
                &|app| ask("POST", format!("{app}/users/{plain}/sessions/end")),
                "USER_NOT_FOUND",
                &["user.sessions_revoked"],
            ),
        ]
    }

    fn of_incidents(&self) -> Vec<Case> {
        let key = |operation, scope, good, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good,
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited,
        };
        // Of the other app, whose credentials no later case needs.
        let other = format!("/admin/apps/{}/incidents", self.other);
        let meant = json!({"reason": "a test", "confirm": self.other});
        let plain = self.plain;
        vec![
            self.guarded(
                "POST /admin/apps/{app_id}/incidents/suspicious-sign-in",
                Scope::UsersWrite,
                &|app| {
                    let body = json!({"user_id": plain, "reason": "a test", "confirm": plain});
                    post(format!("{app}/incidents/suspicious-sign-in"), body)
                },
                "USER_NOT_FOUND",
                &["user.sessions_revoked"],
            ),
            key(
                "GET /admin/incidents/public-key",
                Scope::KeysRead,
                get("/admin/incidents/public-key"),
                &[],
            ),
            key(
                "POST /admin/apps/{app_id}/incidents/secret-exposed",
                Scope::AppsWrite,
                post(format!("{other}/secret-exposed"), meant.clone()),
                &["app.secret_rotated"],
            ),
            key(
                "POST /admin/apps/{app_id}/incidents/end-all-sessions",
                Scope::AppsWrite,
                post(format!("{other}/end-all-sessions"), meant),
                &["app.sessions_revoked"],
            ),
        ]
    }

    /// After which the other app is off.
    pub(super) fn last_case(&self) -> Case {
        let path = format!("/admin/apps/{}/incidents/stop-app", self.other);
        let meant = json!({"reason": "a test", "confirm": self.other});
        Case {
            operation: "POST /admin/apps/{app_id}/incidents/stop-app",
            needs: Needs::Key(Scope::AppsWrite),
            good: post(path, meant),
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited: &["app.deactivated"],
        }
    }
}
