//! The equality report: both sides in one order, row by row.

use std::cmp::Ordering;
use std::collections::VecDeque;

use aws_lc_rs::digest;

use super::cell::encoded;
use super::{Cell, CopyError, End, Phase, Plan, Progress, Table, Tell};
use crate::error::StoreError;

/// Differences that are named, over all tables. The others are counted.
const NAMED: usize = 50;

/// What came out.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Whether both hold the same.
    pub equal: bool,
    /// Rows of the source.
    pub rows: u64,
    /// Each table.
    pub tables: Vec<TableReport>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// Tables of the source that are not Doorward's and were left alone.
    pub ignored: Vec<String>,
}

/// A table on both sides.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Whether both hold the same.
    pub equal: bool,
    /// Rows of the source.
    pub source_rows: u64,
    /// Rows of the target.
    pub target_rows: u64,
    /// SHA-256 of the source's rows in the order of their keys, in hexadecimal.
    pub source_digest: String,
    /// The same of the target's.
    pub target_digest: String,
    /// How many rows differ.
    pub differing: u64,
}

/// A row that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Its table.
    pub table: String,
    /// Its primary key.
    pub key: String,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The target lacks it.
    Missing,
    /// The source lacks it.
    Surplus,
    /// Both have it, with other values.
    Changed,
}

impl DifferenceKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Surplus => "surplus",
            Self::Changed => "changed",
        }
    }
}

/// Compares all tables.
pub(super) fn compare(
    source: &mut dyn End,
    target: &mut dyn End,
    plan: &Plan,
    ignored: Vec<String>,
    tell: &mut Tell,
) -> Result<Report, CopyError> {
    let mut total = 0;
    for table in &plan.tables {
        total += source.count(table)?;
    }
    let mut report = Report {
        equal: true,
        rows: total,
        tables: Vec::new(),
        differences: Vec::new(),
        ignored,
    };
    let mut done = 0;
    for table in &plan.tables {
        let mut told = |rows| {
            tell(Progress {
                phase: Phase::Comparing,
                done: done + rows,
                total,
                table: table.name.clone(),
            });
        };
        let compared = one_table(source, target, table, &mut report.differences, &mut told)?;
        done += compared.source_rows;
        report.equal &= compared.equal;
        report.tables.push(compared);
    }
    Ok(report)
}

/// A key and its row.
type Keyed = (Vec<Cell>, Vec<Cell>);

/// The rows of a table, in order, a page at a time.
struct Rows<'a> {
    end: &'a mut dyn End,
    table: &'a Table,
    waiting: VecDeque<Vec<Cell>>,
    after: Option<Vec<Cell>>,
    digest: digest::Context,
    rows: u64,
}

impl<'a> Rows<'a> {
    fn of(end: &'a mut dyn End, table: &'a Table) -> Self {
        Self {
            end,
            table,
            waiting: VecDeque::new(),
            after: None,
            digest: digest::Context::new(&digest::SHA256),
            rows: 0,
        }
    }

    /// The next row and its key.
    fn next(&mut self) -> Result<Option<Keyed>, StoreError> {
        if self.waiting.is_empty() {
            self.waiting = self.end.page(self.table, self.after.as_deref())?.into();
            if let Some(last) = self.waiting.back() {
                self.after = Some(self.table.key_of(last));
            }
        }
        let Some(row) = self.waiting.pop_front() else {
            return Ok(None);
        };
        self.digest.update(&encoded(&row));
        self.rows += 1;
        Ok(Some((self.table.key_of(&row), row)))
    }

    fn hex(self) -> String {
        let digest = self.digest.finish();
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn one_table(
    source: &mut dyn End,
    target: &mut dyn End,
    table: &Table,
    named: &mut Vec<Difference>,
    told: &mut dyn FnMut(u64),
) -> Result<TableReport, CopyError> {
    let (mut here, mut there) = (Rows::of(source, table), Rows::of(target, table));
    let mut differing = 0;
    let mut differs = |key: &[Cell], kind| {
        differing += 1;
        if named.len() < NAMED {
            let shown: Vec<_> = key.iter().map(Cell::shown).collect();
            named.push(Difference {
                table: table.name.clone(),
                key: shown.join("/"),
                kind,
            });
        }
    };
    told(0);
    let (mut left, mut right) = (here.next()?, there.next()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        match order {
            Ordering::Less => {
                if let Some((key, _)) = &left {
                    differs(key, DifferenceKind::Missing);
                }
                left = here.next()?;
            }
            Ordering::Greater => {
                if let Some((key, _)) = &right {
                    differs(key, DifferenceKind::Surplus);
                }
                right = there.next()?;
            }
            Ordering::Equal => {
                if left != right
                    && let Some((key, _)) = &left
                {
                    differs(key, DifferenceKind::Changed);
                }
                (left, right) = (here.next()?, there.next()?);
            }
        }
        if here.rows.is_multiple_of(super::PAGE as u64) {
            told(here.rows);
        }
    }
    let (source_rows, target_rows) = (here.rows, there.rows);
    let (source_digest, target_digest) = (here.hex(), there.hex());
    Ok(TableReport {
        table: table.name.clone(),
        // Both, so that neither a mistake here nor one there goes unnoticed.
        equal: differing == 0 && source_digest == target_digest,
        source_rows,
        target_rows,
        source_digest,
        target_digest,
        differing,
    })
}
