//! Everything that stands in a database, as text.

use std::collections::BTreeSet;

use doorward_store::Engine;
use rusqlite::types::ValueRef;
use tokio_postgres::NoTls;

use super::TestDatabase;

impl TestDatabase {
    /// Every column of every table, with its table's name before it.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn columns(&self) -> BTreeSet<(String, String)> {
        const SQLITE: &str = "SELECT t.name, c.name FROM sqlite_schema t, \
             pragma_table_info(t.name) c WHERE t.type = 'table'";
        const POSTGRES: &str = "SELECT table_name::text, column_name::text \
             FROM information_schema.columns WHERE table_schema = 'public'";
        let url = self.url();
        match self.engine() {
            Engine::Sqlite => {
                let connection = rusqlite::Connection::open(url.trim_start_matches("sqlite:"))
                    .expect("it opens");
                let mut all = connection.prepare(SQLITE).expect("it prepares");
                let found = all
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .expect("it runs");
                found.map(|row| row.expect("a column")).collect()
            }
            Engine::Postgres => {
                let (client, connection) = tokio_postgres::connect(&url, NoTls)
                    .await
                    .expect("PostgreSQL answers");
                tokio::spawn(connection);
                let found = client.query(POSTGRES, &[]).await.expect("it runs");
                found.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }

    /// Every row of every table: the table's name, and the row as text. Bytes are in hexadecimal.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn dump(&self) -> Vec<(String, String)> {
        let url = self.url();
        match self.engine() {
            Engine::Sqlite => sqlite(url.trim_start_matches("sqlite:")),
            Engine::Postgres => postgres(&url).await,
        }
    }
}

fn sqlite(path: &str) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(path).expect("it opens");
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .expect("it prepares");
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .expect("it runs")
        .map(|name| name.expect("a name"))
        .collect();
    let mut rows = Vec::new();
    for name in names {
        let mut all = connection
            .prepare(&format!("SELECT * FROM {name}"))
            .expect("it prepares");
        let columns = all.column_count();
        let mut found = all.query([]).expect("it runs");
        while let Some(row) = found.next().expect("a row") {
            let text = |column| match row.get_ref(column).expect("a column") {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Blob(bytes) => doorward_domain::secret::hex(bytes),
                other => format!("{other:?}"),
            };
            let row: Vec<String> = (0..columns).map(text).collect();
            rows.push((name.clone(), row.join("|")));
        }
    }
    rows
}

async fn postgres(url: &str) -> Vec<(String, String)> {
    const NAMES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("PostgreSQL answers");
    tokio::spawn(connection);
    let names = client.query(NAMES, &[]).await.expect("it runs");
    let mut rows = Vec::new();
    for name in names {
        let name: String = name.get(0);
        let all = client
            .query(&format!("SELECT CAST(t AS TEXT) FROM {name} t"), &[])
            .await
            .expect("it runs");
        rows.extend(all.iter().map(|row| (name.clone(), row.get(0))));
    }
    rows
}
