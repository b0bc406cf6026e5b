//! How organizations and members are shown.

use doorward_domain::organization::{Member, Organization};
use doorward_domain::role::RoleName;
use doorward_domain::time::iso;
use doorward_domain::{AppId, TenantId, UserId};
use serde::Serialize;

use crate::output::{Report, labels, table};

/// An organization.
#[derive(Serialize)]
pub(super) struct OrgView {
    id: TenantId,
    app_id: AppId,
    name: String,
    version: i64,
    created_at: String,
    updated_at: String,
    archived_at: Option<String>,
}

impl OrgView {
    pub(super) fn new(app_id: AppId, organization: Organization) -> Self {
        Self {
            id: organization.id,
            app_id,
            name: organization.name,
            version: organization.version,
            created_at: iso(organization.created_at),
            updated_at: iso(organization.updated_at),
            archived_at: organization.archived_at.map(iso),
        }
    }

    fn status(&self) -> String {
        match &self.archived_at {
            None => "in use".to_owned(),
            Some(at) => format!("archived {at}"),
        }
    }
}

impl Report for OrgView {
    fn human(&self) -> String {
        labels(&[
            ("id", self.id.to_string()),
            ("app_id", self.app_id.to_string()),
            ("name", self.name.clone()),
            ("status", self.status()),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ])
    }
}

/// All organizations of an app.
#[derive(Serialize)]
pub(super) struct OrgList {
    pub(super) items: Vec<OrgView>,
}

impl Report for OrgList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no organization yet. `doorward org create --name N --app APP` makes \
                    one.\n"
                .to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|org| {
                [
                    org.id.to_string(),
                    org.status(),
                    org.created_at.clone(),
                    org.name.clone(),
                ]
            })
            .collect();
        table(["ORG", "STATUS", "CREATED", "NAME"], &rows)
    }
}

/// A member.
#[derive(Serialize)]
pub(super) struct MemberView {
    user_id: UserId,
    joined_at: String,
    roles: Vec<RoleName>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            joined_at: iso(member.joined_at),
            roles: member.roles,
        }
    }
}

/// All members of an organization.
#[derive(Serialize)]
pub(super) struct MemberList {
    pub(super) items: Vec<MemberView>,
}

impl Report for MemberList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "It has no member yet. `doorward org add-member` makes one.\n".to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|member| {
                let roles: Vec<_> = member.roles.iter().map(RoleName::as_str).collect();
                [
                    member.user_id.to_string(),
                    member.joined_at.clone(),
                    roles.join(", "),
                ]
            })
            .collect();
        table(["USER ID", "JOINED", "ROLES"], &rows)
    }
}
