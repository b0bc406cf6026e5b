//! Members of organizations and their roles.
//!
//! A membership lives as long as there is a role in it. Whoever changes either holds the
//! organization first (`hold_organization`), so that "the last owner" has one meaning at a time.

use doorward_domain::organization::{Belonging, Member};
use doorward_domain::role::RoleName;
use doorward_domain::{TenantId, Timestamp, UserId};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::{Param, Row};

/// Where a membership stands among those of its user: since when, and in which organization.
pub type Joined = (Timestamp, TenantId);

/// Organizations of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BelongingPage {
    /// Since when, and what the user is there; may be none although there are more.
    pub belongings: Vec<(Timestamp, Belonging)>,
    /// Where the next page begins; `None` when there is nothing more.
    pub next: Option<Joined>,
}

fn role(row: &mut Row) -> Result<RoleName, StoreError> {
    RoleName::parse(&row.take::<String>()?).map_err(StoreError::decode)
}

impl AppRead<'_> {
    /// Members of an organization in order of their ids, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn members(
        &mut self,
        tenant: TenantId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError> {
        const SQL: &str = "SELECT m.user_id, m.joined_at, r.role FROM \
             (SELECT app_id, tenant_id, user_id, joined_at FROM memberships \
             WHERE app_id = $1 AND tenant_id = $2 AND user_id > $3 ORDER BY user_id LIMIT $4) m \
             JOIN role_assignments r ON r.app_id = m.app_id AND r.tenant_id = m.tenant_id \
             AND r.user_id = m.user_id WHERE r.app_id = $1 ORDER BY m.user_id, r.role";
        let after = after.unwrap_or(UserId::from_uuid(uuid::Uuid::nil()));
        let params = [
            self.app_id.into(),
            tenant.into(),
            after.into(),
            limit.into(),
        ];
        let mut members: Vec<Member> = Vec::new();
        for mut row in self.connection.query(SQL, &params)? {
            let (user_id, joined_at): (UserId, Timestamp) = (row.take()?, row.take()?);
            let role = role(&mut row)?;
            match members.last_mut() {
                Some(last) if last.user_id == user_id => last.roles.push(role),
                _ => members.push(Member {
                    user_id,
                    joined_at,
                    roles: vec![role],
                }),
            }
        }
        Ok(members)
    }

    /// The roles of a user in an organization, archived or not, in order of their names; none when
    /// it is no member.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roles_of_member(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<RoleName>, StoreError> {
        const SQL: &str = "SELECT role FROM role_assignments \
             WHERE app_id = $1 AND tenant_id = $2 AND user_id = $3 ORDER BY role";
        let params = [self.app_id.into(), tenant.into(), user.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(|mut row| role(&mut row)).collect()
    }

    /// What a user is, where, and since when, in the order in which it joined, after the given place; of
    /// at most `limit` organizations that are in use. A page looks at 500 memberships, so that no number
    /// of archived organizations makes it long.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn belongings(
        &mut self,
        user: UserId,
        after: Option<Joined>,
        limit: u32,
    ) -> Result<BelongingPage, StoreError> {
        const LAST: &str = "SELECT joined_at, tenant_id FROM memberships \
             WHERE app_id = $1 AND user_id = $2 AND (joined_at, tenant_id) > ($3, $4) \
             ORDER BY joined_at, tenant_id LIMIT 1 OFFSET 499";
        const PAGE: &str = "SELECT m.joined_at, m.tenant_id, r.role FROM \
             (SELECT app_id, tenant_id, user_id, joined_at FROM memberships \
             WHERE app_id = $1 AND user_id = $2 AND (joined_at, tenant_id) > ($3, $4) \
             AND (joined_at, tenant_id) <= ($5, $6) AND EXISTS (SELECT 1 FROM organizations o \
             WHERE o.app_id = $1 AND o.id = memberships.tenant_id AND o.archived_at IS NULL) \
             ORDER BY joined_at, tenant_id LIMIT $7) m \
             JOIN role_assignments r ON r.app_id = m.app_id AND r.tenant_id = m.tenant_id \
             AND r.user_id = m.user_id WHERE r.app_id = $1 \
             ORDER BY m.joined_at, m.tenant_id, r.role";
        let nobody = (
            Timestamp::UNIX_EPOCH,
            TenantId::from_uuid(uuid::Uuid::nil()),
        );
        let (at, tenant) = after.unwrap_or(nobody);
        let mut params = vec![self.app_id.into(), user.into(), at.into(), tenant.into()];
        let last = self.connection.query(LAST, &params)?.pop();
        let last: Option<Joined> = last
            .map(|mut row| Ok::<_, StoreError>((row.take()?, row.take()?)))
            .transpose()?;
        let everybody = (Timestamp::MAX, TenantId::from_uuid(uuid::Uuid::max()));
        let (until, until_tenant) = last.unwrap_or(everybody);
        // One more than fits tells whether there is a next page.
        let fetch = limit.saturating_add(1);
        params.extend([Param::from(until), until_tenant.into(), fetch.into()]);
        let mut belongings = gather(self.connection.query(PAGE, &params)?)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let next = if belongings.len() > limit {
            belongings.truncate(limit);
            belongings.last().map(|(at, found)| (*at, found.tenant_id))
        } else {
            last
        };
        Ok(BelongingPage { belongings, next })
    }

    /// Whether an organization has an active owner other than this user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_another_owner(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM role_assignments r \
             JOIN users u ON u.app_id = r.app_id AND u.id = r.user_id \
             WHERE r.app_id = $1 AND r.tenant_id = $2 AND r.role = 'owner' AND r.user_id <> $3 \
             AND u.status = 'active' LIMIT 1";
        let params = [self.app_id.into(), tenant.into(), user.into()];
        Ok(!self.connection.query(SQL, &params)?.is_empty())
    }
}

