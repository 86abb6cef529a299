//! Times as the database keeps them: milliseconds and hours since 1970 UTC.

use jiff::Timestamp;

const HOUR: i64 = 3_600_000;

/// Milliseconds of a time, cut towards the past.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_nanosecond().div_euclid(1_000_000) as i64
}

/// The hour a time in milliseconds lies in.
pub(super) fn hour_of(millis: i64) -> i64 {
    millis.div_euclid(HOUR)
}

/// A time from milliseconds; what lies outside of the calendar (a damaged row) becomes 1970.
pub(super) fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// The start of an hour.
pub(super) fn hour_start(hour: i64) -> Timestamp {
    timestamp(hour.saturating_mul(HOUR))
}
