//! Tells a sink what became known of an alert after it was delivered: how often it was seen again.
//!
//! One count at a time and never more than one a `group_interval` for an alert: repeats are many, and the sink is to be spared.
//! What is told is durable like a delivery: claimed before, settled after; a crash in between tells the same count again, which
//! changes nothing there. New alerts come first: their worker never waits for this one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alertbridge_ledger::{Group, GroupKind, Ledger, TellClaim, TellVerdict, Telling, Told};
use alertbridge_sinks::{Amended, Amendment, Block, Raise, Scope, Sink};
use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info, warn};

use super::{backoff, repeats};
use crate::{clock::Clock, metrics::Metrics};

/// Counts claimed at a time: few, so that each is told as it stands now.
const CLAIMED: usize = 8;
/// A count waits no longer than this to be noticed.
const LOOK: Duration = Duration::from_secs(1);
/// The sink is left alone for so long where it refuses everything.
const PAUSED: Duration = Duration::from_secs(60);
/// Tries of one count that fail while the sink works.
const MOST_TRIES: u32 = 12;
/// Failing counts that are remembered.
const MOST_REMEMBERED: usize = 10_000;
/// As deliveries, see `Settings::attempt_limit`.
const LIMIT: Duration = Duration::from_secs(120);

/// Tells one sink until told to stop.
pub struct Teller {
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Least time between two tellings of one alert.
    interval: Duration,
    /// How often a count failed while the sink worked, by delivery: a count is given up for these alone.
    lone_failures: HashMap<i64, u32>,
    /// Lanes that wait for the operator, with the next time one of their counts is tried.
    paused_lanes: HashMap<String, Instant>,
    levels: ToldLevels,
    /// Failures in a row that say something about the sink.
    failures: u32,
    rest_until: Option<Instant>,
}

impl Teller {
    /// One at rest.
    pub fn new(
        sink: Arc<dyn Sink>,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        interval: Duration,
    ) -> Self {
        Self {
            sink,
            ledger,
            clock,
            metrics,
            interval,
            lone_failures: HashMap::new(),
            paused_lanes: HashMap::new(),
            levels: ToldLevels::default(),
            failures: 0,
            rest_until: None,
        }
    }

