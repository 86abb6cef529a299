//! How many questions are begun in a stretch of time: small hosts have other things to do (facts/ai.md §6).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// When to ask again where the end of a period can't be counted.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// At most so many starts within any stretch of a period. Pure: the time is passed in.
///
/// ```
/// use std::time::{Duration, Instant};
/// use alertbridge_triage::model::StartRate;
///
/// let now = Instant::now();
/// let mut rate = StartRate::new(1, Duration::from_secs(60));
/// assert_eq!(rate.start(now), Ok(()));
/// assert_eq!(rate.start(now), Err(now + Duration::from_secs(60)));
/// ```
#[derive(Clone, Debug)]
pub struct StartRate {
    most: usize,
    period: Duration,
    starts: VecDeque<Instant>,
}

impl StartRate {
    /// `most` starts per `period`; 0 is no limit. A period beyond what a clock can count never ends.
    pub fn new(most: u32, period: Duration) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            period,
            starts: VecDeque::new(),
        }
    }

    /// Takes a start.
    ///
    /// # Errors
    /// When the next one is free, where none is now.
    pub fn start(&mut self, now: Instant) -> Result<(), Instant> {
        self.free(now)?;
        if self.most > 0 {
            self.starts.push_back(now);
        }
        Ok(())
    }

    /// Whether a start is free, without taking it.
    ///
    /// # Errors
    /// When the next one is free, where none is now.
    pub fn free(&mut self, now: Instant) -> Result<(), Instant> {
        while self
            .starts
            .front()
            .and_then(|start| start.checked_add(self.period))
            .is_some_and(|over| over <= now)
        {
            self.starts.pop_front();
        }
        match self.starts.front() {
            Some(oldest) if self.starts.len() >= self.most => Err(oldest
                .checked_add(self.period)
                .or_else(|| now.checked_add(FAR))
                .unwrap_or(now)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn none_is_no_limit_and_keeps_nothing() {
        let now = Instant::now();
        let mut rate = StartRate::new(0, Duration::from_secs(60));
        for _ in 0..1000 {
            assert_eq!(rate.start(now), Ok(()));
        }
        assert!(rate.starts.is_empty());
    }

    #[test]
    fn a_period_that_no_clock_can_count_never_ends() {
        let now = Instant::now();
        let mut rate = StartRate::new(1, Duration::MAX);
        assert_eq!(rate.start(now), Ok(()));
        let later = now + FAR;
        assert!(rate.start(later).unwrap_err() > later);
    }

    proptest! {
        #[test]
        fn no_stretch_of_a_period_holds_more_starts_than_allowed(
            most in 1..5_u32,
            waits in vec(0..30_u64, 0..100),
        ) {
            let period = Duration::from_secs(60);
            let mut rate = StartRate::new(most, period);
            let mut now = Instant::now();
            let mut starts: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_secs(wait);
                let within = starts.iter().filter(|start| **start + period > now).count();
                match rate.start(now) {
                    Ok(()) => {
                        prop_assert!(within < most as usize);
                        starts.push(now);
                    }
                    Err(next) => {
                        prop_assert_eq!(within, most as usize);
                        prop_assert!(next > now && next <= now + period);
                    }
                }
            }
        }
    }
}
