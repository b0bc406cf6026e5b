//! Databases on a PostgreSQL for tests.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use doorward_domain::OsRandom;
use doorward_domain::ids::uuid_v4;
use doorward_store::postgres::{Options, PostgresDriver};
use doorward_store::{Driver as _, MIGRATIONS};
use tokio_postgres::{Client, NoTls};

/// Held while the template is made, by whichever test binary comes first.
const TEMPLATE_LOCK: i64 = 0x0d00_72a4_d7e5_7000;

/// The administrator's URL of the PostgreSQL for tests. `None`, after saying so, when there is
/// none.
///
/// # Panics
/// When there is none and `DOORWARD_REQUIRE_POSTGRES=1`.
#[must_use]
pub fn admin_url() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test runner's setting, not the program's"
    )]
    let url = std::env::var("DOORWARD_TEST_POSTGRES_URL").ok();
    if url.is_none() {
        skip_without_postgres();
    }
    url
}

/// Says that a test was skipped because there is no PostgreSQL.
///
/// # Panics
/// When there has to be one.
#[expect(
    clippy::print_stdout,
    reason = "the reader of a test's output shall see what did not run"
)]
pub fn skip_without_postgres() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test runner's setting, not the program's"
    )]
    let required = std::env::var("DOORWARD_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "DOORWARD_REQUIRE_POSTGRES=1, but there is no PostgreSQL to test with"
    );
    println!("skipped: no PostgreSQL");
    crate::skip::note("PostgreSQL");
}

/// One database, dropped with the value.
pub(super) struct Database {
    admin: String,
    name: String,
    url: String,
}

impl Database {
    /// A copy of the migrated template.
    pub(super) async fn create(admin: &str) -> Self {
        let client = connect(admin).await;
        let template = template(&client, admin).await;
        let name = format!("doorward_test_{}", uuid_v4(&OsRandom).simple());
        execute(
            &client,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        let url = with_database(admin, &name);
        Self {
            admin: admin.to_owned(),
            name,
            url,
        }
    }

    /// What is in it gives way to what was kept as SQL text.
    pub(super) async fn replace(&self, dump: &str) {
        let client = connect(&self.url).await;
        execute(&client, "DROP SCHEMA public CASCADE").await;
        // It makes the schema again only where it was not the usual one.
        execute(&client, "CREATE SCHEMA public").await;
        client
            .batch_execute(dump)
            .await
            .expect("the dump is PostgreSQL's");
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // Not on this thread: it may belong to a runtime, which cannot block.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let client = connect(&admin).await;
                // FORCE ends the connections of a store that nobody closed.
                drop(
                    client
                        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
                        .await,
                );
            });
            Ok::<(), std::io::Error>(())
        })
        .join();
        // A test that stopped the server is no failure for that.
        drop(dropped);
    }
}

/// The template's name; made when it does not exist.
async fn template(client: &Client, admin: &str) -> String {
    let name = format!("doorward_template_{:016x}", schema_hash());
    let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    if client
        .query_opt(&exists, &[])
        .await
        .expect("an answer")
        .is_some()
    {
        return name;
    }
    execute(client, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if client
        .query_opt(&exists, &[])
        .await
        .expect("an answer")
        .is_none()
    {
        let building = format!("{name}_building");
        execute(
            client,
            &format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
        )
        .await;
        execute(client, &format!("CREATE DATABASE {building}")).await;
        let options = Options::parse(&with_database(admin, &building)).expect("a usable URL");
        let driver = PostgresDriver::connect(options)
            .await
            .expect("PostgreSQL answers");
        driver.migrate().await.expect("migrations apply");
        driver.close().await;
        disconnect_all(client, &building).await;
        // Only a finished one bears the name.
        execute(
            client,
            &format!("ALTER DATABASE {building} RENAME TO {name}"),
        )
        .await;
    }
    execute(
        client,
        &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})"),
    )
    .await;
    name
}

/// The server notices a closed connection a moment later than we do.
async fn disconnect_all(client: &Client, database: &str) {
    let connected = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
    for _ in 0..100 {
        let row = client.query_one(&connected, &[]).await.expect("an answer");
        if row.get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("somebody stays connected to {database}");
}

fn schema_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS {
        (migration.version, migration.common, migration.postgres).hash(&mut hasher);
    }
    hasher.finish()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the PostgreSQL for tests answers");
    tokio::spawn(connection);
    client
}

async fn execute(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, ""), |(base, query)| (base, query));
    let (scheme, rest) = base.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or(rest);
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{authority}/{name}{separator}{query}")
}
