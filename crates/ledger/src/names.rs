//! Names all ledgers give the same way: a dead letter's id, and the reference of an alert whose own is taken.

use std::fmt;

use crate::Arrival;

/// What `m17` and `d42` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetterId {
    /// A dead delivery.
    Delivery(i64),
    /// What was no alert.
    Malformed(i64),
}

impl LetterId {
    /// Reads an id; `None` for anything else.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (kind, number) = id.split_at_checked(1)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = number.parse().ok()?;
        match kind {
            "d" => Some(Self::Delivery(number)),
            "m" => Some(Self::Malformed(number)),
            _ => None,
        }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery(number) => write!(formatter, "d{number}"),
            Self::Malformed(number) => write!(formatter, "m{number}"),
        }
    }
}

/// The reference to try when both of an alert's own are taken by others: with the whole fingerprint, then numbered.
pub(crate) fn further_reference(arrival: &Arrival, attempt: u32) -> String {
    let fingerprint = u128::from_be_bytes(arrival.fingerprint);
    match attempt {
        ..=2 => format!("{}#{fingerprint:032x}", arrival.reference),
        _ => format!("{}#{fingerprint:032x}.{attempt}", arrival.reference),
    }
}
