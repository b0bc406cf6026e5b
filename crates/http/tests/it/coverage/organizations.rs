//! Operations on organizations and roles.

use doorward_domain::role::RoleName;
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, TenantId, UserId};
use doorward_service::Caller;
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::roles::{self, DefineRole, RoleChange};
use doorward_testkit::platform::{Platform, TestApp};
use serde_json::json;

use super::{Case, Foreign, Needs};
use crate::front::{Ask, ask, get, post};

/// An organization with an owner, a viewer and a member to remove, and a role of the app's own.
pub(super) struct Organization {
    app: AppId,
    other: AppId,
    user: UserId,
    leaver: UserId,
    pub(super) tenant: TenantId,
}

impl Organization {
    pub(super) async fn seed(platform: &Platform, a: &TestApp, b: &TestApp, user: UserId) -> Self {
        let operator = platform.operator();
        let caller = Caller::Operator(&operator, a.id);
        let (owner, _) = platform.sign_in(a, "owner@example.com").await;
        let (leaver, _) = platform.sign_in(a, "leaver@example.com").await;
        let request = CreateOrganization {
            name: "Acme".to_owned(),
            owner: Some(owner),
        };
        let tenant = organizations::create(&platform.core, caller, request)
            .await
            .unwrap()
            .id;
        for (user_id, role) in [(user, "viewer"), (leaver, "staff")] {
            let change = RoleChange {
                user_id,
                tenant_id: tenant,
                role: RoleName::parse(role).ok(),
            };
            roles::assign(&platform.core, caller, change).await.unwrap();
        }
        let editor = DefineRole {
            name: "editor".to_owned(),
            description: String::new(),
            permissions: vec![],
            ..DefineRole::default()
        };
        roles::define(&platform.core, &operator, a.id, editor)
            .await
            .unwrap();
        Self {
            app: a.id,
            other: b.id,
            user,
            leaver,
            tenant,
        }
    }

    pub(super) fn cases(&self) -> Vec<Case> {
        let (user, tenant) = (self.user, self.tenant);
        let mut cases = vec![
            Case {
                operation: "POST /auth/roles/assign",
                needs: Needs::App,
                good: post(
                    "/auth/roles/assign",
                    json!({"user_id": user, "tenant_id": tenant, "role": "admin"}),
                ),
                foreign: Foreign::Refused(404, "TENANT_NOT_FOUND"),
                as_foreign: None,
                audited: &["role.assigned"],
            },
            Case {
                operation: "POST /auth/roles/revoke",
                needs: Needs::App,
                good: post(
                    "/auth/roles/revoke",
                    json!({"user_id": user, "tenant_id": tenant, "role": "viewer"}),
                ),
                foreign: Foreign::Refused(404, "TENANT_NOT_FOUND"),
                as_foreign: None,
                audited: &["role.revoked"],
            },
        ];
        cases.extend(self.of_the_app());
        cases.extend(self.of_the_organization());
        cases
    }

    fn of_the_app(&self) -> Vec<Case> {
        let key = |operation, scope, good, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good,
            foreign: Foreign::NotDue,
            as_foreign: None,
            audited,
        };
        let (read, write) = (Scope::OrgsRead, Scope::OrgsWrite);
        let app = format!("/admin/apps/{}", self.app);
        vec![
            key(
                "GET /admin/apps/{app_id}/tenants",
                read,
                get(format!("{app}/tenants")),
                &[],
            ),
            key(
                "POST /admin/apps/{app_id}/tenants",
                write,
                post(format!("{app}/tenants"), json!({"name": "New"})),
                &["organization.created"],
            ),
            key(
                "GET /admin/apps/{app_id}/roles",
                read,
                get(format!("{app}/roles")),
                &[],
            ),
            key(
                "PUT /admin/apps/{app_id}/roles/{role}",
                write,
                ask("PUT", format!("{app}/roles/lector")).body(json!({"permissions": ["read"]})),
                &["role.defined"],
            ),
        ]
    }

    fn of_the_organization(&self) -> Vec<Case> {
        // The same thing, looked for in the other app.
        let guarded = |operation, scope, make: &dyn Fn(String) -> Ask, code, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good: make(format!("/admin/apps/{}", self.app)),
            foreign: Foreign::Refused(404, code),
            as_foreign: Some(make(format!("/admin/apps/{}", self.other))),
            audited,
        };
        let (read, write) = (Scope::OrgsRead, Scope::OrgsWrite);
        let (user, leaver, tenant) = (self.user, self.leaver, self.tenant);
        let no_tenant = "TENANT_NOT_FOUND";
        vec![
            guarded(
                "GET /admin/apps/{app_id}/tenants/{tenant_id}",
                read,
                &|app| get(format!("{app}/tenants/{tenant}")),
                no_tenant,
                &[],
            ),
            guarded(
                "PATCH /admin/apps/{app_id}/tenants/{tenant_id}",
                write,
                &|app| {
                    ask("PATCH", format!("{app}/tenants/{tenant}")).body(json!({"name": "Newer"}))
                },
                no_tenant,
                &["organization.renamed"],
            ),
            guarded(
                "GET /admin/apps/{app_id}/tenants/{tenant_id}/members",
                read,
                &|app| get(format!("{app}/tenants/{tenant}/members")),
                no_tenant,
                &[],
            ),
            guarded(
                "POST /admin/apps/{app_id}/tenants/{tenant_id}/members",
                write,
                &|app| {
                    post(
                        format!("{app}/tenants/{tenant}/members"),
                        json!({"user_id": user, "role": "staff"}),
                    )
                },
                no_tenant,
                &["role.assigned"],
            ),
            guarded(
                "DELETE /admin/apps/{app_id}/tenants/{tenant_id}/members/{user_id}",
                write,
                &|app| ask("DELETE", format!("{app}/tenants/{tenant}/members/{leaver}")),
                no_tenant,
                &["organization.member_removed"],
            ),
            guarded(
                "GET /admin/apps/{app_id}/users/{user_id}/tenants",
                read,
                &|app| get(format!("{app}/users/{user}/tenants")),
                "USER_NOT_FOUND",
                &[],
            ),
            guarded(
                "DELETE /admin/apps/{app_id}/roles/{role}",
                write,
                &|app| {
                    ask(
                        "DELETE",
                        format!("{app}/roles/editor?reason=tidying%20up&confirm=editor"),
                    )
                },
                "ROLE_NOT_FOUND",
                &["role.deleted"],
            ),
        ]
    }
}