/// Joins rows (since when, tenant, role) that come in order of their tenants.
fn gather(rows: Vec<Row>) -> Result<Vec<(Timestamp, Belonging)>, StoreError> {
    let mut out: Vec<(Timestamp, Belonging)> = Vec::new();
    for mut row in rows {
        let (joined_at, tenant_id): (Timestamp, TenantId) = (row.take()?, row.take()?);
        let role = role(&mut row)?;
        match out.last_mut() {
            Some((_, last)) if last.tenant_id == tenant_id => last.roles.push(role),
            _ => out.push((
                joined_at,
                Belonging {
                    tenant_id,
                    roles: vec![role],
                },
            )),
        }
    }
    Ok(out)
}

impl AppWrite<'_> {
    /// Gives a user a role in an organization, and makes it a member where it is none; `false`
    /// when it has the role already.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when there is no such organization, user or custom role.
    pub fn assign_role(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const JOIN: &str = "INSERT INTO memberships (app_id, tenant_id, user_id, joined_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        const ASSIGN: &str = "INSERT INTO role_assignments (app_id, tenant_id, user_id, role, \
             custom_role, assigned_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let (app_id, tenant, user) = (self.app_id.into(), tenant.into(), user.into());
        self.connection
            .execute(JOIN, &[app_id, tenant, user, now.into()])?;
        let custom = (!role.is_built_in()).then_some(role.as_str());
        let params = [
            app_id,
            tenant,
            user,
            role.as_str().into(),
            custom.into(),
            now.into(),
        ];
        Ok(self.connection.execute(ASSIGN, &params)? == 1)
    }

    /// Takes a role, or with `None` every role, from a user in an organization. The membership
    /// goes with the last one. Gives how many went.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoke_roles(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: Option<&RoleName>,
    ) -> Result<u64, StoreError> {
        const ONE: &str = "DELETE FROM role_assignments \
             WHERE app_id = $1 AND tenant_id = $2 AND user_id = $3 AND role = $4";
        const ALL: &str = "DELETE FROM role_assignments \
             WHERE app_id = $1 AND tenant_id = $2 AND user_id = $3";
        const LEAVE: &str = "DELETE FROM memberships \
             WHERE app_id = $1 AND tenant_id = $2 AND user_id = $3 AND NOT EXISTS \
             (SELECT 1 FROM role_assignments r WHERE r.app_id = $1 AND r.tenant_id = $2 \
             AND r.user_id = $3)";
        let member = [self.app_id.into(), tenant.into(), user.into()];
        let gone = match role {
            Some(role) => {
                let [app_id, tenant, user] = member;
                self.connection
                    .execute(ONE, &[app_id, tenant, user, role.as_str().into()])?
            }
            None => self.connection.execute(ALL, &member)?,
        };
        if gone > 0 {
            self.connection.execute(LEAVE, &member)?;
        }
        Ok(gone)
    }
}
