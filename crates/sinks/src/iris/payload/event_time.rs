//! The event's time.
//!
//! IRIS's column has no zone, and PostgreSQL converts a value with an offset into its session's zone, while the page prints
//! "UTC" (facts/iris.md §3, LIVE). So we convert to UTC and send it without an offset.

use jiff::{Timestamp, tz::TimeZone};

use crate::iris::safe_text::Changes;

/// When the event happened: the alert's own time (`2026-11-21T08:26:17.096+0000`), else when it was received.
pub(crate) fn event_time(
    timestamp: Option<&str>,
    received_at: Timestamp,
    changes: &mut Changes,
) -> Timestamp {
    let written = timestamp.and_then(|text| text.trim().parse::<Timestamp>().ok());
    // IRIS refuses years before 1; nothing of that age comes from a working clock.
    match written.filter(|time| *time >= Timestamp::UNIX_EPOCH) {
        Some(time) => time,
        None => {
            changes.add("event_time_replaced");
            received_at
        }
    }
}

/// As IRIS takes it: UTC, microseconds, no offset.
pub(crate) fn naive_utc(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S%.6f")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_time_becomes_naive_utc_and_a_missing_one_is_counted() {
        let received: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        for (written, expected) in [
            (
                Some("2026-11-21T08:26:17.096+0000"),
                "2026-11-21T08:26:17.096000",
            ),
            (
                Some("2026-11-21T09:26:17.096123456+0100"),
                "2026-11-21T08:26:17.096123",
            ),
            (Some("2026-11-21T08:26:17Z"), "2026-11-21T08:26:17.000000"),
            (Some("yesterday"), "2026-11-21T09:00:00.000000"),
            (
                Some("-000044-03-15T08:00:00Z"),
                "2026-11-21T09:00:00.000000",
            ),
            (None, "2026-11-21T09:00:00.000000"),
        ] {
            let mut changes = Changes::default();
            let time = event_time(written, received, &mut changes);
            assert_eq!(naive_utc(time), expected, "{written:?}");
            assert_eq!(changes.list().is_empty(), time != received, "{written:?}");
        }
    }
}
