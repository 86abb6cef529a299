//! The one place of this crate that reads the wall clock.
//!
//! The sandbox plays another machine, so it has a clock of its own; its callers never pass time in.

use jiff::Timestamp;

/// The current time of the pretended server.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox stands for a foreign server, which has its own clock"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Seconds since 1970 with six decimals, as IRIS keys its modification history.
pub(crate) fn history_key(at: Timestamp) -> String {
    let micros = at.as_microsecond();
    format!(
        "{}.{:06}",
        micros.div_euclid(1_000_000),
        micros.rem_euclid(1_000_000)
    )
}
