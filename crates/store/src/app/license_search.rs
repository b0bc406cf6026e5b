//! Finding licences, and the devices on one.

use doorward_domain::license::{Activation, License, LicenseState, ReleaseReason};
use doorward_domain::{ActivationId, LicenseId, TenantId, Timestamp, UserId};

use super::AppRead;
use super::licenses::license;
use crate::error::StoreError;
use crate::value::{Param, Row};

/// Which licences to read: newest first, or by label where [`LicenseFilter::is_by_label`]. What is absent
/// does not matter.
#[derive(Debug, Clone, Default)]
pub struct LicenseFilter {
    /// Only this user's.
    pub user_id: Option<UserId>,
    /// Only this organization's.
    pub tenant_id: Option<TenantId>,
    /// Only what was sold to exactly this.
    pub issued_to: Option<String>,
    /// Only what is called something that begins so.
    pub label_prefix: Option<String>,
    /// Only what stands so. Of licences that are suspended because of their user, those are found
    /// for which something more exact is asked: the user, what it was sold to, the key.
    pub state: Option<LicenseState>,
    /// Only keys that end so.
    pub key_hint: Option<String>,
    /// Where the former page ended.
    pub after: Option<LicensePlace>,
    /// At most so many.
    pub limit: u32,
}

impl LicenseFilter {
    /// Whether the licences come by their labels, because the label is the most exact of what is asked
    /// for that an index leads to: then a page reads its own rows, however many have such a label.
    #[must_use]
    pub const fn is_by_label(&self) -> bool {
        let exact = self.user_id.is_some() || self.issued_to.is_some() || self.key_hint.is_some();
        let rare = matches!(
            self.state,
            Some(LicenseState::Suspended | LicenseState::Revoked)
        );
        self.label_prefix.is_some() && !exact && !rare
    }

    /// Whether a label that leads is not all that is asked for.
    const fn judges_labelled(&self) -> bool {
        self.tenant_id.is_some() || self.state.is_some()
    }
}

/// Where a page of licences ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicensePlace {
    /// Before this licence; for lists that are newest first.
    Id(LicenseId),
    /// After this label, and this licence among those that have it.
    Label(String, LicenseId),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct LicensePage {
    /// The licences, in the order of the filter; may be none although there are more.
    pub licenses: Vec<License>,
    /// Where the next page begins; `None` when there is nothing more.
    pub next: Option<LicensePlace>,
}

/// The last licence that one page may look at, and the page itself, for a condition that an index
/// leads by. The other conditions are judged on those, so no question is a scan, however many
/// licences there are and however rare what is looked for.
struct Statements {
    floor: &'static str,
    page: &'static str,
}

macro_rules! page {
    ($lead:literal) => {
        concat!(
            "SELECT l.id, l.key_hint, l.label, l.issued_to, l.tenant_id, l.user_id, \
             CASE WHEN l.status = 'active' AND l.user_id IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM users u WHERE u.app_id = $1 AND u.id = l.user_id \
             AND u.status = 'active') THEN 'held' ELSE l.status END, l.status_reason, l.status_changed_at, l.max_activations, \
             l.activations_used - (SELECT COUNT(*) FROM license_activations a WHERE a.app_id = $1 \
             AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
             AND a.slot_free_at <= $2), l.expires_at, l.entitlements, l.metadata, l.version, \
             l.created_at, l.updated_at FROM licenses l WHERE l.app_id = $1 AND l.id < $3 AND l.id >= $4",
            $lead,
            " AND (CAST($5 AS UUID) IS NULL OR l.user_id = $5) \
             AND (CAST($6 AS UUID) IS NULL OR l.tenant_id = $6) \
             AND (CAST($7 AS TEXT) IS NULL OR l.issued_to = $7) \
             AND (CAST($8 AS TEXT) IS NULL OR (l.label >= $8 AND l.label < $9)) \
             AND (CAST($10 AS TEXT) IS NULL OR l.key_hint = $10) \
             AND (CAST($11 AS TEXT) IS NULL OR $11 = CASE WHEN l.status <> 'active' THEN l.status \
             WHEN l.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u WHERE u.app_id = $1 \
             AND u.id = l.user_id AND u.status = 'active') THEN 'suspended' WHEN l.expires_at <= $2 THEN 'expired' ELSE (SELECT CASE \
             WHEN l.activations_used - COUNT(*) = 0 THEN 'issued' \
             WHEN l.activations_used - COUNT(*) >= l.max_activations THEN 'full' \
             ELSE 'active' END FROM license_activations a WHERE a.app_id = $1 \
             AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
             AND a.slot_free_at <= $2) END) ORDER BY l.id DESC LIMIT $12"
        )
    };
}

