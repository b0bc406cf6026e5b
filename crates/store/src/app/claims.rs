//! What an access token says of a user beyond who it is.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::organization::Belonging;
use doorward_domain::role::RoleName;
use doorward_domain::{TenantId, Timestamp, UserId};

use super::AppRead;
use crate::error::StoreError;

/// What an access token says of a user beyond who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserClaims {
    /// The organization it speaks for, and the user's roles in it.
    pub belonging: Option<Belonging>,
    /// What the user's own licences entitle to, together.
    pub entitlements: Entitlements,
}

impl UserClaims {
    /// From what one statement joined with spaces: role names, and entitlements as JSON, none of
    /// which contains a space.
    pub(crate) fn from_joined(
        tenant: Option<TenantId>,
        roles: Option<String>,
        entitlements: Option<String>,
    ) -> Result<Self, StoreError> {
        let mut claims = Self::default();
        if let (Some(tenant_id), Some(roles)) = (tenant, roles) {
            let roles = roles.split(' ').map(RoleName::parse);
            let mut roles: Vec<_> = roles
                .collect::<Result<_, _>>()
                .map_err(StoreError::decode)?;
            roles.sort();
            claims.belonging = Some(Belonging { tenant_id, roles });
        }
        for text in entitlements.iter().flat_map(|joined| joined.split(' ')) {
            claims.entitlements.join(one_licence(text)?);
        }
        Ok(claims)
    }
}

fn one_licence(text: &str) -> Result<Entitlements, StoreError> {
    Entitlements::from_stored(text)
        .map_err(|error| StoreError::Decode(format!("entitlements: {error}")))
}

impl AppRead<'_> {
    /// What a token says of a user: its roles in the preferred organization where it is a member,
    /// else in the one it joined first, and the entitlements of its own licences that are good at
    /// `now`. Archived organizations do not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claims_of_user(
        &mut self,
        user: UserId,
        preferred: Option<TenantId>,
        now: Timestamp,
    ) -> Result<UserClaims, StoreError> {
        const SQL: &str = "SELECT r.tenant_id, r.role, NULL FROM role_assignments r \
             WHERE r.app_id = $1 AND r.user_id = $2 AND r.tenant_id = COALESCE(\
             (SELECT m.tenant_id FROM memberships m \
             JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
             WHERE m.app_id = $1 AND m.tenant_id = $3 AND m.user_id = $2 \
             AND o.archived_at IS NULL), \
             (SELECT m.tenant_id FROM memberships m \
             JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
             WHERE m.app_id = $1 AND m.user_id = $2 AND o.archived_at IS NULL \
             ORDER BY m.joined_at, m.tenant_id LIMIT 1)) \
             UNION ALL SELECT NULL, NULL, l.entitlements FROM licenses l \
             WHERE l.app_id = $1 AND l.user_id = $2 AND l.status <> 'revoked' AND l.status = 'active' \
             AND (l.expires_at IS NULL OR l.expires_at > $4)";
        let params = [
            self.app_id.into(),
            user.into(),
            preferred.into(),
            now.into(),
        ];
        let mut claims = UserClaims::default();
        for mut row in self.connection.query(SQL, &params)? {
            let tenant: Option<TenantId> = row.take()?;
            let role: Option<String> = row.take()?;
            if let (Some(tenant_id), Some(role)) = (tenant, role) {
                let role = RoleName::parse(&role).map_err(StoreError::decode)?;
                claims
                    .belonging
                    .get_or_insert(Belonging {
                        tenant_id,
                        roles: Vec::new(),
                    })
                    .roles
                    .push(role);
            } else if let Some(text) = row.take::<Option<String>>()? {
                claims.entitlements.join(one_licence(&text)?);
            }
        }
        if let Some(belonging) = &mut claims.belonging {
            belonging.roles.sort();
        }
        Ok(claims)
    }
}
