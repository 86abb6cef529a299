//! The delivery loop of one sink. What attempts come to is in `outcomes`.

mod beginning;
mod outcomes;
#[cfg(test)]
mod tests;
mod waiting;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Claim, Claimed, JobWish, Ledger, Receipt, Settlement, Verdict};
use alertbridge_sinks::{Outcome, Scope, Sink};
use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::Instant,
};
use tracing::{info, warn};

use self::waiting::{Told, until};
use super::{Settings, pauses::Pauses};
use crate::{clock::Clock, intel::Enrich, metrics::Metrics, triage::Admission};

/// An attempt under way.
struct Begun {
    claimed: Claimed,
    /// The successes there were when it began.
    successes: u64,
    /// What the alert gets once it is delivered.
    job: Option<Box<JobWish>>,
}

/// Delivers for one sink until told to stop.
pub struct Worker {
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    arrived: watch::Receiver<()>,
    settings: Settings,
    /// Adds what threat intelligence knows.
    enrich: Option<Arc<dyn Enrich>>,
    /// Chooses the alerts that a language model shall read.
    admission: Option<Arc<Admission>>,

    /// Claimed and not begun, oldest first.
    queue: VecDeque<Claimed>,
    running: JoinSet<Outcome>,
    begun: HashMap<Id, Begun>,
    /// Lanes' agents that have an attempt under way.
    busy: HashSet<(String, String)>,
    pauses: Pauses,
    /// Deliveries claimed to find out whether a pause is over, with the pause.
    probes: HashMap<i64, Option<String>>,
    /// Successes so far, and how many there were when each failing delivery failed last: whether others got through since
    /// tells a sink that is down from an alert it can't stand.
    successes: u64,
    failed_at: HashMap<i64, u64>,
    /// Dead letters in a row.
    refusals: u32,
    /// The last failure was of a delivery that had failed before, so it says little about a new one.
    retry_failed: bool,
    /// Failures in a row that say something about the sink as a whole, and until when it is left alone for them.
    failures: u32,
    rest_until: Option<Instant>,
    /// Until when the server asked to be left alone; nothing but time ends that.
    wish_until: Option<Instant>,
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
            enrich: None,
            admission: None,
            queue: VecDeque::new(),
            running: JoinSet::new(),
            begun: HashMap::new(),
            busy: HashSet::new(),
            pauses: Pauses::default(),
            probes: HashMap::new(),
            successes: 0,
            failed_at: HashMap::new(),
            refusals: 0,
            retry_failed: false,
            failures: 0,
            rest_until: None,
            wish_until: None,
            settlements: Vec::new(),
            hungry: true,
            next_due: None,
        }
    }

    /// Each alert goes out with what is known of it then.
    #[must_use]
    pub fn enriched(mut self, enrich: Option<Arc<dyn Enrich>>) -> Self {
        self.enrich = enrich;
        self
    }

    /// The alerts it chooses get a triage job with their delivery.
    #[must_use]
    pub fn admitting(mut self, admission: Option<Arc<Admission>>) -> Self {
        self.admission = admission;
        self
    }

    /// Runs until `stop` turns true, then lets running attempts end and gives the rest back. Ends by itself only where the
    /// ledger has stopped.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // What paused before the restart is tried at once: the restart may be the operator's remedy.
        if !self.reroute_paused(&mut stop).await {
            return;
        }
        let resumed = self.ledger.resume(self.sink.name(), None, true);
        if matches!(until(&mut stop, resumed).await, Told::Closed) {
            return;
        }
        self.prepare(&mut stop).await;
        while !*stop.borrow() {
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
                Ok(()) = self.arrived.changed() => self.new_alerts(),
                () = tokio::time::sleep(sleep) => self.hungry = true,
            }
        }
        self.finish().await;
    }

    /// The configuration may choose another lane by now for what waits in a paused one. False where the ledger has stopped.
    async fn reroute_paused(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let status = match until(stop, self.ledger.status()).await {
            Told::Answer(status) => status,
            Told::Closed => return false,
            Told::Refused | Told::Stop => return true,
        };
        for lane in status
            .pauses
            .into_iter()
            .filter(|pause| pause.sink == self.sink.name())
            .filter_map(|pause| pause.lane)
        {
            let (sink, old) = (self.sink.clone(), lane.clone());
            let choose = move |raw: &[u8]| {
                Alert::parse(raw).map_or_else(|_| old.clone(), |alert| sink.lane(&alert))
            };
            let moved = self
                .ledger
                .reroute(self.sink.name(), &lane, Box::new(choose));
            if let Told::Answer(moved) = until(stop, moved).await
                && moved > 0
            {
                info!(
                    sink = self.sink.name(),
                    lane, moved, "what waited here goes elsewhere by the present configuration"
                );
            }
        }
        true
    }

    /// Lets the sink find out now, and not with the first alert of the night, that its key or a name is wrong.
    async fn prepare(&mut self, stop: &mut watch::Receiver<bool>) {
        let sink = self.sink.clone();
        let prepared = tokio::select! {
            prepared = sink.prepare() => prepared,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match prepared {
            Err(Outcome::Paused {
                scope: Scope::Sink,
                why,
            }) => self.pause(None, why),
            Err(Outcome::Retry { why, .. } | Outcome::Unknown { why }) => {
                warn!(
                    sink = self.sink.name(),
                    why, "the sink does not answer; alerts wait in the ledger"
                );
            }
            // Lanes speak for themselves when their first alert is sent.
            _ => {}
        }
    }

    /// Writes down what ended and claims more, in one transaction of the ledger. False when told to stop meanwhile, or where the
    /// ledger has stopped.
    async fn settle_and_claim(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        // Kept until the ledger has them: fences make a repeat harmless.
        let settled =
            (!self.settlements.is_empty()).then(|| self.ledger.settle(self.settlements.clone()));
        let probe = self.probe();
        let room = self.room();
        let claimed = (self.hungry && room > 0).then(|| self.ledger.claim(self.claim(room, false)));
        if let Some(settled) = settled {
            match until(stop, settled).await {
                Told::Answer(settled) => {
                    self.settlements.clear();
                    if settled.stale > 0 {
                        warn!(
                            stale = settled.stale,
                            "claims were lost before they were settled"
                        );
                    }
                }
                Told::Refused => {}
                Told::Stop | Told::Closed => return false,
            }
        }
        if let Some((pause, probe)) = probe {
            match until(stop, probe).await {
                Told::Answer(claimed) => self.probe_claimed(pause, claimed),
                Told::Refused => self.pauses.put_off(&pause, Instant::now()),
                Told::Stop | Told::Closed => return false,
            }
        }
        let Some(claimed) = claimed else { return true };
        let claimed = match until(stop, claimed).await {
            Told::Answer(claimed) => claimed,
            Told::Refused => return true,
            Told::Stop | Told::Closed => return false,
        };
        self.hungry = claimed.len() == room;
        let none = claimed.is_empty();
        self.queue.extend(claimed);
        if none {
            let due = self.ledger.next_due(self.sink.name(), self.clock.now());
            match until(stop, due).await {
                Told::Answer(next_due) => self.next_due = next_due,
                Told::Refused => {}
                Told::Stop | Told::Closed => return false,
            }
        }
        true
    }

    fn claim(&self, limit: usize, probe: bool) -> Claim {
        Claim {
            sink: self.sink.name().to_owned(),
            limit,
            per_agent: 2,
            now: self.clock.now(),
            // Of no meaning while one process owns the ledger; workers that share one need it.
            lease: self.settings.attempt_limit * 4,
            probe,
        }
    }

    /// Asks for one delivery to find out whether a pause is over.
    fn probe(&mut self) -> Option<(Option<String>, Receipt<Vec<Claimed>>)> {
        if self.resting() {
            return None;
        }
        let lane = self.pauses.due(Instant::now())?;
        // The ledger goes by the wall clock, which may have been set back since.
        drop(
            self.ledger
                .pause(self.pauses.row(self.sink.name(), &lane, self.clock.now())?),
        );
        Some((lane, self.ledger.claim(self.claim(1, true))))
    }

    fn probe_claimed(&mut self, pause: Option<String>, claimed: Vec<Claimed>) {
        let mut found = false;
        for claimed in claimed {
            if pause.as_ref().is_none_or(|lane| *lane == claimed.lane) {
                found = true;
                self.probes.insert(claimed.delivery, pause.clone());
            }
            self.queue.push_front(claimed);
        }
        if !found {
            self.pauses.put_off(&pause, Instant::now());
        }
    }

    /// How many deliveries to claim now.
    fn room(&self) -> usize {
        let held = self.queue.len() + self.running.len();
        let wanted = if self.resting() || self.pauses.all_closed() {
            0
        } else {
            // Also where one attempt is to tell whether the sink is back: a new alert tells more than one that has failed.
            self.settings.in_flight * 4
        };
        wanted.saturating_sub(held)
    }

    pub(super) fn resting(&self) -> bool {
        self.rest_until
            .max(self.wish_until)
            .is_some_and(|until| Instant::now() < until)
    }

    /// A new alert need not wait because an old one keeps failing.
    fn new_alerts(&mut self) {
        self.hungry = true;
        if std::mem::take(&mut self.retry_failed) {
            self.rest_until = None;
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
        let (now, wall) = (Instant::now(), self.clock.now());
        let waits = [
            self.rest_until
                .max(self.wish_until)
                .filter(|until| *until > now),
            self.pauses.next_probe(),
        ];
        let waits = waits
            .into_iter()
            .flatten()
            .map(|at| at.saturating_duration_since(now));
        // Nothing is claimed while the sink rests, whatever is due.
        let due = self
            .next_due
            .filter(|_| !self.resting() && !self.pauses.all_closed())
            .map(|due| Duration::try_from(due.duration_since(wall)).unwrap_or_default());
        // What is due and can't be claimed yet waits for an attempt under way: no spin, and a look now and then in any case.
        let shortest = if self.running.is_empty() {
            Duration::from_millis(20)
        } else {
            Duration::from_millis(250)
        };
        let longest = Duration::from_secs(5);
        waits
            .chain(due)
            .min()
            .unwrap_or(longest)
            .clamp(shortest, longest)
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
            let settled = self.ledger.settle(self.settlements);
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
