//! How long to wait before trying again.
//!
//! What passes by itself: exponential with full jitter, at most a minute, so that a server that comes back is met soon and not by
//! everybody at once. What the operator must mend: every five minutes. A server's own wish (`Retry-After`) is always heeded.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::ProviderError;

/// The first wait, before jitter.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait for what passes by itself.
const LONGEST: Duration = Duration::from_secs(60);
/// The wait for what the operator must mend.
pub(crate) const OPERATOR: Duration = Duration::from_secs(300);

/// The wait after `failures` failures in a row, counted from 1.
pub(crate) fn wait(error: &ProviderError, failures: u32) -> Duration {
    let wait = if error.needs_operator() {
        OPERATOR
    } else {
        // Half of the step is certain, half is drawn: never a busy loop.
        let step = step(failures);
        step.mul_f64(0.5 + 0.5 * fastrand::f64())
    };
    wait.max(error.retry_after().unwrap_or_default())
}

fn step(failures: u32) -> Duration {
    // The longest wait is reached well before 16 steps.
    let steps = failures.clamp(1, 16) as usize;
    ExponentialBuilder::default()
        .with_factor(2.0)
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .with_max_times(steps)
        .build()
        .last()
        .unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ErrorKind;

    #[test]
    fn a_passing_fault_is_tried_again_soon_then_every_minute() {
        let error = ProviderError::passing(ErrorKind::Busy, "x");
        for failures in 0..40 {
            let wait = wait(&error, failures);
            assert!(wait >= SHORTEST / 2 && wait <= LONGEST, "{wait:?}");
        }
        assert_eq!(step(3), Duration::from_secs(4));
        assert_eq!(step(u32::MAX), LONGEST);
    }

    #[test]
    fn what_the_operator_must_mend_is_tried_again_every_few_minutes() {
        let error = ProviderError::operator(ErrorKind::Token, "x");
        assert_eq!(wait(&error, 1), OPERATOR);
        assert_eq!(wait(&error, 99), OPERATOR);
    }

    #[test]
    fn the_servers_own_wish_is_heeded() {
        let wish = Some(Duration::from_secs(90));
        let error = ProviderError::passing(ErrorKind::Busy, "x").wait(wish);
        assert_eq!(wait(&error, 1), Duration::from_secs(90));
    }
}
