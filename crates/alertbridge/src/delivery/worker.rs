//! The delivery loop of one sink.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Claim, Claimed, Ledger, Receipt, Settlement, Verdict};
use alertbridge_sinks::{Outcome, Outgoing, Presence, Proof, Scope, Sink, attempt};
use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};
use tracing::{debug, error, info, warn};

use super::{BLAMED_LIMIT, Settings, backoff, pauses::Pauses};
use crate::{clock::Clock, metrics::Metrics};

/// The longest `Retry-After` that is followed.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// Delivers for one sink until told to stop.
pub struct Worker {
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    arrived: watch::Receiver<()>,
    settings: Settings,

    /// Claimed and not begun, oldest first.
    queue: VecDeque<Claimed>,
    /// Under way.
    running: JoinSet<Outcome>,
    begun: HashMap<Id, Claimed>,
    /// Lanes' agents that have an attempt under way.
    busy: HashSet<(String, String)>,
    pauses: Pauses,
    /// Failures in a row that say something about the sink as a whole, and until when it is left alone for them.
    failures: u32,
    rest_until: Option<Timestamp>,
    /// What ended and is not yet in the ledger.
    settlements: Vec<Settlement>,
    /// There may be more to claim.
    hungry: bool,
    /// When the next waiting delivery is due, as the ledger said.
    next_due: Option<Timestamp>,
}

impl Worker {
    /// A worker at rest.
    pub fn new(
        sink: Arc<dyn Sink>,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        arrived: watch::Receiver<()>,
        settings: Settings,
    ) -> Self {
        Self {
            sink,
            ledger,
            clock,
            metrics,
            arrived,
            settings,
            queue: VecDeque::new(),
            running: JoinSet::new(),
            begun: HashMap::new(),
            busy: HashSet::new(),
            pauses: Pauses::default(),
            failures: 0,
            rest_until: None,
            settlements: Vec::new(),
            hungry: true,
            next_due: None,
        }
    }

