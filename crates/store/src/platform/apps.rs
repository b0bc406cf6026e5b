//! Apps.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorward_domain::app::{App, AppSettings, AppStatus, PreviousSecret, Slug};
use doorward_domain::role::{RoleBook, RoleDefinition, RoleName};
use doorward_domain::{AppId, Timestamp};

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A change of an app's name and settings.
#[derive(Debug, Clone)]
pub struct AppChange {
    /// Which app.
    pub id: AppId,
    /// The version the change was made against.
    pub expected_version: i64,
    /// The new name.
    pub name: String,
    /// The new settings, whole.
    pub settings: AppSettings,
    /// Now.
    pub now: Timestamp,
}

/// What a look-up for credentials found.
#[derive(Debug, Clone)]
pub enum Candidate {
    /// The app.
    Known(App),
    /// There is no such app; this is another one, to do the same work with. Its secret opens
    /// nothing here.
    StandIn(App),
}

const BY_ID: &str = "SELECT id, slug, name, status, version, session_epoch, secret_hash, \
     previous_secret_hash, previous_secret_until, secret_rotated_at, settings, created_at, \
     updated_at FROM apps WHERE id = $1";
/// One row whether or not there is such an app, as long as there is any app at all. Both candidates
/// are looked up always: `COALESCE` would look for the second one only where the first is missing.
const BY_ID_OR_FIRST: &str = "SELECT id, slug, name, status, version, session_epoch, secret_hash, \
     previous_secret_hash, previous_secret_until, secret_rotated_at, settings, created_at, \
     updated_at FROM apps WHERE id = (SELECT id FROM (\
     SELECT id, 1 AS place FROM apps WHERE id = $1 UNION ALL \
     SELECT id, 2 AS place FROM (SELECT id FROM apps ORDER BY id LIMIT 1) oldest) candidates \
     ORDER BY place LIMIT 1)";
const BY_SLUG: &str = "SELECT id, slug, name, status, version, session_epoch, secret_hash, \
     previous_secret_hash, previous_secret_until, secret_rotated_at, settings, created_at, \
     updated_at FROM apps WHERE slug = $1";
const LIST: &str = "SELECT id, slug, name, status, version, session_epoch, secret_hash, \
     previous_secret_hash, previous_secret_until, secret_rotated_at, settings, created_at, \
     updated_at FROM apps WHERE id > $1 ORDER BY id LIMIT $2";

fn app(mut row: Row) -> Result<App, StoreError> {
    Ok(App {
        id: row.take()?,
        slug: Slug::parse(&row.take::<String>()?).map_err(StoreError::decode)?,
        name: row.take()?,
        status: AppStatus::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown app status"))?,
        version: row.take()?,
        session_epoch: row.take()?,
        secret_hash: row.take()?,
        previous_secret: match (row.take::<Option<[u8; 32]>>()?, row.take()?) {
            (Some(hash), Some(until)) => Some(PreviousSecret { hash, until }),
            _ => None,
        },
        secret_rotated_at: row.take()?,
        settings: serde_json::from_str(&row.take::<String>()?)
            .map_err(|error| StoreError::Decode(format!("settings of an app: {error}")))?,
        roles: Arc::default(),
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

fn encode(settings: &AppSettings) -> Result<String, StoreError> {
    serde_json::to_string(settings)
        .map_err(|error| StoreError::Internal(format!("settings do not serialise: {error}")))
}

impl PlatformRead<'_> {
    /// An app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn app(&mut self, id: AppId) -> Result<Option<App>, StoreError> {
        let rows = self.connection.query(BY_ID, &[id.into()])?;
        let mut apps = self.with_roles(rows)?;
        Ok(apps.pop())
    }

    /// An app whose credentials are to be checked. An unknown id costs what a known one costs: one
    /// statement, one row, one decoding. `None` only while there is no app at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn app_or_stand_in(&mut self, id: AppId) -> Result<Option<Candidate>, StoreError> {
        let rows = self.connection.query(BY_ID_OR_FIRST, &[id.into()])?;
        let mut found = self.with_roles(rows)?;
        Ok(found.pop().map(|app| {
            if app.id == id {
                Candidate::Known(app)
            } else {
                Candidate::StandIn(app)
            }
        }))
    }

    /// An app by its slug.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn app_by_slug(&mut self, slug: &Slug) -> Result<Option<App>, StoreError> {
        let rows = self.connection.query(BY_SLUG, &[slug.as_str().into()])?;
        let mut apps = self.with_roles(rows)?;
        Ok(apps.pop())
    }

    /// Apps in order of creation, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn apps(&mut self, after: Option<AppId>, limit: u32) -> Result<Vec<App>, StoreError> {
        let after = after.unwrap_or(AppId::from_uuid(uuid::Uuid::nil()));
        let rows = self.connection.query(LIST, &[after.into(), limit.into()])?;
        self.with_roles(rows)
    }

    /// Apps from their rows, which are in order of their ids, with what each says of its roles.
    fn with_roles(&mut self, rows: Vec<Row>) -> Result<Vec<App>, StoreError> {
        const SQL: &str = "SELECT app_id, name, description, permissions FROM app_roles \
             WHERE app_id >= $1 AND app_id <= $2";
        let mut apps: Vec<App> = rows.into_iter().map(app).collect::<Result<_, _>>()?;
        let (Some(first), Some(last)) = (apps.first(), apps.last()) else {
            return Ok(apps);
        };
        let params = [first.id.into(), last.id.into()];
        let mut books: BTreeMap<AppId, Vec<(RoleName, RoleDefinition)>> = BTreeMap::new();
        for mut row in self.connection.query(SQL, &params)? {
            let app_id = row.take()?;
            let role = crate::app::role_definition(row)?;
            books.entry(app_id).or_default().push(role);
        }
        for app in &mut apps {
            if let Some(roles) = books.remove(&app.id) {
                app.roles = Arc::new(roles.into_iter().collect::<RoleBook>());
            }
        }
        Ok(apps)
    }

    /// The version that grows with every change other nodes must notice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn state_version(&mut self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT version FROM platform_state WHERE id = 1";
        let rows = self.connection.query(SQL, &[])?;
        match rows.into_iter().next() {
            Some(mut row) => row.take(),
            None => Err(StoreError::decode("platform_state is empty")),
        }
    }
}

