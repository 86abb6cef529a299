//! Times on the command line: a point in time, or how far from now.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A time, or a span from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A time.
    At(Timestamp),
    /// So far from now.
    Span(SignedDuration),
}

impl When {
    /// The time it stands for, a span counted back.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Span(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
        }
    }

    /// The time it stands for, a span counted ahead.
    pub fn after(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Span(span) => now.checked_add(span).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Reads either.
pub fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse() {
        return Ok(When::At(at));
    }
    span(text).map(When::Span).map_err(|_| {
        format!("{text:?} is no span such as 24h or 7d and no time such as 2026-11-20T00:00:00Z")
    })
}

/// Reads a span. Days are 24 hours and weeks are 7 of them here; months are left to calendars.
pub fn span(text: &str) -> Result<SignedDuration, String> {
    let says = |_| format!("{text:?} is no span such as 30m, 24h or 7d");
    text.parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .ok()
        .filter(|span| !span.is_negative())
        .ok_or(())
        .map_err(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_read() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |text: &str| when(text).map(|when| when.before(now).to_string());
        assert_eq!(at("24h").as_deref(), Ok("2026-11-20T12:00:00Z"));
        assert_eq!(at("7d").as_deref(), Ok("2026-11-14T12:00:00Z"));
        assert_eq!(at("2w 1d").as_deref(), Ok("2026-11-06T12:00:00Z"));
        assert_eq!(at("1 day 2 hours").as_deref(), Ok("2026-11-20T10:00:00Z"));
        assert_eq!(at("90m").as_deref(), Ok("2026-11-21T10:30:00Z"));
        assert_eq!(
            at("2026-11-01T00:00:00Z").as_deref(),
            Ok("2026-11-01T00:00:00Z")
        );
        assert_eq!(
            at("2026-11-01T01:00:00+01:00").as_deref(),
            Ok("2026-11-01T00:00:00Z")
        );
        assert!(at("yesterday").is_err());
        assert!(at("-5h").is_err());
        assert!(at("5h ago").is_err());
        assert!(at("1mo").is_err(), "which month?");
        assert!(at("99999999999999999d").is_err());
    }

    #[test]
    fn a_span_counts_ahead_for_what_is_to_come_and_never_leaves_the_calendar() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |text: &str| when(text).map(|when| when.after(now).to_string());
        assert_eq!(at("2h").as_deref(), Ok("2026-11-21T14:00:00Z"));
        let long = when("7000y").or_else(|_| when("2500000d")).unwrap();
        assert_eq!(long.after(Timestamp::MAX), Timestamp::MAX);
        assert_eq!(long.before(Timestamp::MIN), Timestamp::MIN);
    }
}
