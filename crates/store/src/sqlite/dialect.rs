//! From the SQL that both engines share to what SQLite wants.

use super::token::{Token, tokens};

/// `$1` → `?1`: SQLite numbers `$` parameters by their first appearance, not by their digits.
pub(super) fn statement(sql: &str) -> String {
    tokens(sql)
        .flat_map(|token| match token {
            Token::Parameter(text) => ["?", text.trim_start_matches('$')],
            other => [other.text(), ""],
        })
        .collect()
}

/// A migration's type names to SQLite's, and `STRICT` on every table.
///
/// Type names are recognised by being written in capitals; column names are not.
pub(super) fn schema(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    // How far the statement at hand agrees with `CREATE TABLE`: 0, 1 or 2 words; None: it does not.
    let mut create_table = Some(0_u8);
    for token in tokens(sql) {
        match token {
            Token::Word(word) => {
                create_table = match create_table {
                    Some(0) if token.is_word("create") => Some(1),
                    Some(1) if token.is_word("table") => Some(2),
                    Some(2) => Some(2),
                    _ => None,
                };
                out.push_str(type_name(word));
            }
            Token::Symbol(";") => {
                // A table's definition holds no semicolon of its own.
                if create_table == Some(2) {
                    out.push_str(" STRICT");
                }
                create_table = Some(0);
                out.push(';');
            }
            other => out.push_str(other.text()),
        }
    }
    out
}

fn type_name(word: &str) -> &str {
    match word {
        "UUID" | "BYTEA" => "BLOB",
        "BIGINT" | "BOOLEAN" | "TIMESTAMPTZ" => "INTEGER",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_numbered() {
        assert_eq!(
            statement("SELECT '$1', $2 -- $3\n, $10 || $1 FROM \"$4\""),
            "SELECT '$1', ?2 -- $3\n, ?10 || ?1 FROM \"$4\""
        );
    }

    #[test]
    fn types_are_mapped_outside_literals_and_comments() {
        let columns = "b BYTEA, n BIGINT, o BOOLEAN, at TIMESTAMPTZ, s TEXT";
        let mapped = "b BLOB, n INTEGER, o INTEGER, at INTEGER, s TEXT";
        let table = |uuid: &str, columns: &str| {
            format!("-- UUID; BIGINT\nCREATE TABLE t (uuid {uuid} CHECK (x <> 'UUID;'), {columns})")
        };
        assert_eq!(
            schema(&format!("{};", table("UUID", columns))),
            format!("{} STRICT;", table("BLOB", mapped))
        );
    }

    #[test]
    fn only_tables_become_strict() {
        for (common, native) in [
            (
                "CREATE TABLE a (x BIGINT);\n",
                "CREATE TABLE a (x INTEGER) STRICT;\n",
            ),
            (
                "/* ; */ create table b (y TEXT);",
                "/* ; */ create table b (y TEXT) STRICT;",
            ),
            ("CREATE INDEX i ON a (x);", "CREATE INDEX i ON a (x);"),
            (
                "INSERT INTO a (x) VALUES (1);",
                "INSERT INTO a (x) VALUES (1);",
            ),
        ] {
            assert_eq!(schema(common), native);
            let twice = schema(&[common, common].concat());
            assert_eq!(twice, [native, native].concat());
        }
    }
}
