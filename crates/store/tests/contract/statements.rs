//! Rules for the text of every statement.

use std::collections::BTreeSet;

use doorward_testkit::database::TestDatabase;

use crate::sources::{self, files};
use crate::support::Raw;

/// What looks past its app on purpose: whether a request exists that another app made.
const PAST_THE_APP: &str = "SELECT 1 FROM otp_requests WHERE id = $2 AND app_id <> $1";

on_both_engines_by_name!(every_statement_prepares);

fn statements(folder: &str) -> BTreeSet<String> {
    let found: BTreeSet<_> = files(folder)
        .iter()
        .flat_map(|file| sources::statements(&file.text))
        .collect();
    assert!(found.len() > 15, "{folder} holds statements");
    found
}

/// The scoping conditions that a statement has, and the tables that it touches: (name, alias).
fn scopes_and_tables(sql: &str) -> (BTreeSet<String>, Vec<(String, String)>) {
    let words: Vec<&str> = sql
        .split(|c: char| c.is_whitespace() || "(),".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let mut tables = Vec::new();
    let mut scopes = BTreeSet::new();
    for (index, &current) in words.iter().enumerate() {
        let after_do = index > 0 && word(index - 1) == "DO";
        if matches!(current, "FROM" | "JOIN" | "INTO") || (current == "UPDATE" && !after_do) {
            let (table, next) = (word(index + 1), word(index + 2));
            let alias = if next.len() == 1 { next } else { table };
            tables.push((table.to_owned(), alias.to_owned()));
        }
        if word(index + 1) == "="
            && (word(index + 2) == "$1" || word(index + 2).ends_with(".app_id"))
        {
            scopes.insert(current.to_owned());
        }
    }
    (scopes, tables)
}

/// Whether each table of a statement is cut down to the app.
fn is_scoped(sql: &str) -> bool {
    if let Some(rest) = sql.strip_prefix("INSERT INTO ") {
        return rest
            .split_once(" (")
            .is_some_and(|(_, columns)| columns.starts_with("app_id, "))
            && sql.contains("VALUES ($1, ")
            && !sql.contains("SELECT");
    }
    let (scopes, tables) = scopes_and_tables(sql);
    !tables.is_empty()
        && tables.iter().all(|(table, alias)| {
            let column = if table == "apps" { "id" } else { "app_id" };
            let qualified = scopes.contains(&format!("{alias}.{column}"));
            qualified || (table == alias && scopes.contains(column))
        })
}

#[test]
fn every_statement_of_an_app_names_the_app() {
    let all = statements("src/app");
    assert!(all.contains(PAST_THE_APP), "the exception is still in use");
    let unscoped: Vec<_> = all
        .iter()
        .filter(|sql| sql.as_str() != PAST_THE_APP && !is_scoped(sql))
        .collect();
    assert!(unscoped.is_empty(), "{unscoped:#?}");
}

#[test]
fn a_statement_that_forgets_the_app_is_noticed() {
    for good in [
        "SELECT a FROM users WHERE app_id = $1 AND id = $2",
        "SELECT 1 FROM apps WHERE id = $1",
        "UPDATE users SET a = $2 WHERE app_id = $1 AND EXISTS (SELECT 1 FROM apps a WHERE a.id = $1)",
        "SELECT 1 FROM sessions s JOIN users u ON u.app_id = s.app_id WHERE s.app_id = $1",
        "INSERT INTO users (app_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    ] {
        assert!(is_scoped(good), "{good}");
    }
    for bad in [
        "SELECT a FROM users WHERE id = $2",
        "SELECT a FROM users WHERE id = $1",
        "SELECT a FROM users WHERE app_id <> $1",
        "DELETE FROM users WHERE id = $2",
        "UPDATE users SET a = $2 WHERE app_id = $1 AND EXISTS (SELECT 1 FROM users o WHERE o.id = $2)",
        "SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.app_id = $1",
        "SELECT 1 FROM sessions s JOIN users u ON u.app_id = s.app_id WHERE u.id = $2",
        "INSERT INTO users (id, app_id) VALUES ($1, $2)",
    ] {
        assert!(!is_scoped(bad), "{bad}");
    }
}

/// Both engines understand every statement, and PostgreSQL infers for each parameter and column one
/// of the types that the port has.
async fn every_statement_prepares(db: TestDatabase) {
    let raw = Raw::open(&db).await;
    let mut problems = Vec::new();
    for sql in statements("src/app").union(&statements("src/platform")) {
        if let Err(problem) = raw.prepare(sql).await {
            problems.push(format!("{problem}: {sql}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
