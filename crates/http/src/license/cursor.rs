//! Where a page of licences ended, as it is written.

use std::fmt;

use doorward_service::licenses::{LicenseFilter, LicensePlace};

use crate::read::{hex, unhex, uuid};

/// Longest label, in bytes.
const LABEL_MAX: usize = 4 * 200;

/// The licence's id; of a list by label the label's bytes in hexadecimal, a dot and the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseCursor(pub LicensePlace);

impl LicenseCursor {
    /// Reads one of the list that is asked for; where that is not known, of either.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, filter: Option<&LicenseFilter>) -> Result<Self, &'static str> {
        const WRONG: &str = "Must be the next_cursor of a former page of the same search";
        let place = match text.split_once('.') {
            None => uuid(text).map(LicensePlace::Id).map_err(|_| WRONG)?,
            Some((label, id)) => {
                let label = unhex(label, LABEL_MAX).ok_or(WRONG)?;
                LicensePlace::Label(label, uuid(id).map_err(|_| WRONG)?)
            }
        };
        let is_by_label = matches!(place, LicensePlace::Label(..));
        match filter {
            Some(filter) if filter.is_by_label() != is_by_label => Err(WRONG),
            _ => Ok(Self(place)),
        }
    }
}

impl fmt::Display for LicenseCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LicensePlace::Id(id) => write!(f, "{id}"),
            LicensePlace::Label(label, id) => write!(f, "{}.{id}", hex(label)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_order() {
        let id = "01890000-0000-7000-8000-000000000000";
        let by_label = LicenseFilter {
            label_prefix: Some("Order".to_owned()),
            ..LicenseFilter::default()
        };
        let newest = LicenseFilter::default();
        let labelled = format!("4f7264657220c384.{id}");
        for (text, right, wrong) in [
            (id, &newest, &by_label),
            (labelled.as_str(), &by_label, &newest),
        ] {
            let read = LicenseCursor::read(text, Some(right)).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(LicenseCursor::read(text, None).unwrap(), read);
            assert!(LicenseCursor::read(text, Some(wrong)).is_err());
        }
        for bad in [
            "",
            "x",
            ".",
            "4f.x",
            "4.01890000-0000-7000-8000-000000000000",
        ] {
            assert!(LicenseCursor::read(bad, None).is_err(), "{bad}");
        }
    }
}
