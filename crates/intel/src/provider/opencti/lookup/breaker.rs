//! Leaving OpenCTI alone while it is down, so that alerts do not wait for it one after the other.
//!
//! After some failures in a row nothing is asked for a while; then one request tries, and the others are let through when it goes well.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::provider::ProviderError;

/// Counts failures and says whether to ask.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody asks, and what went wrong.
    closed: Option<(Instant, ProviderError)>,
}

impl Breaker {
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self {
            most: most.max(1),
            pause,
            state: Mutex::default(),
        }
    }

    /// Lets a request through, or says why not.
    pub(super) fn enter(&self) -> Result<(), ProviderError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &mut state.closed {
            Some((until, error)) if *until > now => Err(error.clone()),
            // This one tries; the others wait for what comes of it.
            Some((until, _)) => {
                *until = now + self.pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn went_well(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    pub(super) fn failed(&self, error: &ProviderError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        // What the operator must mend does not go away by asking again.
        if state.failures >= self.most || error.needs_operator() || error.retry_after().is_some() {
            let pause = self.pause.max(error.retry_after().unwrap_or_default());
            state.closed = Some((Instant::now() + pause, error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ErrorKind;

    #[tokio::test(start_paused = true)]
    async fn after_some_failures_nobody_asks_and_after_a_pause_one_does() {
        let breaker = Breaker::new(3, Duration::from_secs(30));
        let error = ProviderError::passing(ErrorKind::Timeout, "slow");
        for _ in 0..3 {
            assert!(breaker.enter().is_ok());
            breaker.failed(&error);
        }
        assert_eq!(breaker.enter(), Err(error.clone()));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(breaker.enter().is_ok());
        assert!(breaker.enter().is_err(), "one tries, the others wait");
        breaker.went_well();
        assert!(breaker.enter().is_ok() && breaker.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_not_tried_with_every_alert() {
        let breaker = Breaker::new(3, Duration::from_secs(30));
        breaker.failed(&ProviderError::operator(ErrorKind::Token, "wrong"));
        assert!(breaker.enter().is_err());
    }
}
