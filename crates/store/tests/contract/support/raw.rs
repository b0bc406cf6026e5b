//! The database without the store: every row as text, and statements prepared but not run.

use std::collections::BTreeMap;

use doorward_domain::{AppId, Timestamp, UserId};
use doorward_store::Engine;
use doorward_testkit::database::TestDatabase;
use rusqlite::types::ValueRef;
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

use super::fixture::{at, fresh};

/// A connection of the test's own.
pub(crate) enum Raw {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

/// The rows of each table, as text, in order.
pub(crate) type Dump = BTreeMap<&'static str, Vec<String>>;

/// Tables with an `app_id`.
const OF_APPS: [&str; 22] = [
    "app_roles",
    "app_stats",
    "audit_events",
    "audit_personal",
    "delivery_settings",
    "license_activations",
    "license_signing_keys",
    "licenses",
    "memberships",
    "message_templates",
    "one_time_secrets",
    "organizations",
    "otp_requests",
    "outbox",
    "rate_limits",
    "refresh_replays",
    "revocations",
    "role_assignments",
    "sessions",
    "sms_alarms",
    "sms_usage",
    "users",
];

/// What the port's parameters and columns are on PostgreSQL.
const PORT_TYPES: [Type; 6] = [
    Type::BOOL,
    Type::INT8,
    Type::TEXT,
    Type::BYTEA,
    Type::UUID,
    Type::TIMESTAMPTZ,
];

impl Raw {
    /// Opens one.
    pub(crate) async fn open(db: &TestDatabase) -> Self {
        let url = db.url();
        match db.engine() {
            Engine::Sqlite => {
                let path = url.trim_start_matches("sqlite:");
                Self::Sqlite(rusqlite::Connection::open(path).expect("SQLite opens"))
            }
            Engine::Postgres => {
                let (client, connection) = tokio_postgres::connect(&url, NoTls)
                    .await
                    .expect("PostgreSQL answers");
                tokio::spawn(connection);
                Self::Postgres(client)
            }
        }
    }

    /// Every row that belongs to an app, the app's own included.
    pub(crate) async fn rows_of(&self, app: AppId) -> Dump {
        let app = app.as_uuid();
        let mut dump = Dump::new();
        for table in OF_APPS {
            dump.insert(
                table,
                self.rows(table, &format!("app_id = {}", self.literal(app)))
                    .await,
            );
        }
        dump.insert(
            "apps",
            self.rows("apps", &format!("id = {}", self.literal(app)))
                .await,
        );
        dump
    }

    /// The rows of a table.
    pub(crate) async fn table(&self, table: &str) -> Vec<String> {
        self.rows(table, "1 = 1").await
    }

    /// How many rows a query gives.
    pub(crate) async fn count(&self, sql: &str) -> usize {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql).expect("it prepares");
                let rows = statement.query_map([], |_| Ok(())).expect("it runs");
                rows.count()
            }
            Self::Postgres(client) => client.query(sql, &[]).await.expect("it runs").len(),
        }
    }

    /// Makes a state that no method of the store makes.
    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(connection) => {
                connection.execute(sql, []).expect("it runs");
            }
            Self::Postgres(client) => {
                client.execute(sql, &[]).await.expect("it runs");
            }
        }
    }

    /// Prepares a statement and looks at the types of its parameters and columns.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection
                .prepare(sql)
                .map(drop)
                .map_err(|error| error.to_string()),
            Self::Postgres(client) => {
                let statement = client
                    .prepare(sql)
                    .await
                    .map_err(|error| format!("{error:?}"))?;
                let columns = statement
                    .columns()
                    .iter()
                    .map(tokio_postgres::Column::type_);
                // `SELECT 1` is an int4; nobody reads it.
                let fits = |ty: &&Type| {
                    PORT_TYPES.contains(ty) || (**ty == Type::INT4 && sql.starts_with("SELECT 1 "))
                };
                match statement
                    .params()
                    .iter()
                    .chain(columns)
                    .find(|ty| !fits(ty))
                {
                    Some(ty) => Err(format!("{ty} is no type of the port")),
                    None => Ok(()),
                }
            }
        }
    }

    /// A licence that is a user's own, in any standing.
    pub(crate) async fn insert_license(
        &self,
        app: AppId,
        user: UserId,
        status: &str,
        expires_at: Option<Timestamp>,
        entitlements: &str,
    ) {
        let time = |at: Timestamp| match self {
            Self::Sqlite(_) => at.as_microsecond().to_string(),
            Self::Postgres(_) => format!("'{at}'"),
        };
        let now = time(at(0));
        let sql = format!(
            "INSERT INTO licenses (app_id, id, user_id, status, max_activations, \
             activations_used, expires_at, entitlements, metadata, version, created_at, \
             updated_at) VALUES ({}, {}, {}, '{status}', 1, 0, {}, '{entitlements}', '{{}}', 1, \
             {now}, {now})",
            self.literal(app.as_uuid()),
            self.literal(fresh()),
            self.literal(user.as_uuid()),
            expires_at.map_or_else(|| "NULL".to_owned(), time),
        );
        self.execute(&sql).await;
    }

    /// A UUID as it stands in SQL.
    pub(crate) fn literal(&self, id: uuid::Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
            Self::Postgres(_) => format!("'{id}'"),
        }
    }

    async fn rows(&self, table: &str, condition: &str) -> Vec<String> {
        let mut rows = match self {
            Self::Sqlite(connection) => {
                let mut statement = connection
                    .prepare(&format!("SELECT * FROM {table} WHERE {condition}"))
                    .expect("it prepares");
                let columns = statement.column_count();
                statement
                    .query_map([], |row| {
                        (0..columns)
                            .map(|column| row.get_ref(column).map(text))
                            .collect::<Result<Vec<_>, _>>()
                    })
                    .expect("it runs")
                    .map(|row| row.expect("a row").join("|"))
                    .collect::<Vec<_>>()
            }
            Self::Postgres(client) => client
                .query(
                    &format!("SELECT CAST(t AS TEXT) FROM {table} t WHERE {condition}"),
                    &[],
                )
                .await
                .expect("it runs")
                .iter()
                .map(|row| row.get(0))
                .collect(),
        };
        rows.sort();
        rows
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}