/// The condition stands twice because its parameter has another number.
macro_rules! led_by {
    ($floor:literal, $page:literal) => {
        Statements {
            floor: concat!(
                "SELECT l.id FROM licenses l WHERE l.app_id = $1 AND l.id < $2",
                $floor,
                " ORDER BY l.id DESC LIMIT 1 OFFSET 1999"
            ),
            page: page!($page),
        }
    };
}

const BY_USER: Statements = led_by!(" AND l.user_id = $3", " AND l.user_id = $5");
const BY_ISSUED_TO: Statements = led_by!(" AND l.issued_to = $3", " AND l.issued_to = $7");
const BY_HINT: Statements = led_by!(" AND l.key_hint = $3", " AND l.key_hint = $10");
const BY_STATUS: Statements = led_by!(
    " AND l.status <> 'active' AND l.status = $3",
    " AND l.status <> 'active' AND l.status = $11"
);
const BY_TENANT: Statements = led_by!(" AND l.tenant_id = $3", " AND l.tenant_id = $6");
const ALL: Statements = led_by!("", "");

/// The last licence by label that one page may look at where it is judged by more than the label. These
/// rows lie apart from one another, so there are fewer of them.
const LAST_BY_LABEL: &str = "SELECT l.label, l.id FROM licenses l WHERE l.app_id = $1 \
     AND l.label IS NOT NULL AND (l.label, l.id) > ($2, $3) AND l.label >= $2 AND l.label < $4 \
     ORDER BY l.label, l.id LIMIT 1 OFFSET 199";

/// As `page!`, from one place among the labels to another. (Written out, so that the tests of the plans
/// read it.) The pairs narrow the index down. The label beside them adds nothing but a hint: of a pair
/// PostgreSQL believes, before it has statistics, that a third of everything fits, and would rather sort it
/// than walk the index (100,000 of a label: 595 ms instead of 0.2).
const BY_LABEL: &str = "SELECT l.id, l.key_hint, l.label, l.issued_to, l.tenant_id, l.user_id, \
     CASE WHEN l.status = 'active' AND l.user_id IS NOT NULL AND NOT EXISTS \
     (SELECT 1 FROM users u WHERE u.app_id = $1 AND u.id = l.user_id \
     AND u.status = 'active') THEN 'held' ELSE l.status END, l.status_reason, l.status_changed_at, l.max_activations, \
     l.activations_used - (SELECT COUNT(*) FROM license_activations a WHERE a.app_id = $1 \
     AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
     AND a.slot_free_at <= $2), l.expires_at, l.entitlements, l.metadata, l.version, \
     l.created_at, l.updated_at FROM licenses l WHERE l.app_id = $1 AND l.label IS NOT NULL \
     AND (l.label, l.id) > ($3, $4) AND (l.label, l.id) <= ($5, $6) AND l.label >= $3 AND l.label <= $5 \
     AND (CAST($7 AS UUID) IS NULL OR l.tenant_id = $7) \
     AND (CAST($8 AS TEXT) IS NULL OR $8 = CASE WHEN l.status <> 'active' THEN l.status \
     WHEN l.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u WHERE u.app_id = $1 \
     AND u.id = l.user_id AND u.status = 'active') THEN 'suspended' WHEN l.expires_at <= $2 THEN 'expired' ELSE (SELECT CASE \
     WHEN l.activations_used - COUNT(*) = 0 THEN 'issued' \
     WHEN l.activations_used - COUNT(*) >= l.max_activations THEN 'full' \
     ELSE 'active' END FROM license_activations a WHERE a.app_id = $1 \
     AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
     AND a.slot_free_at <= $2) END) ORDER BY l.label, l.id LIMIT $9";

