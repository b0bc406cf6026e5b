//! The statements of a copy, made from the schema; no name in them comes from anywhere else.

use super::{Key, PAGE, PAGE_BYTES, Table};
use crate::port::Engine;

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(quoted).collect();
    quoted.join(", ")
}

/// A key column as it sorts: text by its bytes, as SQLite has it.
fn sorted(key: &Key, engine: Engine) -> String {
    let collation = match engine {
        Engine::Postgres if key.text => " COLLATE \"C\"",
        _ => "",
    };
    format!("{}{collation}", quoted(&key.name))
}

fn tuple(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

/// Reads a page after a key (`$1`, `$2`, …), or the first one: at most so many rows, and of PostgreSQL,
/// which sends a whole result at once, at most so many bytes (as they are stored: what it compresses is
/// small, for sealed values are not).
///
/// PostgreSQL's indexes sort text by its language, so they do not serve a comparison by bytes: the
/// columns of the key before the first text are compared once more on their own, which they serve.
pub(crate) fn page(table: &Table, engine: Engine, continued: bool) -> String {
    let keys: Vec<_> = table.key.iter().map(|key| sorted(key, engine)).collect();
    let params: Vec<_> = (1..=keys.len()).map(|n| format!("${n}")).collect();
    let mut filter = String::new();
    if continued {
        filter = format!(" WHERE {} > {}", tuple(&keys), tuple(&params));
        let plain = table.key.iter().take_while(|key| !key.text).count();
        if engine == Engine::Postgres
            && plain > 0
            && let (true, Some(head), Some(values)) =
                (plain < keys.len(), keys.get(..plain), params.get(..plain))
        {
            filter += &format!(" AND {} >= {}", tuple(head), tuple(values));
        }
    }
    let columns = listed(table.columns.iter().map(String::as_str));
    let (name, order) = (quoted(&table.name), keys.join(", "));
    let rows = format!("SELECT {columns} FROM {name}{filter} ORDER BY {order} LIMIT {PAGE}");
    if engine == Engine::Sqlite {
        // Rows come one by one: who reads them stops.
        return rows;
    }
    let sizes: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("COALESCE(pg_column_size({}), 0)", quoted(column)))
        .collect();
    format!(
        "SELECT {columns} FROM (SELECT {columns}, ROW_NUMBER() OVER (ORDER BY {order}) AS \"page row\", \
         SUM({}) OVER (ORDER BY {order}) AS \"page bytes\" FROM ({rows}) r) p \
         WHERE \"page row\" = 1 OR \"page bytes\" <= {PAGE_BYTES} ORDER BY {order}",
        sizes.join(" + "),
    )
}

/// Inserts so many rows.
pub(crate) fn insert(table: &Table, rows: usize) -> String {
    let mut number = 0;
    let row = |_| {
        let params: Vec<_> = table
            .columns
            .iter()
            .map(|_| {
                number += 1;
                format!("${number}")
            })
            .collect();
        format!("({})", params.join(", "))
    };
    let values: Vec<_> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        quoted(&table.name),
        listed(table.columns.iter().map(String::as_str)),
        values.join(", ")
    )
}

/// Makes the note of how far a copy has come.
pub(crate) const CREATE_PROGRESS: &str = "CREATE TABLE db_copy_progress (
    name      TEXT    NOT NULL PRIMARY KEY,
    last_key  BYTEA   NOT NULL,
    copied    BIGINT  NOT NULL
);";

/// Names the source in it.
pub(crate) const INSERT_SOURCE: &str =
    "INSERT INTO db_copy_progress (name, last_key, copied) VALUES ('', $1, 0)";

/// Counts a table's rows.
pub(crate) fn count(table: &Table) -> String {
    format!("SELECT count(*) FROM {}", quoted(&table.name))
}

/// Empties a table.
pub(crate) fn delete(table: &Table) -> String {
    format!("DELETE FROM {}", quoted(&table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sorted_by_its_bytes() {
        let key = |name: &str, text| Key {
            name: name.to_owned(),
            text,
            index: 0,
        };
        let table = Table {
            name: "t".into(),
            columns: vec!["a".into(), "b".into(), "c".into()],
            key: vec![key("a", false), key("b", true)],
            parents: [].into(),
            seeds: 0,
        };
        assert_eq!(
            page(&table, Engine::Postgres, true),
            "SELECT \"a\", \"b\", \"c\" FROM (SELECT \"a\", \"b\", \"c\", \
             ROW_NUMBER() OVER (ORDER BY \"a\", \"b\" COLLATE \"C\") AS \"page row\", \
             SUM(COALESCE(pg_column_size(\"a\"), 0) + COALESCE(pg_column_size(\"b\"), 0) \
             + COALESCE(pg_column_size(\"c\"), 0)) OVER (ORDER BY \"a\", \"b\" COLLATE \"C\") \
             AS \"page bytes\" FROM (SELECT \"a\", \"b\", \"c\" FROM \"t\" \
             WHERE (\"a\", \"b\" COLLATE \"C\") > ($1, $2) \
             AND \"a\" >= $1 ORDER BY \"a\", \"b\" COLLATE \"C\" LIMIT 1000) r) p \
             WHERE \"page row\" = 1 OR \"page bytes\" <= 8388608 \
             ORDER BY \"a\", \"b\" COLLATE \"C\""
        );
        assert_eq!(
            page(&table, Engine::Sqlite, true),
            "SELECT \"a\", \"b\", \"c\" FROM \"t\" WHERE (\"a\", \"b\") > ($1, $2) \
             ORDER BY \"a\", \"b\" LIMIT 1000"
        );
        assert_eq!(
            insert(&table, 2),
            "INSERT INTO \"t\" (\"a\", \"b\", \"c\") VALUES ($1, $2, $3), ($4, $5, $6)"
        );
    }
}
