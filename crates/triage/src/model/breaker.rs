//! When to leave a model server alone (facts/ai.md §6).
//!
//! Three failures of the server in a row, or more than half of the last ten, and nothing is begun any more; alerts wait where they are.
//! Then one question at a time is let through as a probe, after 30 s, 60 s and so on to 5 min. A fault that only the operator can mend
//! opens it at once. Pure: the time is passed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::failure::{FailureClass, FailureKind, ModelError};

/// Failures in a row that open it, where nothing else is said.
const IN_A_ROW: u32 = 3;
/// Outcomes that are looked back at.
const LAST: usize = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A server is left alone for so long at most, however long it asks for.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// Whether a question may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// Yes, this one alone: what becomes of it decides. It must be reported by [`Breaker::succeeded`], [`Breaker::failed`] or
    /// [`Breaker::abandoned`].
    Probe,
    /// No, and no use to ask before this time. A running probe may decide earlier.
    Wait(Instant),
}

/// What a metric shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All is well.
    Closed,
    /// A probe is under way.
    HalfOpen,
    /// Nothing is begun.
    Open,
}

impl BreakerState {
    /// 0 closed, 1 half open, 2 open.
    pub fn as_metric(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Guards one model server.
///
/// ```
/// use std::time::{Duration, Instant};
/// use alertbridge_triage::model::{Admission, Breaker, FailureClass, ModelError};
///
/// let now = Instant::now();
/// let mut breaker = Breaker::default();
/// let error = ModelError { class: FailureClass::ModelMissing, text: "pull it".to_owned(), after: None };
/// breaker.failed(&error, now);
/// assert_eq!(breaker.admit(now), Admission::Wait(now + Duration::from_secs(30)));
/// assert_eq!(breaker.reason(), Some("pull it"));
/// assert_eq!(breaker.admit(now + Duration::from_secs(30)), Admission::Probe);
/// ```
#[derive(Clone, Debug)]
pub struct Breaker {
    /// Failures in a row that open it.
    in_a_row: u32,
    first_pause: Duration,
    /// The last outcomes, true for a failure of the server.
    last: VecDeque<bool>,
    failures: u32,
    refusals: u32,
    open: Option<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    until: Instant,
    pause: Duration,
    reason: String,
    needs_operator: bool,
    probing: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(IN_A_ROW, FIRST_PAUSE)
    }
}

impl Breaker {
    /// Opened by so many failures in a row (at least one), for so long at first (at most 5 min).
    pub fn new(in_a_row: u32, first_pause: Duration) -> Self {
        Self {
            in_a_row: in_a_row.max(1),
            first_pause: first_pause.min(LONGEST_PAUSE),
            last: VecDeque::new(),
            failures: 0,
            refusals: 0,
            open: None,
        }
    }

    /// Whether a question may be begun now.
    pub fn admit(&mut self, now: Instant) -> Admission {
        match &mut self.open {
            None => Admission::Go,
            Some(open) if open.probing || now < open.until => {
                Admission::Wait(open.until.max(now + Duration::from_secs(1)))
            }
            Some(open) => {
                open.probing = true;
                Admission::Probe
            }
        }
    }

    /// A question was answered.
    pub fn succeeded(&mut self) {
        self.refusals = 0;
        self.answered();
    }

    /// A question failed.
    pub fn failed(&mut self, error: &ModelError, now: Instant) {
        if !error.class.is_of_the_model() {
            return self.abandoned();
        }
        match error.kind() {
            FailureKind::Ours => self.abandoned(),
            FailureKind::Operator => self.trip(error, true, now),
            FailureKind::Alert => {
                // A server that refuses one alert after the other as it is has nothing against these alerts.
                let refused = error.class == FailureClass::RequestRefused;
                self.refusals = if refused { self.refusals + 1 } else { 0 };
                if self.refusals >= self.in_a_row {
                    self.trip(error, true, now);
                } else {
                    self.answered();
                }
            }
            FailureKind::Server => {
                self.failures += 1;
                self.remember(true);
                let failed = self.last.iter().filter(|failed| **failed).count();
                let often = self.last.len() == LAST && failed * 2 > LAST;
                if self.open.is_some() || self.failures >= self.in_a_row || often {
                    self.trip(error, false, now);
                }
            }
        }
    }

    /// A question came to nothing that says anything about the server: a stop, a withdrawn alert. The next probe may follow at once.
    pub fn abandoned(&mut self) {
        if let Some(open) = &mut self.open {
            open.probing = false;
        }
    }

    /// For the metric.
    pub fn state(&self) -> BreakerState {
        match &self.open {
            None => BreakerState::Closed,
            Some(open) if open.probing => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// Until when nothing is begun; none while it is closed.
    pub fn until(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// Why nothing is begun; none while it is closed.
    pub fn reason(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.reason.as_str())
    }

    /// Whether the operator must do something before it can close.
    pub fn needs_operator(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.needs_operator)
    }

    fn answered(&mut self) {
        self.failures = 0;
        if self.open.take().is_some() {
            // What was before is over; else the next single failure would open it again.
            self.last.clear();
        }
        self.remember(false);
    }

    fn trip(&mut self, error: &ModelError, needs_operator: bool, now: Instant) {
        let pause = match &self.open {
            // A question begun before it opened may fail after it; only a probe makes the pause longer.
            Some(open) if open.probing => (open.pause * 2).min(LONGEST_PAUSE),
            Some(open) => open.pause,
            None => self.first_pause,
        };
        let wish = error.after.unwrap_or_default().min(LONGEST_WISH);
        let until = now + pause.max(wish);
        self.open = Some(Open {
            until: match &self.open {
                Some(open) if !open.probing => open.until.max(now + wish),
                _ => until,
            },
            pause,
            reason: error.text.clone(),
            needs_operator,
            probing: false,
        });
    }

    fn remember(&mut self, failed: bool) {
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(failed);
    }
}

#[cfg(test)]
mod tests;
