//! Lists of the command line: page after page of a use case, up to `--limit`.

use crate::Outcome;

/// Most that one question to a use case asks for.
const PAGE: u32 = 100;

/// All that `page` gives, but at most `limit`. It is told where the former page ended and how much there
/// is room for; it gives a page, and where that one ended unless nothing is left.
///
/// # Errors
/// Those of `page`.
pub(super) async fn gather<T, Cursor>(
    limit: u32,
    mut page: impl AsyncFnMut(Option<Cursor>, u32) -> Outcome<(Vec<T>, Option<Cursor>)>,
) -> Outcome<Vec<T>> {
    let mut items: Vec<T> = Vec::new();
    let mut after = None;
    loop {
        let room = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if room == 0 {
            return Ok(items);
        }
        let (found, next) = page(after, room.min(PAGE)).await?;
        items.extend(found);
        if next.is_none() {
            return Ok(items);
        }
        after = next;
    }
}

/// A page of a use case that says nothing of its end: a full one may have a next.
pub(super) fn ended_by_last<T, Cursor>(
    page: Vec<T>,
    room: u32,
    place: impl Fn(&T) -> Cursor,
) -> (Vec<T>, Option<Cursor>) {
    let full = page.len() >= usize::try_from(room).unwrap_or(usize::MAX);
    let next = page.last().filter(|_| full).map(place);
    (page, next)
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
            (999, 4, 300),
        ] {
            let mut asked = Vec::new();
            let found = gather(limit, async |after: Option<u32>, room| {
                asked.push((after, room));
                let first = after.map_or(0, |after| after + 1);
                let page: Vec<u32> = (first..300.min(first + room)).collect();
                Ok(ended_by_last(page, room, |last| *last))
            });
            let found = found.await.unwrap_or_default();
            assert_eq!(found, (0..expected).collect::<Vec<_>>(), "{limit}");
            assert_eq!(asked.len(), calls, "{limit}: {asked:?}");
        }
    }
}
