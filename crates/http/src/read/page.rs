//! Pages of a list: `?limit=&cursor=` in, `{ items, next_cursor }` out.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::Fields;
use super::fields::uuid;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 100;

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<Id> {
    /// At most so many items.
    limit: u32,
    /// Where the former page ended.
    pub(crate) cursor: Option<Id>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paged<T> {
    /// The items, in order.
    items: Vec<T>,
    /// Give it as `cursor` to get the next page; null when this is the last.
    next_cursor: Option<String>,
}

impl<T> Paged<T> {
    /// A page whose end is known.
    pub(crate) fn new(items: Vec<T>, next: Option<impl ToString>) -> Self {
        Self {
            items,
            next_cursor: next.map(|next| next.to_string()),
        }
    }

    /// The items, and where the next page begins: for answers that hold more than the list.
    pub(crate) fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.next_cursor)
    }
}

impl<Id> Page<Id> {
    /// Reads both parameters.
    pub(crate) fn read(fields: &mut Fields) -> Option<Self>
    where
        Id: FromStr,
    {
        Self::read_with(fields, uuid::<Id>)
    }

    /// Reads both parameters, where a cursor is no id.
    pub(crate) fn read_with<E: Into<Cow<'static, str>>>(
        fields: &mut Fields,
        parse: impl FnOnce(&str) -> Result<Id, E>,
    ) -> Option<Self> {
        let limit = fields.optional("limit", limit);
        let cursor = fields.optional("cursor", parse);
        Some(Self {
            limit: limit?.unwrap_or(LIMIT_DEFAULT),
            cursor: cursor?,
        })
    }
}

fn limit(text: &str) -> Result<u32, &'static str> {
    match text.parse::<u32>() {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        _ => Err("Must be a whole number from 1 to 100"),
    }
}

impl<Id> Page<Id> {
    /// Reads both from a body, where the limit is a number.
    pub(crate) fn read_body(fields: &mut Fields) -> Option<Self>
    where
        Id: FromStr,
    {
        Self::read_body_with(fields, uuid::<Id>)
    }

    /// Reads both from a body, where a cursor is no id.
    pub(crate) fn read_body_with<E: Into<Cow<'static, str>>>(
        fields: &mut Fields,
        parse: impl FnOnce(&str) -> Result<Id, E>,
    ) -> Option<Self> {
        let limit = fields.optional_int("limit", 1..=i64::from(LIMIT_MAX));
        let cursor = fields.optional("cursor", parse);
        let limit = limit?.and_then(|limit| u32::try_from(limit).ok());
        Some(Self {
            limit: limit.unwrap_or(LIMIT_DEFAULT),
            cursor: cursor?,
        })
    }
}

impl<Id: ToString> Page<Id> {
    /// At most so many items, for a use case that says itself where the next page begins.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// What to ask the use case for: one more than fits tells whether there is a next page.
    pub(crate) const fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// Makes the page of what was fetched.
    pub(crate) fn of<R, T>(
        &self,
        mut fetched: Vec<R>,
        id: impl Fn(&R) -> Id,
        view: impl Fn(R) -> T,
    ) -> Paged<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        let next_cursor = fetched
            .last()
            .filter(|_| more)
            .map(|last| id(last).to_string());
        Paged {
            items: fetched.into_iter().map(view).collect(),
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_cursor_is_there_while_there_is_more() {
        let page = Page::<Uuid> {
            limit: 2,
            cursor: None,
        };
        let id = |n: &u128| Uuid::from_u128(*n);
        let first = page.of(vec![1, 2, 3], id, |n| n);
        assert_eq!(
            (first.items, first.next_cursor),
            (vec![1, 2], Some(Uuid::from_u128(2).to_string()))
        );
        let last = page.of(vec![3, 4], id, |n| n);
        assert_eq!((last.items, last.next_cursor), (vec![3, 4], None));
    }
}
