//! What commands print: JSON for programs, labels and tables for people.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::failure::Failure;

/// A result that can be shown both ways.
pub(crate) trait Report: Serialize {
    /// For people, ending with a line feed.
    fn human(&self) -> String;
}

/// It was done; the text says what comes of it.
pub(crate) struct Done(pub(crate) &'static str);

impl Serialize for Done {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Success {
            success: bool,
        }
        Success { success: true }.serialize(serializer)
    }
}

impl Report for Done {
    fn human(&self) -> String {
        format!("{}\n", self.0)
    }
}

/// Prints a result.
pub(crate) fn report(json: bool, result: &impl Report) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(result)
            .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))?;
        text_out(&format!("{text}\n"))
    } else {
        text_out(&result.human())
    }
}

/// Prints text as it is. A reader that went away (`doorward … | head`) is no error.
pub(crate) fn text_out(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(
            "OUTPUT",
            format!("cannot print the result: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Tells why a command failed, on stderr.
pub(crate) fn failure(json: bool, failure: &Failure) {
    let text = if json {
        serde_json::to_string(failure).unwrap_or_else(|_| failure.human())
    } else {
        failure.human()
    };
    note(&text);
}

/// A line on stderr. There is nothing to do about a stderr that cannot be written to.
pub(crate) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Says on stderr what was done although it should not have been.
pub(crate) fn warning(json: bool, text: &str) {
    match json {
        true => note(&serde_json::json!({ "warning": text }).to_string()),
        false => note(&format!("warning: {text}")),
    }
}

/// Labels and values, one per line, values aligned.
pub(crate) fn labels(pairs: &[(&str, String)]) -> String {
    let width = pairs
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0);
    pairs
        .iter()
        .map(|(label, value)| format!("{label:width$}  {value}\n"))
        .collect()
}

/// Columns under headings, aligned, without trailing spaces.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<_> = rows.iter().map(<[String; N]>::as_slice).collect();
    columns(&headings, &rows)
}

/// The same, where the number of columns is known late.
pub(crate) fn columns(headings: &[&str], rows: &[&[String]]) -> String {
    let mut widths: Vec<_> = headings.iter().map(|heading| heading.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(*row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        format!("{}\n", line.trim_end())
    };
    let headings: Vec<_> = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    let mut out = line(&headings);
    out.extend(rows.iter().map(|row| line(row)));
    out
}

/// A point in time for a table: without its milliseconds.
pub(crate) fn seconds(iso: &str) -> String {
    match iso.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => iso.to_owned(),
    }
}

/// Text for a table: at most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_in_tables() {
        assert_eq!(seconds("2026-11-22T21:55:04.123Z"), "2026-11-22T21:55:04Z");
        assert_eq!(
            (cut("Mozilla", 7), cut("Mozilla/5", 7)),
            ("Mozilla".into(), "Mozill…".into())
        );
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [
            ["a".to_owned(), "long cell".to_owned()],
            ["bcd".to_owned(), String::new()],
        ];
        assert_eq!(table(["X", "Y"], &rows), "X    Y\na    long cell\nbcd\n");
        assert_eq!(
            labels(&[("a", "1".into()), ("bcd", "2".into())]),
            "a    1\nbcd  2\n"
        );
    }
}
