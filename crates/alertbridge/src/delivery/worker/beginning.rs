//! Which claimed deliveries begin now, and with what.

use std::{collections::VecDeque, time::Duration};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Claimed, JobWish, Verdict};
use alertbridge_sinks::{Outcome, Outgoing, Presence, Sink, attempt};
use tokio::time::Instant;

use super::{Begun, Worker};
use crate::delivery::{BLAMED_LIMIT, repeats};

/// So many deliveries that have failed before wait in the queue, and how long the others are put off.
const RETRIES_WAITING: usize = 4;
const RETRIES_LATER: Duration = Duration::from_secs(30);

impl Worker {
    /// Begins what may begin. Deliveries that have failed before take at most half of the places, and none where the sink is
    /// being tried with a single one and a new one is there: a few alerts that always fail must not stop the others.
    pub(super) fn begin(&mut self) {
        let limit = if self.failures > 0 {
            1
        } else {
            self.settings.in_flight
        };
        // Asked once: were the rest to end in between, a younger alert would overtake an older one of its agent.
        let resting = self.resting();
        let failed_at = &self.failed_at;
        if self.failures > 0 {
            self.queue.make_contiguous().sort_by_key(|claimed| {
                (failed_at.contains_key(&claimed.delivery), claimed.delivery)
            });
        }
        let mut retries = self
            .begun
            .values()
            .filter(|begun| failed_at.contains_key(&begun.claimed.delivery))
            .count();
        // Where a single attempt is to tell, and there is more to claim, a new one may be behind the old ones.
        let seeks_new = self.failures > 0 && self.hungry;
        let mut kept = VecDeque::new();
        let mut waiting_retries = 0;
        while let Some(claimed) = self.queue.pop_front() {
            let agent = (claimed.lane.clone(), claimed.agent.clone());
            let is_probe = self.probes.contains_key(&claimed.delivery);
            let is_retry = self.failed_at.contains_key(&claimed.delivery);
            let retry_fits =
                !is_retry || (!seeks_new && retries < (self.settings.in_flight / 2).max(1));
            if resting || (self.pauses.closed(&claimed.lane) && !is_probe) {
                if let Some(pause) = self.probes.remove(&claimed.delivery) {
                    self.pauses.put_off(&pause, Instant::now());
                }
                self.settle(&claimed, Verdict::Returned);
            } else if self.running.len() < limit && retry_fits && !self.busy.contains(&agent) {
                retries += usize::from(is_retry);
                self.begin_one(claimed, agent);
            } else if is_retry && !is_probe && waiting_retries >= RETRIES_WAITING {
                // They would take the places of new ones in the queue.
                let due_at = self.clock.now() + RETRIES_LATER.mul_f64(0.5 + fastrand::f64());
                let why = "waits behind other alerts that have failed before".to_owned();
                self.settle(
                    &claimed,
                    Verdict::Retry {
                        due_at,
                        why,
                        doubt: claimed.doubt,
                        blame: false,
                    },
                );
            } else {
                waiting_retries += usize::from(is_retry);
                kept.push_back(claimed);
            }
        }
        self.queue = kept;
    }

    fn begin_one(&mut self, mut claimed: Claimed, agent: (String, String)) {
        let alert = match Alert::parse(std::mem::take(&mut claimed.payload)) {
            Ok(alert) => alert,
            // It was an alert when it came in, so the ledger has been changed by other hands.
            Err(error) => {
                let why = format!("the stored alert can't be read any more: {error}");
                self.settle(&claimed, Verdict::Dead { why });
                return;
            }
        };
        let mut outgoing = Outgoing {
            alert,
            reference: claimed.reference.clone(),
            lane: claimed.lane.clone(),
            received_at: claimed.received_at,
            attempt: claimed.attempt,
            digest: claimed.digest.as_ref().and_then(repeats::digest),
            continues: claimed.continues.clone().map(repeats::continues),
            intel: Vec::new(),
            tags: Vec::new(),
        };
        if let Some(enrich) = &self.enrich {
            enrich.enrich(self.sink.name(), &mut outgoing);
        }
        let job = self.admit(&mut outgoing);
        let (sink, limit, doubt) = (
            self.sink.clone(),
            self.settings.attempt_limit,
            claimed.doubt,
        );
        let last_try = claimed.blamed >= BLAMED_LIMIT;
        let enrich = self.enrich.clone();
        let task = self.running.spawn(async move {
            if let Some(enrich) = enrich
                && let Some(asking) = enrich.ask(sink.name(), &mut outgoing)
            {
                asking.await;
            }
            let trial = async {
                if last_try {
                    last_look(&*sink, &outgoing).await
                } else {
                    attempt(&*sink, &outgoing, doubt).await
                }
            };
            tokio::time::timeout(limit, trial)
                .await
                .unwrap_or_else(|_| Outcome::Unknown {
                    why: format!("no end after {} s", limit.as_secs()),
                })
        });
        self.busy.insert(agent);
        let begun = Begun {
            claimed,
            successes: self.successes,
            job,
        };
        self.begun.insert(task.id(), begun);
    }

    /// An alert that gets a job is created with the tag that says so.
    fn admit(&self, outgoing: &mut Outgoing) -> Option<Box<JobWish>> {
        let admission = self.admission.as_ref()?;
        match admission.admit(outgoing, self.clock.now()) {
            Ok(wish) => {
                outgoing.tags.push(admission.tag().to_owned());
                Some(Box::new(wish))
            }
            Err(refusal) => {
                self.metrics.triage.not_admitted(refusal);
                None
            }
        }
    }
}

/// The end of an alert that failed too often while others got through: dead, unless the sink has it after all.
async fn last_look(sink: &dyn Sink, outgoing: &Outgoing) -> Outcome {
    match sink.look_up(outgoing).await {
        Presence::Present(proof) => Outcome::AlreadyThere(proof),
        Presence::Failed(outcome) => outcome,
        Presence::Absent | Presence::Unknowable => Outcome::Never {
            why: format!(
                "failed {BLAMED_LIMIT} times while other alerts were delivered; see `alertbridge dead-letters show`"
            ),
        },
    }
}
