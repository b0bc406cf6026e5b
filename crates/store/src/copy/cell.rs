//! A value in the form that both engines share: what the digest is made of.

/// A value. A truth value is 0 or 1, a time its microseconds since 1970, a UUID its 16 bytes: what
/// SQLite stores anyway. The order is that of both engines for one kind of value, text by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Shows no value: most of them are nobody's business.
impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Cell {
    /// Its kind, its length and itself: two different rows never give the same bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut counted = |kind: u8, bytes: &[u8]| {
            out.push(kind);
            out.extend(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            out.extend(bytes);
        };
        match self {
            Self::Null => counted(0, &[]),
            Self::Int(value) => counted(1, &value.to_be_bytes()),
            Self::Text(value) => counted(2, value.as_bytes()),
            Self::Bytes(value) => counted(3, value),
        }
    }

    /// How many bytes it holds.
    pub(crate) const fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Int(_) => 8,
            Self::Text(value) => value.len(),
            Self::Bytes(value) => value.len(),
        }
    }

    /// Reads what [`Cell::encode`] wrote; `None` when it did not.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        *bytes = rest;
        Some(match kind {
            0 => Self::Null,
            1 => Self::Int(i64::from_be_bytes(value.try_into().ok()?)),
            2 => Self::Text(String::from_utf8(value.to_vec()).ok()?),
            3 => Self::Bytes(value.to_vec()),
            _ => return None,
        })
    }

    /// For people; asked of keys only.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Bytes(value) => match uuid::Uuid::from_slice(value) {
                Ok(id) => id.to_string(),
                Err(_) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
        }
    }
}

/// The bytes of several, for the note of how far a copy has come.
pub(crate) fn encoded(cells: &[Cell]) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in cells {
        cell.encode(&mut out);
    }
    out
}

/// The values of such bytes.
pub(crate) fn decoded(mut bytes: &[u8]) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    while !bytes.is_empty() {
        cells.push(Cell::decode(&mut bytes)?);
    }
    Some(cells)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Int),
            any::<String>().prop_map(Cell::Text),
            any::<Vec<u8>>().prop_map(Cell::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(cells in prop::collection::vec(cell(), 0..6)) {
            prop_assert!(decoded(&encoded(&cells)) == Some(cells));
        }

        #[test]
        fn garbage_does_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = decoded(&bytes);
        }
    }

    #[test]
    fn no_two_rows_look_alike() {
        let rows = [
            vec![Cell::Text("a".into()), Cell::Text("b".into())],
            vec![Cell::Text("ab".into()), Cell::Text(String::new())],
            vec![Cell::Bytes(b"a".to_vec()), Cell::Text("b".into())],
            vec![Cell::Null, Cell::Text("ab".into())],
            vec![Cell::Int(0), Cell::Null],
        ];
        let all: std::collections::BTreeSet<_> = rows.iter().map(|row| encoded(row)).collect();
        assert_eq!(all.len(), rows.len());
    }
}
