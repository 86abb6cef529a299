//! How long to wait before trying again: exponential with full jitter, so that many alerts do not come back at once.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The first wait, before jitter.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);

/// A wait drawn evenly from nothing to the step's length; `failures` counts from 1.
pub fn wait(failures: u32) -> Duration {
    step(failures).mul_f64(fastrand::f64())
}

/// The step's length without jitter.
pub fn step(failures: u32) -> Duration {
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

    #[test]
    fn steps_double_up_to_five_minutes_and_the_jitter_stays_below() {
        assert_eq!(step(0), Duration::from_secs(1));
        assert_eq!(step(1), Duration::from_secs(1));
        assert_eq!(step(2), Duration::from_secs(2));
        assert_eq!(step(5), Duration::from_secs(16));
        assert_eq!(step(u32::MAX), LONGEST);
        for failures in 1..100 {
            assert!(wait(failures) <= step(failures));
        }
    }
}