impl PlatformWrite<'_> {
    /// Tells other nodes that something they cache has changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bump_state(&mut self) -> Result<(), StoreError> {
        self.connection.defer(
            "UPDATE platform_state SET version = version + 1 WHERE id = 1",
            &[],
        )
    }

    /// Creates an app at version 1; `false` when the slug is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_app(&mut self, app: &App) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO apps (id, slug, name, status, version, session_epoch, \
             secret_hash, secret_rotated_at, settings, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8) ON CONFLICT (slug) DO NOTHING";
        let settings = encode(&app.settings)?;
        let params = [
            app.id.into(),
            app.slug.as_str().into(),
            (&app.name).into(),
            app.status.as_str().into(),
            app.version.into(),
            app.session_epoch.into(),
            (&app.secret_hash).into(),
            app.created_at.into(),
            (&settings).into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Counts a change of what is stored beside an app (its roles), so that no cached copy outlives
    /// it, and holds the app until the transaction ends; `false` when the app is unknown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn touch_app(&mut self, id: AppId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE apps SET version = version + 1, updated_at = $2 WHERE id = $1";
        let changed = self.connection.execute(SQL, &[id.into(), now.into()])? == 1;
        if changed {
            self.bump_state()?;
        }
        Ok(changed)
    }

    /// Changes name and settings; `false` when the app is unknown or its version has moved on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn update_app(&mut self, change: &AppChange) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE apps SET name = $3, settings = $4, version = version + 1, \
             updated_at = $5 WHERE id = $1 AND version = $2";
        let settings = encode(&change.settings)?;
        let params = [
            change.id.into(),
            change.expected_version.into(),
            (&change.name).into(),
            (&settings).into(),
            change.now.into(),
        ];
        let changed = self.connection.execute(SQL, &params)? == 1;
        self.bump_state()?;
        Ok(changed)
    }

    /// Ends every session of an app, however many there are: each belongs to the epoch that it began
    /// in, and the epoch is over. `false` when the app is unknown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_app_sessions(&mut self, id: AppId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE apps SET session_epoch = session_epoch + 1, \
             sessions_ended_at = $2, version = version + 1, updated_at = $2 WHERE id = $1";
        let changed = self.connection.execute(SQL, &[id.into(), now.into()])? == 1;
        self.bump_state()?;
        Ok(changed)
    }

    /// Switches an app on or off; `false` when it is unknown or already so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_app_status(
        &mut self,
        id: AppId,
        status: AppStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE apps SET status = $2, version = version + 1, updated_at = $3 \
             WHERE id = $1 AND status <> $2";
        let params = [id.into(), status.as_str().into(), now.into()];
        let changed = self.connection.execute(SQL, &params)? == 1;
        self.bump_state()?;
        Ok(changed)
    }

    /// Ends every session of every app; gives the number of apps. One statement, whatever the
    /// number of sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_every_session(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE apps SET session_epoch = session_epoch + 1, \
             version = version + 1, updated_at = $1";
        let changed = self.connection.execute(SQL, &[now.into()])?;
        self.bump_state()?;
        Ok(changed)
    }

    /// Replaces the secret; `false` when the app is unknown. The old one dies at once, unless an
    /// overlap is given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rotate_secret(
        &mut self,
        id: AppId,
        new_hash: &[u8; 32],
        overlap_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const AT_ONCE: &str = "UPDATE apps SET secret_hash = $2, previous_secret_hash = NULL, \
             previous_secret_until = NULL, secret_rotated_at = $3, version = version + 1, \
             updated_at = $3 WHERE id = $1";
        const OVERLAP: &str = "UPDATE apps SET previous_secret_hash = secret_hash, \
             secret_hash = $2, previous_secret_until = $4, secret_rotated_at = $3, \
             version = version + 1, updated_at = $3 WHERE id = $1";
        let changed = match overlap_until {
            None => {
                self.connection
                    .execute(AT_ONCE, &[id.into(), new_hash.into(), now.into()])?
                    == 1
            }
            Some(until) => {
                let params = [id.into(), new_hash.into(), now.into(), until.into()];
                self.connection.execute(OVERLAP, &params)? == 1
            }
        };
        self.bump_state()?;
        Ok(changed)
    }
}
