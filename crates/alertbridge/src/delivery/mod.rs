//! Delivers what the ledger holds for one sink.
//!
//! One loop owns all state and takes events in turn: deliveries claimed from the ledger, attempts that ended, time, new
//! alerts, the end of the program. Attempts run beside each other, but of one agent only one at a time, so that an agent's
//! alerts arrive in order unless one is being retried.
//!
//! What keeps the promise:
//! - a delivery is claimed durably before it is sent, so a crash leaves a doubt, and a doubt is looked up before sending again;
//! - what came of it is settled in the ledger; a crash before that is such a doubt;
//! - nothing is given up but by a sink's `Never`, or after [`BLAMED_LIMIT`] answers that blame this very alert while others
//!   got through; and then only after a look-up.

pub mod backoff;
mod pauses;
mod repeats;
mod teller;
mod worker;

use std::time::Duration;

pub use teller::Teller;
pub use worker::Worker;

/// Attempts that fail while others succeed, until an alert is a dead letter. With the backoff of [`backoff`] this is hours.
pub const BLAMED_LIMIT: u32 = 25;

/// How one sink's deliveries are run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Attempts beside each other.
    pub in_flight: usize,
    /// No attempt takes longer: a sink's own time limits are shorter, this one is for what they forget.
    pub attempt_limit: Duration,
    /// How long running attempts may go on when the program stops.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_flight: 4,
            attempt_limit: Duration::from_secs(300),
            grace: Duration::from_secs(10),
        }
    }
}
