//! Lists of the command line: page after page of a use case, up to `--limit`, and where to go on.

use std::fmt::Display;

use serde::Serialize;

use crate::Outcome;
use crate::failure::Failure;
use crate::output::{self, Report};

/// Most that one question to a use case asks for.
const PAGE: u32 = 100;

/// All that `page` gives behind `from`, but at most `limit`, and where it goes on if there is more. The
/// page is told where the former one ended and how much there is room for; it gives its items, and where
/// it ended unless nothing is left.
///
/// # Errors
/// Those of `page`.
pub(super) async fn gather<T, Cursor>(
    limit: u32,
    from: Option<Cursor>,
    mut page: impl AsyncFnMut(Option<Cursor>, u32) -> Outcome<(Vec<T>, Option<Cursor>)>,
) -> Outcome<(Vec<T>, Option<Cursor>)> {
    let mut items: Vec<T> = Vec::new();
    let mut after = from;
    loop {
        let room = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if room == 0 {
            return Ok((items, after));
        }
        let (found, next) = page(after, room.min(PAGE)).await?;
        items.extend(found);
        if next.is_none() {
            return Ok((items, None));
        }
        after = next;
    }
}

/// How many to ask of a use case that says nothing of its end: one more than there is room for.
pub(super) const fn one_more(room: u32) -> u32 {
    room.saturating_add(1)
}

/// What came of [`one_more`]: the page without the one more, and where it ended if there was one.
pub(super) fn ended_by_last<T, Cursor>(
    mut page: Vec<T>,
    room: u32,
    place: impl Fn(&T) -> Cursor,
) -> (Vec<T>, Option<Cursor>) {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let more = page.len() > room;
    page.truncate(room);
    let next = page.last().filter(|_| more).map(place);
    (page, next)
}

/// Where a former page ended, as `--cursor` says it.
///
/// # Errors
/// When `read` finds that it is no such place.
pub(super) fn cursor<Cursor, E>(
    text: Option<&str>,
    read: impl FnOnce(&str) -> Result<Cursor, E>,
) -> Outcome<Option<Cursor>> {
    text.map(read).transpose().map_err(|_| {
        Failure::usage("--cursor: Must be the next_cursor of a former page of the same list.")
    })
}

/// A list, and where it goes on.
#[derive(Serialize)]
struct Page<L> {
    #[serde(flatten)]
    list: L,
    next_cursor: Option<String>,
}

impl<L: Report> Report for Page<L> {
    fn human(&self) -> String {
        self.list.human()
    }
}

/// Prints a list. Whoever reads hears beside it that there is more.
pub(super) fn print(json: bool, list: impl Report, next: Option<impl Display>) -> Outcome {
    let next_cursor = next.map(|next| next.to_string());
    let more = next_cursor.as_ref().filter(|_| !json);
    let more = more.map(|next| format!("There are more: --cursor {next}"));
    output::report(json, &Page { list, next_cursor })?;
    if let Some(more) = more {
        output::note(&more);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_read_until_there_is_enough_or_no_more() {
        for (limit, calls, expected) in [
            (0, 0, 0),
            (1, 1, 1),
            (100, 1, 100),
            (150, 2, 150),
            (300, 3, 300),
            (999, 3, 300),
        ] {
            let mut asked = Vec::new();
            let found = gather(limit, None, async |after: Option<u32>, room| {
                asked.push((after, room));
                let first = after.map_or(0, |after| after + 1);
                let page: Vec<u32> = (first..300.min(first + one_more(room))).collect();
                Ok(ended_by_last(page, room, |last| *last))
            });
            let (found, next) = found.await.unwrap_or_default();
            assert_eq!(
                next,
                (1..300).contains(&expected).then(|| expected - 1),
                "{limit}"
            );
            assert_eq!(found, (0..expected).collect::<Vec<_>>(), "{limit}");
            assert_eq!(asked.len(), calls, "{limit}: {asked:?}");
        }
    }
}