/// The statements that the most selective condition leads by, and its parameter.
fn lead(filter: &LicenseFilter) -> (&'static Statements, Option<Param<'_>>) {
    if let Some(user) = filter.user_id {
        return (&BY_USER, Some(user.into()));
    }
    if let Some(hint) = filter.key_hint.as_deref() {
        return (&BY_HINT, Some(hint.into()));
    }
    if let Some(issued_to) = filter.issued_to.as_deref() {
        return (&BY_ISSUED_TO, Some(issued_to.into()));
    }
    match (filter.state, filter.tenant_id) {
        (Some(state @ (LicenseState::Suspended | LicenseState::Revoked)), _) => {
            (&BY_STATUS, Some(state.as_str().into()))
        }
        (_, Some(tenant)) => (&BY_TENANT, Some(tenant.into())),
        _ => (&ALL, None),
    }
}

/// Behind everything that begins so: nothing sorts after the last character there is.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

fn elsewhere() -> StoreError {
    StoreError::Internal("a place in a list of another order".to_owned())
}

/// What fits, and whether there is more.
fn page(rows: Vec<Row>, limit: u32) -> Result<(Vec<License>, bool), StoreError> {
    let mut licenses: Vec<License> = rows.into_iter().map(license).collect::<Result<_, _>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let full = licenses.len() > limit;
    licenses.truncate(limit);
    Ok((licenses, full))
}

