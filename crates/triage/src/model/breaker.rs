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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(class: FailureClass) -> ModelError {
        ModelError::new(class, class.as_str())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_failures_of_the_server_in_a_row_open_it_and_two_do_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(&error(FailureClass::Connect), now);
            breaker.failed(&error(FailureClass::Server), now);
            assert_eq!(breaker.admit(now), Admission::Go);
            breaker.succeeded();
            breaker.succeeded();
            breaker.succeeded();
        }
        breaker.failed(&error(FailureClass::Connect), now);
        breaker.failed(&error(FailureClass::TimeoutIdle), now);
        breaker.failed(&error(FailureClass::Busy), now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit(now), Admission::Wait(now + seconds(30)));
        assert!(!breaker.needs_operator());
    }

    #[test]
    fn more_than_half_of_the_last_ten_open_it_too() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        // Two of three fail, never three in a row.
        for round in 0..10 {
            assert_eq!(breaker.state(), BreakerState::Closed, "{round}");
            match round % 3 {
                2 => breaker.succeeded(),
                _ => breaker.failed(&error(FailureClass::Server), now),
            }
        }
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn one_probe_at_a_time_and_each_that_fails_makes_the_pause_longer() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(&error(FailureClass::ModelMissing), now);
        for pause in [30, 60, 120, 240, 300, 300] {
            assert!(matches!(
                breaker.admit(now + seconds(pause - 1)),
                Admission::Wait(_)
            ));
            now += seconds(pause);
            assert_eq!(breaker.admit(now), Admission::Probe, "{pause}");
            assert!(matches!(breaker.admit(now), Admission::Wait(_)));
            assert_eq!(breaker.state().as_metric(), 1);
            breaker.failed(&error(FailureClass::Connect), now);
            assert_eq!(breaker.state().as_metric(), 2);
        }
        now += seconds(300);
        assert_eq!(breaker.admit(now), Admission::Probe);
        breaker.succeeded();
        assert_eq!((breaker.state().as_metric(), breaker.reason()), (0, None));
        assert_eq!(breaker.admit(now), Admission::Go);
        breaker.failed(&error(FailureClass::Connect), now);
        assert_eq!(breaker.admit(now), Admission::Go);
    }

    #[test]
    fn questions_that_were_begun_before_it_opened_do_not_put_the_probe_off() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(&error(FailureClass::Auth), now);
        breaker.failed(&error(FailureClass::Connect), now + seconds(20));
        assert_eq!(breaker.admit(now + seconds(30)), Admission::Probe);
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_the_place_to_the_next() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(&error(FailureClass::Auth), now);
        let later = now + seconds(30);
        assert_eq!(breaker.admit(later), Admission::Probe);
        breaker.failed(&error(FailureClass::Cancelled), later);
        assert_eq!(breaker.admit(later), Admission::Probe);
    }

    #[test]
    fn an_answer_that_is_no_good_says_that_the_server_works() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..50 {
            breaker.failed(&error(FailureClass::OutputSchema), now);
            breaker.failed(&error(FailureClass::RedactionFailed), now);
            breaker.failed(&error(FailureClass::IrisAuth), now);
        }
        assert_eq!(breaker.admit(now), Admission::Go);
    }

    #[test]
    fn a_server_that_refuses_every_request_as_it_is_costs_three_alerts_an_attempt_and_no_more() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.admit(now), Admission::Go);
            breaker.failed(&error(FailureClass::RequestRefused), now);
        }
        assert!(breaker.needs_operator());
    }

    #[test]
    fn a_server_that_asks_to_be_left_alone_is() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let busy = ModelError {
            after: Some(seconds(100)),
            ..error(FailureClass::Busy)
        };
        for _ in 0..3 {
            breaker.failed(&busy, now);
        }
        assert_eq!(
            breaker.admit(now + seconds(99)),
            Admission::Wait(now + seconds(100))
        );
        assert_eq!(breaker.admit(now + seconds(100)), Admission::Probe);
    }

    proptest! {
        #[test]
        fn it_never_stays_open_longer_than_the_longest_pause_and_never_lets_two_probes_out(
            steps in proptest::collection::vec((0..5_u8, 0..200_u64), 0..200),
        ) {
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            let mut probes = 0;
            for (what, wait) in steps {
                now += seconds(wait);
                match breaker.admit(now) {
                    Admission::Go => {}
                    Admission::Probe => {
                        probes += 1;
                        prop_assert_eq!(probes, 1);
                        prop_assert!(matches!(breaker.admit(now), Admission::Wait(_)));
                    }
                    Admission::Wait(until) => {
                        prop_assert!(until > now && until <= now + LONGEST_PAUSE);
                        continue;
                    }
                }
                probes = 0;
                match what {
                    0 => breaker.succeeded(),
                    1 => breaker.failed(&error(FailureClass::Connect), now),
                    2 => breaker.failed(&error(FailureClass::Auth), now),
                    3 => breaker.failed(&error(FailureClass::OutputCut), now),
                    _ => breaker.failed(&error(FailureClass::Cancelled), now),
                }
            }
        }
    }
}
