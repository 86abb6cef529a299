//! What an attempt came to: what is settled, and what the worker learns about its sink.

use std::time::Duration;

use alertbridge_ledger::{Claimed, JobWish, Verdict};
use alertbridge_sinks::{Outcome, Proof, Scope};
use tokio::{task::Id, time::Instant};
use tracing::{debug, error, info, warn};

use super::{Begun, Worker};
use crate::delivery::backoff;

/// The longest `Retry-After` that is followed.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);
/// A sink that fails is tried again after so long at the latest: one request costs it little, and alerts wait.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// So many alerts in a row may become dead letters; then the sink waits for the operator instead.
const REFUSALS_IN_A_ROW: u32 = 10;
/// Failing deliveries whose last failure is remembered.
const MOST_REMEMBERED: usize = 100_000;

impl Worker {
    pub(super) fn ended(&mut self, ended: Result<(Id, Outcome), tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                error!(sink = self.sink.name(), %error, "an attempt to deliver broke off; this is a fault in alertbridge");
                let why = "fault in alertbridge: the attempt broke off".to_owned();
                (error.id(), Outcome::Unknown { why })
            }
        };
        let Some(Begun {
            claimed,
            successes: successes_before,
            job,
        }) = self.begun.remove(&id)
        else {
            return;
        };
        self.busy
            .remove(&(claimed.lane.clone(), claimed.agent.clone()));
        self.metrics.attempt(self.sink.name(), &outcome);
        self.hungry = true;
        if let Some(pause) = self.probes.remove(&claimed.delivery)
            && matches!(outcome, Outcome::Retry { .. } | Outcome::Unknown { .. })
        {
            // It did not get so far as to tell.
            self.pauses.put_off(&pause, Instant::now());
        }
        match outcome {
            Outcome::Delivered(proof) => self.delivered(&claimed, proof, false, job),
            Outcome::AlreadyThere(proof) => self.delivered(&claimed, proof, true, job),
            Outcome::Retry {
                after,
                why,
                sink_wide,
            } => self.retry(&claimed, successes_before, after, why, sink_wide, false),
            Outcome::Unknown { why } => {
                self.retry(&claimed, successes_before, None, why, true, true)
            }
            Outcome::Paused { scope, why } => self.paused(&claimed, scope, why),
            Outcome::Never { why } => self.never(&claimed, why),
        }
    }

    fn never(&mut self, claimed: &Claimed, why: String) {
        self.refusals += 1;
        if self.refusals > REFUSALS_IN_A_ROW {
            // Whatever it is, it is not these alerts.
            let why = format!(
                "{REFUSALS_IN_A_ROW} alerts in a row were refused for good, the last one so: {why}"
            );
            self.paused(claimed, Scope::Sink, why);
            return;
        }
        warn!(
            sink = self.sink.name(),
            reference = claimed.reference,
            why,
            "dead letter"
        );
        self.failed_at.remove(&claimed.delivery);
        self.settle(claimed, Verdict::Dead { why });
    }

    /// A delivery got through: whatever kept the sink from taking it is over.
    fn succeeded(&mut self, lane: &str) {
        self.successes += 1;
        self.refusals = 0;
        self.retry_failed = false;
        if self.failures > 0 {
            info!(
                sink = self.sink.name(),
                failures = self.failures,
                "the sink answers again"
            );
        }
        self.failures = 0;
        self.rest_until = None;
        for lane in self.pauses.accepted(lane) {
            drop(self.ledger.resume(self.sink.name(), lane.as_deref(), false));
            info!(sink = self.sink.name(), lane, "the pause is over");
        }
    }

    fn delivered(
        &mut self,
        claimed: &Claimed,
        proof: Proof,
        adopted: bool,
        job: Option<Box<JobWish>>,
    ) {
        debug!(
            sink = self.sink.name(),
            reference = claimed.reference,
            id = proof.id,
            adopted,
            "delivered"
        );
        self.failed_at.remove(&claimed.delivery);
        self.succeeded(&claimed.lane);
        self.metrics.delivered(
            self.sink.name(),
            adopted,
            claimed.received_at,
            self.clock.now(),
            &proof.changes,
        );
        let changes = if proof.changes.is_empty() {
            String::new()
        } else {
            // Words and numbers: can't fail.
            serde_json::to_string(&proof.changes).unwrap_or_default()
        };
        self.settle(
            claimed,
            Verdict::Delivered {
                id: proof.id,
                link: proof.link,
                adopted,
                changes,
                job,
            },
        );
    }

    fn retry(
        &mut self,
        claimed: &Claimed,
        successes_before: u64,
        after: Option<Duration>,
        why: String,
        sink_wide: bool,
        doubt: bool,
    ) {
        // The server's wish is the least wait. One that asks for days is not believed: the operator may mend it any time.
        let wish = after.unwrap_or_default().min(LONGEST_AFTER);
        // Where others got through since it failed last, or since it began, the fault lies in this alert and not in the sink.
        let failed_before = self.failed_at.insert(claimed.delivery, self.successes);
        let before = failed_before.unwrap_or(successes_before);
        if self.failed_at.len() > MOST_REMEMBERED {
            self.failed_at.clear();
        }
        let blame = sink_wide && self.successes > before;
        if sink_wide && !blame {
            self.retry_failed = failed_before.is_some();
            // Attempts that were under way together are one failure.
            if !self.resting() {
                self.failures = self.failures.saturating_add(1);
                let rest = backoff::wait(self.failures).min(LONGEST_REST);
                self.rest_until = Some(Instant::now() + rest);
                if self.failures == 1 {
                    warn!(
                        sink = self.sink.name(),
                        why, "delivery failed; alerts wait in the ledger and are sent again"
                    );
                }
            }
        }
        if sink_wide && !wish.is_zero() {
            self.wish_until = self.wish_until.max(Some(Instant::now() + wish));
        }
        let wait = backoff::wait(claimed.attempt).max(wish);
        debug!(
            sink = self.sink.name(),
            reference = claimed.reference,
            why,
            attempt = claimed.attempt,
            "trying again later"
        );
        self.settle(
            claimed,
            Verdict::Retry {
                due_at: self.clock.now() + wait,
                why,
                doubt,
                blame,
            },
        );
    }

    fn paused(&mut self, claimed: &Claimed, scope: Scope, why: String) {
        let lane = match scope {
            Scope::Lane => Some(claimed.lane.clone()),
            Scope::Sink => None,
        };
        self.pause(lane, why.clone());
        // A refused key may have met the look-up after a post; a refused customer's alert is not there.
        let verdict = Verdict::Retry {
            due_at: self.clock.now(),
            why,
            doubt: claimed.doubt || scope == Scope::Sink,
            blame: false,
        };
        self.settle(claimed, verdict);
    }

    /// Begins a pause or makes it longer.
    pub(super) fn pause(&mut self, lane: Option<String>, why: String) {
        let begins = self
            .pauses
            .refused(&lane, why.clone(), self.clock.now(), Instant::now());
        if begins {
            error!(
                sink = self.sink.name(),
                lane, why, "waiting for the operator; the queue is kept"
            );
        }
        if let Some(row) = self.pauses.row(self.sink.name(), &lane, self.clock.now()) {
            // Durable before the next claim: the ledger takes changes in order.
            drop(self.ledger.pause(row));
        }
    }
}
