//! Many rows into the shared engine.

use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use super::rows::Measured;
use super::{Cell, Sink};
use crate::Result;

/// A connection of a superuser.
pub(super) struct Postgres {
    runtime: Runtime,
    client: Client,
}

fn told(error: &tokio_postgres::Error) -> String {
    format!("filling PostgreSQL: {error:?}")
}

/// As `COPY` reads it. No text here holds a tab, a line break or a backslash.
fn write(line: &mut String, cell: &Cell) {
    // Writing to a string cannot fail.
    let _ = match cell {
        Cell::Uuid(id) => write!(line, "{}", uuid::Uuid::from_u128(*id)),
        Cell::Text(text) => line.write_str(text),
        Cell::Time(at) => {
            let (seconds, micros) = (at.div_euclid(1_000_000), at.rem_euclid(1_000_000));
            let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let (year, month, day) = date(days);
            let (hour, minute) = (second / 3600, second / 60 % 60);
            let second = second % 60;
            write!(
                line,
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}+00"
            )
        }
        Cell::Int(number) => write!(line, "{number}"),
        Cell::Bytes(bytes) => {
            let _ = line.write_str("\\\\x");
            bytes.iter().try_for_each(|byte| write!(line, "{byte:02x}"))
        }
        Cell::Bool(yes) => write!(line, "{yes}"),
    };
}

/// Year, month and day of a number of days since 1970, after H. Hinnant's `civil_from_days`.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Makes a second, empty database on the same server, and gives its URL.
pub(crate) fn second_database(url: &str) -> Result<String> {
    const NAME: &str = "doorward_bench_full";
    let (server, rest) = url
        .rsplit_once('/')
        .ok_or("the PostgreSQL URL names no database")?;
    let options = rest.split_once('?').map_or("", |(_, options)| options);
    let admin = Postgres::connect(url)?;
    for sql in [
        format!("DROP DATABASE IF EXISTS {NAME}"),
        format!("CREATE DATABASE {NAME}"),
    ] {
        admin
            .runtime
            .block_on(admin.client.batch_execute(&sql))
            .map_err(|error| told(&error))?;
    }
    Ok(format!("{server}/{NAME}?{options}"))
}

impl Postgres {
    pub(super) fn connect(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls)
                .await
                .map_err(|error| told(&error))?;
            tokio::spawn(connection);
            // The rows are consistent by how they are made; each foreign key would be looked up.
            client
                .batch_execute(
                    "SET session_replication_role = replica; SET synchronous_commit = off; \
                     SET maintenance_work_mem = '256MB'",
                )
                .await
                .map_err(|error| told(&error))?;
            Ok::<_, String>(client)
        })?;
        Ok(Self { runtime, client })
    }
}

impl Sink for Postgres {
    fn table(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: &mut dyn Iterator<Item = Vec<Cell>>,
    ) -> Result {
        let sql = format!("COPY {name} ({}) FROM STDIN", columns.join(", "));
        self.runtime.block_on(async {
            let sink = self
                .client
                .copy_in(&sql)
                .await
                .map_err(|error| told(&error))?;
            let mut sink = std::pin::pin!(sink);
            let mut chunk = String::with_capacity(1 << 20);
            for row in rows {
                for (index, cell) in row.iter().enumerate() {
                    if index > 0 {
                        chunk.push('\t');
                    }
                    write(&mut chunk, cell);
                }
                chunk.push('\n');
                if chunk.len() > 1 << 19 {
                    let full = Bytes::from(std::mem::take(&mut chunk));
                    sink.send(full).await.map_err(|error| told(&error))?;
                }
            }
            sink.send(Bytes::from(chunk))
                .await
                .map_err(|error| told(&error))?;
            sink.finish().await.map(drop).map_err(|error| told(&error))
        })
    }

    fn measured_app(&mut self) -> Result<Measured> {
        let row = self
            .runtime
            .block_on(self.client.query_one(
                "SELECT CAST(id AS TEXT), settings, session_epoch FROM apps WHERE slug = 'bench'",
                &[],
            ))
            .map_err(|error| told(&error))?;
        let id: String = row.get(0);
        Ok(Measured {
            id: uuid::Uuid::parse_str(&id)
                .map_err(|error| error.to_string())?
                .as_u128(),
            settings: row.get(1),
            epoch: row.get(2),
        })
    }

    fn finish(&mut self) -> Result {
        self.runtime
            .block_on(self.client.batch_execute("VACUUM ANALYZE"))
            .map_err(|error| told(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_have_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_779), (2026, 11, 22));
    }
}
