//! Time and the end, as they are handed to a provider.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

/// Tells the time. The program hands in the system's, a test its own.
///
/// ```
/// use alertbridge_intel::provider::Clock;
/// use jiff::Timestamp;
///
/// let clock = Clock::new(|| Timestamp::UNIX_EPOCH);
/// assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// Tells a provider to stop: when the channel says `true`, or when its sender is gone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Stops when the channel says so.
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Returns when it is time to stop.
    pub async fn wait(&mut self) {
        // A sender that is gone says the same.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
