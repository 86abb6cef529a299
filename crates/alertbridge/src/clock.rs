//! The one place that reads the system's clock.

use jiff::Timestamp;

/// Tells the time, so that tests can tell it themselves.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The system's clock as a function.
pub fn now() -> Timestamp {
    SystemClock.now()
}
