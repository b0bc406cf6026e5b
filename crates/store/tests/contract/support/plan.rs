//! Query plans, as far as the tests look into them.

use std::collections::BTreeMap;

use rusqlite::params_from_iter;
use rusqlite::types::Null;

use super::raw::Raw;

/// A step of a plan: how one table is read, or that rows are sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    /// Empty where no table is read.
    pub(crate) table: String,
    /// The index it is read by; none means all of it.
    pub(crate) index: Option<String>,
    /// What the index narrows the rows down by.
    pub(crate) columns: Vec<String>,
    /// Rows are brought into another order, all of them.
    pub(crate) sorts: bool,
}

impl Raw {
    /// How a statement would be run.
    pub(crate) async fn plan(&self, sql: &str) -> Vec<Step> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                    .expect("it prepares");
                let parameters = statement.parameter_count();
                let lines: Vec<String> = statement
                    .query_map(params_from_iter(vec![Null; parameters]), |row| row.get(3))
                    .expect("it explains")
                    .map(|line| line.expect("a line"))
                    .collect();
                let aliases = aliases(sql);
                lines.iter().map(|line| of_sqlite(line, &aliases)).collect()
            }
            Self::Postgres(client) => {
                let parameters = client
                    .prepare(sql)
                    .await
                    .expect("it prepares")
                    .params()
                    .len();
                let nulls = vec!["NULL"; parameters].join(", ");
                let arguments = if nulls.is_empty() {
                    nulls
                } else {
                    format!("({nulls})")
                };
                client
                    .batch_execute(&format!(
                        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                         SET enable_bitmapscan = off; DEALLOCATE ALL; PREPARE planned AS {sql}"
                    ))
                    .await
                    .expect("it prepares by name");
                let answer = client
                    .simple_query(&format!(
                        "EXPLAIN (COSTS OFF, FORMAT JSON) EXECUTE planned{arguments}"
                    ))
                    .await
                    .expect("it explains");
                let text: String = answer
                    .iter()
                    .filter_map(|message| match message {
                        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                        _ => None,
                    })
                    .collect();
                let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let mut steps = Vec::new();
                of_postgres(&plan[0]["Plan"], &mut steps);
                steps
            }
        }
    }
}

/// The tables of a statement by the names it gives them.
fn aliases(sql: &str) -> BTreeMap<&str, &str> {
    let words: Vec<&str> = sql
        .split(|c: char| c.is_whitespace() || "(),".contains(c))
        .filter(|word| !word.is_empty())
        .chain([""])
        .collect();
    words
        .windows(3)
        .filter(|three| matches!(three[0], "FROM" | "JOIN" | "UPDATE"))
        .filter(|three| !sql.contains(&format!("WITH RECURSIVE {} ", three[1])))
        .map(|three| {
            if three[2].len() == 1 {
                (three[2], three[1])
            } else {
                (three[1], three[1])
            }
        })
        .collect()
}

/// `SEARCH u USING INDEX users_email (app_id=? AND email_canonical>?)`, `SCAN users`, `USE TEMP
/// B-TREE FOR ORDER BY`.
fn of_sqlite(line: &str, aliases: &BTreeMap<&str, &str>) -> Step {
    let words: Vec<&str> = line.split_whitespace().collect();
    let table = |name: &str| aliases.get(name).copied().unwrap_or(name).to_owned();
    match words.as_slice() {
        ["USE", "TEMP", "B-TREE", ..] => Step {
            sorts: true,
            ..Step::default()
        },
        ["SCAN", "CONSTANT", ..] => Step::default(),
        [verb @ ("SEARCH" | "SCAN"), name, rest @ ..] => {
            // A subquery or a common table expression is no table: its own steps tell.
            if name.starts_with('(') || !aliases.contains_key(name) {
                return Step::default();
            }
            let index = rest
                .iter()
                .skip_while(|word| **word != "INDEX")
                .nth(1)
                .map(|index| (*index).to_owned())
                .or_else(|| {
                    line.contains("INTEGER PRIMARY KEY")
                        .then(|| "rowid".to_owned())
                });
            let columns = line
                .split_once('(')
                .map(|(_, rest)| rest.trim_end_matches(')'))
                .filter(|_| *verb == "SEARCH")
                .map(|conditions| conditions.split(" AND ").map(column).collect())
                .unwrap_or_default();
            Step {
                table: table(name),
                index,
                columns,
                sorts: false,
            }
        }
        _ => Step::default(),
    }
}

fn column(condition: &str) -> String {
    let condition = condition.trim_start_matches('(');
    let end = condition
        .find(['=', '>', '<', ' ', ')'])
        .unwrap_or(condition.len());
    condition[..end].to_owned()
}

fn of_postgres(plan: &serde_json::Value, steps: &mut Vec<Step>) {
    let text = |key: &str| plan[key].as_str().unwrap_or_default().to_owned();
    let kind = text("Node Type");
    if kind.contains("Sort") {
        steps.push(Step {
            sorts: true,
            ..Step::default()
        });
    }
    if kind.ends_with("Scan") && plan["Relation Name"].is_string() {
        let conditions = text("Index Cond");
        steps.push(Step {
            table: text("Relation Name"),
            index: plan["Index Name"].as_str().map(ToOwned::to_owned),
            columns: conditions
                .split(" AND ")
                .filter(|condition| !condition.is_empty())
                .map(|condition| column(condition.trim_start_matches('(')))
                .collect(),
            sorts: false,
        });
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        of_postgres(child, steps);
    }
}