    /// Runs until `stop` turns true, then lets running attempts end and gives the rest back.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // What paused before the restart is tried at once: the restart may be the operator's remedy.
        let resumed = self.ledger.resume(self.sink.name(), None, true);
        let _ = until(&mut stop, resumed).await;
        while !*stop.borrow() {
            self.open_probes();
            if !self.settle_and_claim(&mut stop).await {
                break;
            }
            self.begin();
            let sleep = self.sleep();
            tokio::select! {
                _ = stop.changed() => {}
                Some(ended) = self.running.join_next_with_id() => {
                    self.ended(ended);
                    while let Some(ended) = self.running.try_join_next_with_id() {
                        self.ended(ended);
                    }
                }
                Ok(()) = self.arrived.changed() => self.hungry = true,
                () = tokio::time::sleep(sleep) => self.hungry = true,
            }
        }
        self.finish().await;
    }

    /// Writes down what ended and claims more, in one transaction of the ledger. False when told to stop meanwhile.
    async fn settle_and_claim(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let settled = (!self.settlements.is_empty())
            .then(|| self.ledger.settle(std::mem::take(&mut self.settlements)));
        let room = self.room();
        let claimed = (self.hungry && room > 0).then(|| {
            self.ledger.claim(Claim {
                sink: self.sink.name().to_owned(),
                limit: room,
                per_agent: 2,
                now: self.clock.now(),
                // Of no meaning while one process owns the ledger; workers that share one need it.
                lease: self.settings.attempt_limit * 2,
                probe: false,
            })
        });
        if let Some(settled) = settled {
            match until(stop, settled).await {
                Some(settled) if settled.stale > 0 => warn!(
                    stale = settled.stale,
                    "claims were lost before they were settled"
                ),
                Some(_) => {}
                None if *stop.borrow() => return false,
                None => {}
            }
        }
        let Some(claimed) = claimed else { return true };
        let Some(claimed) = until(stop, claimed).await else {
            return !*stop.borrow();
        };
        self.hungry = claimed.len() == room;
        let none = claimed.is_empty();
        self.queue.extend(claimed);
        if none {
            let due = self.ledger.next_due(self.sink.name(), self.clock.now());
            let Some(next_due) = until(stop, due).await else {
                return !*stop.borrow();
            };
            self.next_due = next_due;
        }
        true
    }

    /// How many deliveries to claim now.
    fn room(&self) -> usize {
        let held = self.queue.len() + self.running.len();
        let wanted = if self.resting() || self.pauses.all_closed() {
            0
        } else if self.failures > 0 || self.pauses.probing_all() {
            // One attempt tells whether the sink is back.
            1
        } else {
            self.settings.in_flight * 4
        };
        wanted.saturating_sub(held)
    }

    fn resting(&self) -> bool {
        self.rest_until
            .is_some_and(|until| self.clock.now() < until)
    }

    /// Begins what may begin.
    fn begin(&mut self) {
        let mut kept = VecDeque::new();
        while let Some(claimed) = self.queue.pop_front() {
            let single = self.failures > 0 || self.pauses.probing_all();
            let limit = if single { 1 } else { self.settings.in_flight };
            let free = self.running.len() < limit;
            let agent = (claimed.lane.clone(), claimed.agent.clone());
            if self.resting() || self.pauses.closed(&claimed.lane) {
                self.settle(&claimed, Verdict::Returned);
            } else if free && !self.busy.contains(&agent) {
                self.begin_one(claimed, agent);
            } else {
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
        let outgoing = Outgoing {
            alert,
            reference: claimed.reference.clone(),
            lane: claimed.lane.clone(),
            received_at: claimed.received_at,
            attempt: claimed.attempt,
        };
        let (sink, limit, doubt) = (
            self.sink.clone(),
            self.settings.attempt_limit,
            claimed.doubt,
        );
        let last_try = claimed.blamed >= BLAMED_LIMIT;
        let task = self.running.spawn(async move {
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
        self.begun.insert(task.id(), claimed);
    }

    fn ended(&mut self, ended: Result<(Id, Outcome), tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                error!(sink = self.sink.name(), %error, "an attempt to deliver broke off; this is a fault in alertbridge");
                let why = "fault in alertbridge: the attempt broke off".to_owned();
                (error.id(), Outcome::Unknown { why })
            }
        };
        let Some(claimed) = self.begun.remove(&id) else {
            return;
        };
        self.busy
            .remove(&(claimed.lane.clone(), claimed.agent.clone()));
        self.metrics.attempt(self.sink.name(), &outcome);
        self.hungry = true;
        match outcome {
            Outcome::Delivered(proof) => self.delivered(&claimed, proof, false),
            Outcome::AlreadyThere(proof) => self.delivered(&claimed, proof, true),
            Outcome::Retry {
                after,
                why,
                sink_wide,
            } => self.retry(&claimed, after, why, sink_wide, false),
            Outcome::Unknown { why } => self.retry(&claimed, None, why, true, true),
            Outcome::Paused { scope, why } => self.paused(&claimed, scope, why),
            Outcome::Never { why } => {
                warn!(
                    sink = self.sink.name(),
                    reference = claimed.reference,
                    why,
                    "dead letter"
                );
                self.succeeded(&claimed.lane);
                self.settle(&claimed, Verdict::Dead { why });
            }
        }
    }

    /// The sink answered sensibly: whatever kept it from doing so is over.
    fn succeeded(&mut self, lane: &str) {
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
            info!(sink = self.sink.name(), lane, "the pause is over");
        }
    }

    fn delivered(&mut self, claimed: &Claimed, proof: Proof, adopted: bool) {
        debug!(
            sink = self.sink.name(),
            reference = claimed.reference,
            id = proof.id,
            adopted,
            "delivered"
        );
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
            },
        );
    }

    fn retry(
        &mut self,
        claimed: &Claimed,
        after: Option<Duration>,
        why: String,
        sink_wide: bool,
        doubt: bool,
    ) {
        // A server that asks for days is not believed: the operator may mend it any time.
        let after = after.map(|after| after.min(LONGEST_AFTER));
        // A fault that should be the sink's, while the sink is well otherwise, may be this alert's.
        let blame = !sink_wide || self.failures == 0;
        let now = self.clock.now();
        // Attempts that were under way together are one failure.
        if sink_wide && !self.resting() {
            self.failures = self.failures.saturating_add(1);
            let rest = after.unwrap_or_else(|| backoff::wait(self.failures));
            self.rest_until = Some(now + rest);
            if self.failures == 1 {
                warn!(
                    sink = self.sink.name(),
                    why, "delivery failed; alerts wait in the ledger and are sent again"
                );
            }
        }
        let wait = after.unwrap_or_else(|| backoff::wait(claimed.attempt));
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
                due_at: now + wait,
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
        let now = self.clock.now();
        let pause = self
            .pauses
            .refused(self.sink.name(), lane, why.clone(), now);
        if pause.since == now {
            error!(
                sink = self.sink.name(),
                lane = pause.lane,
                why,
                "waiting for the operator; the queue is kept"
            );
        }
        // Durable before the next claim: the ledger takes changes in order.
        drop(self.ledger.pause(pause));
        self.settle(
            claimed,
            Verdict::Retry {
                due_at: now,
                why,
                doubt: claimed.doubt,
                blame: false,
            },
        );
    }

    fn open_probes(&mut self) {
        for lane in self.pauses.due(self.clock.now()) {
            drop(self.ledger.resume(self.sink.name(), lane.as_deref(), false));
            self.hungry = true;
        }
    }

    fn settle(&mut self, claimed: &Claimed, verdict: Verdict) {
        let at = self.clock.now();
        self.settlements.push(Settlement {
            delivery: claimed.delivery,
            fence: claimed.fence,
            at,
            verdict,
        });
    }

    /// How long to sleep where nothing happens.
    fn sleep(&self) -> Duration {
        if !self.settlements.is_empty() {
            return Duration::ZERO;
        }
        let now = self.clock.now();
        [
            self.rest_until.filter(|until| *until > now),
            self.pauses.next_probe(),
            self.next_due,
        ]
        .into_iter()
        .flatten()
        .map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default())
        .min()
        .unwrap_or(Duration::from_secs(5))
        // Never a spin, even where a due delivery can't be claimed yet; and a look now and then in any case.
        .clamp(Duration::from_millis(20), Duration::from_secs(5))
    }

    async fn finish(mut self) {
        let end = tokio::time::Instant::now() + self.settings.grace;
        while !self.running.is_empty() {
            match tokio::time::timeout_at(end, self.running.join_next_with_id()).await {
                Ok(Some(ended)) => self.ended(ended),
                Ok(None) => break,
                // Those still running keep their claim: the next start finds them in doubt and looks them up.
                Err(_) => {
                    self.running.abort_all();
                    break;
                }
            }
        }
        while let Some(claimed) = self.queue.pop_front() {
            self.settle(&claimed, Verdict::Returned);
        }
        if !self.settlements.is_empty() {
            let settled = self.ledger.settle(std::mem::take(&mut self.settlements));
            if tokio::time::timeout(self.settings.grace, settled)
                .await
                .is_err()
            {
                warn!(
                    sink = self.sink.name(),
                    "the ledger did not take the last settlements; they are looked up at the next start"
                );
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

/// Awaits the ledger, or the stop. `None` on a stop, and where the ledger failed (logged: the work comes again).
async fn until<T>(stop: &mut watch::Receiver<bool>, receipt: Receipt<T>) -> Option<T> {
    let answer = tokio::select! {
        answer = receipt => answer,
        _ = stop.wait_for(|stop| *stop) => return None,
    };
    match answer {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            error!(%error, "the ledger refused a change");
            // A refusal is not expected to pass at once.
            tokio::time::sleep(Duration::from_secs(1)).await;
            None
        }
        Err(_) => {
            error!("the ledger has stopped");
            tokio::time::sleep(Duration::from_secs(1)).await;
            None
        }
    }
}
