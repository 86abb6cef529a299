//! Orders, cursors and pages.
//!
//! Invariants (facts §2.4): a cursor is base64 of JSON, the sort value and the STIX id, so it outlives a
//! restart; ties are broken by the STIX id; what has no value comes last in either direction; more than the
//! maximum is silently cut to it, and `hasNextPage` is whether as many came as were asked for, so a cut page
//! says that there is nothing more.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A value things are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SortKey {
    Null,
    Number(i64),
    Text(String),
}

impl SortKey {
    pub(crate) fn of_number(number: Option<i64>) -> SortKey {
        number.map_or(SortKey::Null, SortKey::Number)
    }

    pub(crate) fn of_text(text: Option<&str>) -> SortKey {
        text.map_or(SortKey::Null, |text| SortKey::Text(text.to_lowercase()))
    }

    pub(crate) fn of_time(time: Option<Timestamp>) -> SortKey {
        time.map_or(SortKey::Null, |time| SortKey::Number(time.as_millisecond()))
    }
}

/// Where something stands in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: SortKey,
    pub(crate) standard_id: String,
}

impl Place {
    pub(crate) fn compare(&self, other: &Place, descending: bool) -> Ordering {
        let directed = |ordering: Ordering| {
            if descending {
                ordering.reverse()
            } else {
                ordering
            }
        };
        let by_key = match (&self.key, &other.key) {
            (SortKey::Number(a), SortKey::Number(b)) => directed(a.cmp(b)),
            (SortKey::Text(a), SortKey::Text(b)) => directed(a.cmp(b)),
            (SortKey::Null, SortKey::Null) => Ordering::Equal,
            (SortKey::Null, _) => Ordering::Greater,
            (_, SortKey::Null) => Ordering::Less,
            // A cursor from another order: the server does not notice either.
            (SortKey::Number(_), SortKey::Text(_)) => Ordering::Less,
            (SortKey::Text(_), SortKey::Number(_)) => Ordering::Greater,
        };
        by_key.then_with(|| self.standard_id.cmp(&other.standard_id))
    }

    pub(crate) fn cursor(&self) -> String {
        let key = match &self.key {
            SortKey::Null => Value::Null,
            SortKey::Number(number) => json!(number),
            SortKey::Text(text) => json!(text),
        };
        STANDARD.encode(json!([key, self.standard_id]).to_string())
    }

    pub(crate) fn of_cursor(cursor: &str) -> Option<Place> {
        let bytes = STANDARD.decode(cursor).ok()?;
        let (key, standard_id): (Value, String) = serde_json::from_slice(&bytes).ok()?;
        let key = match key {
            Value::Null => SortKey::Null,
            Value::Number(number) => SortKey::Number(number.as_i64()?),
            Value::String(text) => SortKey::Text(text),
            _ => return None,
        };
        Some(Place { key, standard_id })
    }
}

/// The paging arguments of a query.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// As asked for; the default is 500.
    pub(crate) first: usize,
    pub(crate) after: Option<Place>,
    pub(crate) order: String,
    pub(crate) descending: bool,
}

/// A page of things with their places.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<(Place, T)>,
    pub(crate) has_next: bool,
    pub(crate) has_previous: bool,
}

impl<T> Page<T> {
    /// Takes the page from rows that come in order and after the cursor.
    pub(crate) fn take(
        rows: impl Iterator<Item = (Place, T)>,
        wanted: &Wanted,
        maximum: usize,
    ) -> Page<T> {
        let rows: Vec<(Place, T)> = rows.take(wanted.first.min(maximum)).collect();
        Page {
            has_next: rows.len() == wanted.first,
            has_previous: wanted.after.is_some(),
            rows,
        }
    }

    /// Everything on one page.
    pub(crate) fn whole(rows: Vec<(Place, T)>) -> Page<T> {
        Page {
            rows,
            has_next: false,
            has_previous: false,
        }
    }
}

/// Sorts, and leaves out what stands before the cursor.
pub(crate) fn in_order<T>(mut rows: Vec<(Place, T)>, wanted: &Wanted) -> Vec<(Place, T)> {
    if let Some(after) = &wanted.after {
        rows.retain(|(place, _)| place.compare(after, wanted.descending).is_gt());
    }
    rows.sort_by(|(a, _), (b, _)| a.compare(b, wanted.descending));
    rows
}