    /// Runs until `stop` turns true, or the ledger has stopped. What was claimed and not begun then comes back at the next
    /// start.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let round = tokio::select! {
                round = self.round() => round,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Some(wait) = round else { return };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tells what is due; answers how long to wait. `None` where the ledger has stopped.
    async fn round(&mut self) -> Option<Duration> {
        if let Some(until) = self.rest_until.filter(|until| Instant::now() < *until) {
            return Some(until - Instant::now());
        }
        let claim = TellClaim {
            sink: self.sink.name().to_owned(),
            // While the sink fails, one is enough to see whether it is back.
            limit: if self.failures > 0 { 1 } else { CLAIMED },
            now: self.clock.now(),
            interval: self.interval,
            lease: LIMIT * 2 * CLAIMED as u32,
        };
        let claimed = match self.ledger.claim_tellings(claim).await {
            Ok(Ok(claimed)) => claimed,
            Ok(Err(error)) => {
                warn!(%error, "counts could not be claimed");
                return Some(Duration::from_secs(5));
            }
            Err(_) => return None,
        };
        let none = claimed.is_empty();
        for telling in claimed {
            let verdict = self.tell(&telling).await;
            let told = Told {
                delivery: telling.delivery,
                fence: telling.fence,
                at: self.clock.now(),
                verdict,
            };
            match self.ledger.settle_tellings(vec![told]).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => warn!(%error, "a count could not be settled"),
                Err(_) => return None,
            }
        }
        Some(if none { LOOK } else { Duration::ZERO })
    }

    async fn tell(&mut self, telling: &Telling) -> TellVerdict {
        if self.resting() {
            return TellVerdict::Retry {
                due_at: self.clock.now(),
                why: "the sink is left alone for a while".to_owned(),
            };
        }
        if let Some(until) = self.paused_lanes.get(&telling.lane)
            && Instant::now() < *until
        {
            return TellVerdict::Retry {
                due_at: later(self.clock.now(), PAUSED),
                why: "its customer waits for the operator".to_owned(),
            };
        }
        let amendment = Amendment {
            reference: telling.reference.clone(),
            lane: telling.lane.clone(),
            id: telling.id.clone(),
            block: Some(Block {
                name: "repeats".to_owned(),
                text: Some(repeats::told(&telling.group).text()),
            }),
            raise: self.levels.raise(telling.delivery, &telling.group),
            unless_ended: true,
            ..Amendment::default()
        };
        let amended = tokio::time::timeout(LIMIT, self.sink.amend(&amendment))
            .await
            .unwrap_or_else(|_| Amended::Retry {
                after: None,
                why: format!("no end after {} s", LIMIT.as_secs()),
                sink_wide: true,
            });
        self.metrics.told(self.sink.name(), &amended);
        self.verdict(telling, amended)
    }

    fn verdict(&mut self, telling: &Telling, amended: Amended) -> TellVerdict {
        if !matches!(amended, Amended::Retry { .. } | Amended::Paused { .. }) {
            self.lone_failures.remove(&telling.delivery);
            self.paused_lanes.remove(&telling.lane);
        }
        match amended {
            Amended::Written(_) | Amended::TagsKept(_) | Amended::Unchanged => {
                self.answered();
                self.levels.told(telling.delivery, telling.group.level);
                debug!(
                    sink = self.sink.name(),
                    reference = telling.reference,
                    folded = telling.group.folded,
                    "told"
                );
                TellVerdict::Written {
                    folded: telling.group.folded,
                }
            }
            Amended::Ended { why } => {
                self.answered();
                info!(
                    sink = self.sink.name(),
                    reference = telling.reference,
                    %why,
                    "the alert takes no more repeats there; those it was not told go on with a new one"
                );
                TellVerdict::Ended {
                    why: why.as_str().to_owned(),
                }
            }
            Amended::Retry {
                after,
                why,
                sink_wide,
            } => {
                if sink_wide {
                    self.failed(&why, after.unwrap_or_default());
                } else if self.fails_alone(telling) {
                    return self.given_up(telling, why);
                }
                let wait = backoff::wait(telling.attempt).max(after.unwrap_or_default());
                TellVerdict::Retry {
                    due_at: later(self.clock.now(), wait),
                    why,
                }
            }
            Amended::Paused { scope, why } => {
                match scope {
                    Scope::Sink => self.failed(&why, PAUSED),
                    // The others' counts go on.
                    Scope::Lane => self.pause_lane(&telling.lane, &why),
                }
                TellVerdict::Retry {
                    due_at: later(self.clock.now(), PAUSED),
                    why,
                }
            }
            Amended::Never { why } => self.given_up(telling, why),
            // Nothing here asks for tags.
            Amended::Overruled => self.given_up(telling, "the alert's tags forbid it".to_owned()),
        }
    }

    fn given_up(&mut self, telling: &Telling, why: String) -> TellVerdict {
        warn!(
            sink = self.sink.name(),
            reference = telling.reference,
            why,
            "the count stays in the ledger alone; what comes next makes a new alert"
        );
        self.metrics.count_given_up(self.sink.name());
        TellVerdict::GivenUp { why }
    }

    /// Whether a count has failed too often while others were told.
    fn fails_alone(&mut self, telling: &Telling) -> bool {
        self.answered();
        if self.lone_failures.len() > MOST_REMEMBERED {
            self.lone_failures.clear();
        }
        let failures = self.lone_failures.entry(telling.delivery).or_default();
        *failures += 1;
        let is_over = *failures >= MOST_TRIES;
        if is_over {
            self.lone_failures.remove(&telling.delivery);
        }
        is_over
    }

    fn pause_lane(&mut self, lane: &str, why: &str) {
        if !self.paused_lanes.contains_key(lane) {
            warn!(
                sink = self.sink.name(),
                lane, why, "the counts of this customer wait for the operator"
            );
        }
        self.paused_lanes
            .insert(lane.to_owned(), Instant::now() + PAUSED);
    }

    fn answered(&mut self) {
        self.failures = 0;
        self.rest_until = None;
    }

    fn failed(&mut self, why: &str, least: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            warn!(
                sink = self.sink.name(),
                why, "counts can't be told; they are kept and told later"
            );
        }
        let rest = backoff::wait(self.failures).max(least).min(LONGEST_REST);
        self.rest_until = Some(Instant::now() + rest);
    }

    fn resting(&self) -> bool {
        self.rest_until.is_some_and(|until| Instant::now() < until)
    }
}

/// The levels digests had when they were told last.
///
/// People may have lowered a severity since it was delivered, and that stands. Only news raises it again: a member of a higher level
/// than all that were told. Where the last telling is not known (the first since the start) nothing is raised; the highest
/// level stands in the text in any case.
#[derive(Debug, Default)]
struct ToldLevels(HashMap<i64, u32>);

impl ToldLevels {
    fn raise(&self, delivery: i64, group: &Group) -> Option<Raise> {
        let is_digest = matches!(group.kind, GroupKind::Budget | GroupKind::Burst);
        let told = self.0.get(&delivery).filter(|_| is_digest)?;
        (group.level > *told).then_some(Raise::Level(group.level))
    }

    fn told(&mut self, delivery: i64, level: u32) {
        if self.0.len() > MOST_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(delivery, level);
    }
}

/// As long as a server may ask for.
const LONGEST_REST: Duration = Duration::from_secs(3600);

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(kind: GroupKind, level: u32) -> Group {
        Group {
            id: 1,
            kind,
            parent: "m1:1.2+digest".into(),
            level,
            opened_at: Timestamp::UNIX_EPOCH,
            last_at: Timestamp::UNIX_EPOCH,
            folded: 9,
            fields: Vec::new(),
            told: 0,
            ended: None,
            members: Vec::new(),
        }
    }

    #[test]
    fn a_severity_that_people_lowered_is_raised_by_a_graver_member_alone() {
        let mut levels = ToldLevels::default();
        let digest = |level| group(GroupKind::Budget, level);
        assert_eq!(
            levels.raise(1, &digest(7)),
            None,
            "the first since the start"
        );
        levels.told(1, 7);
        assert_eq!(levels.raise(1, &digest(7)), None, "nothing new");
        assert_eq!(levels.raise(1, &digest(10)), Some(Raise::Level(10)));
        levels.told(1, 10);
        assert_eq!(levels.raise(1, &digest(10)), None, "said once");
        assert_eq!(levels.raise(1, &group(GroupKind::Repeats, 12)), None);
    }
}