fn activation(mut row: Row) -> Result<Activation, StoreError> {
    let (id, license_id, device_label) = (row.take()?, row.take()?, row.take()?);
    let (created_at, last_seen_at) = (row.take()?, row.take()?);
    let released = match (row.take::<Option<_>>()?, row.take::<Option<String>>()?) {
        (None, _) => None,
        (Some(at), reason) => {
            let reason = reason
                .as_deref()
                .and_then(ReleaseReason::from_stored)
                .ok_or_else(|| StoreError::decode("an unknown reason of a release"))?;
            Some((at, reason))
        }
    };
    Ok(Activation {
        id,
        license_id,
        device_label,
        created_at,
        last_seen_at,
        released,
        slot_free_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// Licences of this app, in the order of the filter.
    ///
    /// # Errors
    /// [`StoreError`], also for a place in a list of another order.
    pub fn licenses(
        &mut self,
        filter: &LicenseFilter,
        now: Timestamp,
    ) -> Result<LicensePage, StoreError> {
        match (&filter.label_prefix, filter.is_by_label()) {
            (Some(prefix), true) => self.licenses_by_label(filter, prefix, now),
            _ => self.newest_licenses(filter, now),
        }
    }

    fn newest_licenses(
        &mut self,
        filter: &LicenseFilter,
        now: Timestamp,
    ) -> Result<LicensePage, StoreError> {
        let before = match &filter.after {
            None => LicenseId::from_uuid(uuid::Uuid::max()),
            Some(LicensePlace::Id(id)) => *id,
            Some(LicensePlace::Label(..)) => return Err(elsewhere()),
        };
        let label_end = filter.label_prefix.as_deref().map(behind);
        let (statements, lead) = lead(filter);
        let mut params = vec![self.app_id.into(), before.into()];
        params.extend(lead);
        let last = self.connection.query(statements.floor, &params)?.pop();
        let floor: Option<LicenseId> = last.map(|mut row| row.take()).transpose()?;
        let params = [
            self.app_id.into(),
            now.into(),
            before.into(),
            floor
                .unwrap_or(LicenseId::from_uuid(uuid::Uuid::nil()))
                .into(),
            filter.user_id.into(),
            filter.tenant_id.into(),
            filter.issued_to.as_deref().into(),
            filter.label_prefix.as_deref().into(),
            label_end.as_deref().into(),
            filter.key_hint.as_deref().into(),
            filter.state.map(LicenseState::as_str).into(),
            // One more than fits tells whether there is a next page.
            filter.limit.saturating_add(1).into(),
        ];
        let rows = self.connection.query(statements.page, &params)?;
        let (licenses, full) = page(rows, filter.limit)?;
        let floor = if full {
            licenses.last().map(|it| it.id)
        } else {
            floor
        };
        let next = floor.map(LicensePlace::Id);
        Ok(LicensePage { licenses, next })
    }

    fn licenses_by_label(
        &mut self,
        filter: &LicenseFilter,
        prefix: &str,
        now: Timestamp,
    ) -> Result<LicensePage, StoreError> {
        let (after, after_id) = match &filter.after {
            Some(LicensePlace::Id(_)) => return Err(elsewhere()),
            Some(LicensePlace::Label(label, id)) if label.as_str() >= prefix => {
                (label.as_str(), *id)
            }
            // A place before the first such label is as good as none.
            _ => (prefix, LicenseId::from_uuid(uuid::Uuid::nil())),
        };
        let end = behind(prefix);
        let mut last: Option<(String, LicenseId)> = None;
        if filter.judges_labelled() {
            let params = [
                self.app_id.into(),
                after.into(),
                after_id.into(),
                (&end).into(),
            ];
            let found = self.connection.query(LAST_BY_LABEL, &params)?.pop();
            last = found
                .map(|mut row| Ok::<_, StoreError>((row.take()?, row.take()?)))
                .transpose()?;
        }
        let everything = (end.as_str(), LicenseId::from_uuid(uuid::Uuid::max()));
        let (until, until_id) = last
            .as_ref()
            .map_or(everything, |(label, id)| (label.as_str(), *id));
        let params = [
            self.app_id.into(),
            now.into(),
            after.into(),
            after_id.into(),
            until.into(),
            until_id.into(),
            filter.tenant_id.into(),
            filter.state.map(LicenseState::as_str).into(),
            filter.limit.saturating_add(1).into(),
        ];
        let rows = self.connection.query(BY_LABEL, &params)?;
        let (licenses, full) = page(rows, filter.limit)?;
        if full {
            last = licenses
                .last()
                .and_then(|it| Some((it.label.clone()?, it.id)));
        }
        let next = last.map(|(label, id)| LicensePlace::Label(label, id));
        Ok(LicensePage { licenses, next })
    }

    /// A device's slot of this app, whatever has become of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn activation(&mut self, id: ActivationId) -> Result<Option<Activation>, StoreError> {
        const SQL: &str = "SELECT id, license_id, device_label, created_at, last_seen_at, \
             released_at, release_reason, slot_free_at FROM license_activations \
             WHERE app_id = $1 AND id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        rows.into_iter().next().map(activation).transpose()
    }

    /// The devices that hold a slot of a licence at `now`, those that cool off included, in order
    /// of their activation, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn activations(
        &mut self,
        license_id: LicenseId,
        after: Option<ActivationId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Activation>, StoreError> {
        const SQL: &str = "SELECT id, license_id, device_label, created_at, last_seen_at, \
             released_at, release_reason, slot_free_at FROM license_activations \
             WHERE app_id = $1 AND license_id = $2 AND id > $3 AND slot_returned = FALSE \
             AND (released_at IS NULL OR slot_free_at > $4) ORDER BY id LIMIT $5";
        let after = after.unwrap_or(ActivationId::from_uuid(uuid::Uuid::nil()));
        let params = [
            self.app_id.into(),
            license_id.into(),
            after.into(),
            now.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(activation).collect()
    }
}
