//! Which delivered alerts get a triage job.
//!
//! Asked right before the alert is sent, because it is created with the tag that says so; the job itself is written in the
//! transaction that books the delivery.
//!
//! Where too many wait, what is worse than something that waits still comes in, up to a further limit, and the worst up to one more:
//! an attacker who makes much noise must not keep the one alert that matters from being looked at.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alertbridge_ledger::JobWish;
use alertbridge_pipeline::{AlertView, Gate};
use alertbridge_sinks::Outgoing;
use jiff::{SignedDuration, Timestamp, fmt::strtime};

use super::TriageConfig;

/// Up to so many times the limit, an alert is admitted whose level is higher than the lowest that waits.
const WORSE: u64 = 2;
/// Up to so many times the limit, an alert of a high level is.
const HIGH: u64 = 4;
/// `rule.level` from here on is high: Wazuh's own "high importance event".
const HIGH_LEVEL: u32 = 12;

/// Chooses alerts. Cheap to ask.
pub struct Admission {
    gate: Gate,
    max_age: Option<Duration>,
    max_backlog: u64,
    tag: String,
    backlog: Backlog,
}

/// Why an alert gets no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The rules do not choose it.
    Gate,
    /// It happened too long ago.
    Age,
    /// Too many wait.
    Backlog,
}

impl Refusal {
    /// A word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Age => "age",
            Self::Backlog => "backlog",
        }
    }
}

impl Admission {
    /// By the configuration; `backlog` is shared with [`super::Standing`], which keeps it true. Zero at first.
    pub fn new(config: &TriageConfig, backlog: Arc<AtomicU64>) -> Self {
        Self {
            gate: config.gate(),
            max_age: (config.max_age > 0).then(|| Duration::from_secs(config.max_age)),
            max_backlog: config.max_backlog,
            tag: config.tags.pending.clone(),
            backlog: Backlog(backlog),
        }
    }

    /// The tag the alert is created with.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The job this alert gets once it is delivered.
    pub fn admit(&self, outgoing: &Outgoing, now: Timestamp) -> Result<JobWish, Refusal> {
        let head = outgoing.alert.head();
        let text = outgoing.alert.text();
        if !self.gate.passes(&AlertView::new(head, &text)) {
            return Err(Refusal::Gate);
        }
        let happened = head.timestamp.as_deref().and_then(happened_at);
        let age = now.duration_since(happened.unwrap_or(outgoing.received_at));
        if self
            .max_age
            .is_some_and(|most| age > SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX))
        {
            return Err(Refusal::Age);
        }
        if !self.backlog.admits(head.level, self.max_backlog) {
            return Err(Refusal::Backlog);
        }
        Ok(JobWish {
            level: head.level,
            rule_id: head.rule_id.clone().unwrap_or_default(),
        })
    }
}

/// Jobs that wait: as the ledger said last, and those admitted since. All in one word, so that who reads it has numbers of one moment:
/// 32 bits of count, 8 of the lowest level plus one (0: none is known), 24 of alerts refused since the last look.
#[derive(Debug)]
pub(super) struct Backlog(pub(super) Arc<AtomicU64>);

/// [`Backlog`], unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    waiting: u64,
    lowest: Option<u32>,
    refused: u64,
}

impl Standing {
    fn unpack(word: u64) -> Self {
        Self {
            waiting: word & 0xffff_ffff,
            lowest: ((word >> 32 & 0xff) as u32).checked_sub(1),
            refused: word >> 40,
        }
    }

    fn pack(self) -> u64 {
        let lowest = self
            .lowest
            .map_or(0, |level| u64::from(level.min(0xfe)) + 1);
        self.waiting.min(0xffff_ffff) | lowest << 32 | self.refused.min(0xff_ffff) << 40
    }

    fn admits(&self, level: u32, limit: u64) -> bool {
        let worse = self.lowest.is_some_and(|lowest| level > lowest);
        limit == 0
            || self.waiting < limit
            || worse && self.waiting < limit.saturating_mul(WORSE)
            || level >= HIGH_LEVEL && self.waiting < limit.saturating_mul(HIGH)
    }
}

impl Backlog {
    /// Whether one more of this level comes in, which is counted.
    fn admits(&self, level: u32, limit: u64) -> bool {
        let mut admitted = false;
        let asked = |word| {
            let mut standing = Standing::unpack(word);
            admitted = standing.admits(level, limit);
            if admitted {
                standing.waiting += 1;
                standing.lowest = Some(standing.lowest.map_or(level, |lowest| lowest.min(level)));
            } else {
                standing.refused += 1;
            }
            Some(standing.pack())
        };
        // Never refused: `asked` always has an answer.
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, asked);
        admitted
    }

    /// The ledger has looked. Returns how many were refused since it did before.
    pub(super) fn looked(&self, waiting: u64, lowest: Option<u32>) -> u64 {
        let now = Standing {
            waiting,
            lowest,
            refused: 0,
        };
        Standing::unpack(self.0.swap(now.pack(), Ordering::AcqRel)).refused
    }
}

/// `2026-11-21T08:26:17.096+0000`, or RFC 3339.
fn happened_at(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
            .and_then(|time| time.to_timestamp())
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn outgoing(level: u32, at: &str) -> Outgoing {
        let alert = format!(
            r#"{{"timestamp":"{at}","rule":{{"level":{level},"id":"5712"}},"agent":{{"name":"web"}}}}"#
        );
        Outgoing {
            alert: Alert::parse(alert.into_bytes()).unwrap(),
            reference: "n:1".into(),
            lane: String::new(),
            received_at: NOW.parse().unwrap(),
            attempt: 1,
            digest: None,
            continues: None,
            intel: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn admitted(config: &TriageConfig, backlog: u64, level: u32, at: &str) -> Result<(), Refusal> {
        let admission = Admission::new(config, Arc::new(AtomicU64::new(backlog)));
        admission
            .admit(&outgoing(level, at), NOW.parse().unwrap())
            .map(drop)
    }

    #[test]
    fn level_age_and_backlog_decide() {
        let config = TriageConfig::default();
        let fresh = "2026-11-21T11:59:00.000+0000";
        assert_eq!(admitted(&config, 0, 7, fresh), Ok(()));
        assert_eq!(admitted(&config, 0, 6, fresh), Err(Refusal::Gate));
        assert_eq!(admitted(&config, 999, 7, fresh), Ok(()));
        assert_eq!(admitted(&config, 1000, 7, fresh), Err(Refusal::Backlog));
        let old = "2026-11-01T11:59:00.000+0000";
        assert_eq!(admitted(&config, 0, 7, old), Err(Refusal::Age));
    }

    /// How many of a level come in one after the other, with so many waiting.
    fn room(backlog: &Backlog, level: u32) -> usize {
        (0..200).take_while(|_| backlog.admits(level, 10)).count()
    }

    #[test]
    fn a_full_backlog_still_takes_what_is_worse_and_what_is_worst() {
        let backlog = Backlog(Arc::default());
        assert_eq!(backlog.looked(10, Some(7)), 0);
        assert_eq!(room(&backlog, 7), 0);
        assert_eq!(room(&backlog, 8), 10, "twice the limit");
        assert_eq!(room(&backlog, 11), 0);
        assert_eq!(room(&backlog, 12), 20, "four times");
        assert_eq!(room(&backlog, 16), 0, "no storm is without end");
        assert_eq!(backlog.looked(10, Some(11)), 5, "each refusal is counted");
        assert_eq!(room(&backlog, 11), 0, "nothing lower waits");
        assert_eq!(backlog.looked(0, None), 1);
    }

    #[test]
    fn what_was_admitted_since_the_last_look_counts() {
        let backlog = Backlog(Arc::default());
        backlog.looked(4, Some(9));
        assert_eq!(room(&backlog, 7), 6);
        assert_eq!(room(&backlog, 8), 10, "a lower one came in meanwhile");
        backlog.looked(0, None);
        assert_eq!(room(&backlog, 7), 10);
        let unlimited = (0..99).all(|_| backlog.admits(0, 0));
        assert!(unlimited);
    }

    #[test]
    fn a_word_holds_what_was_put_into_it_and_no_number_spills_over() {
        for (waiting, lowest, refused) in [(0, None, 0), (7, Some(0), 1), (1 << 31, Some(99), 9)] {
            let standing = Standing {
                waiting,
                lowest,
                refused,
            };
            assert_eq!(Standing::unpack(standing.pack()), standing);
        }
        let huge = Standing {
            waiting: u64::MAX,
            lowest: Some(u32::MAX),
            refused: u64::MAX,
        };
        assert_eq!(huge.pack(), u64::MAX);
    }

    #[test]
    fn an_alert_without_a_readable_time_is_as_old_as_its_reception() {
        assert_eq!(
            admitted(&TriageConfig::default(), 0, 7, "yesterday"),
            Ok(())
        );
    }

    #[test]
    fn a_gate_takes_the_place_of_the_level() {
        let config: TriageConfig =
            toml::from_str("[gate]\nany_of = [\"rule.id = 5712\"]\n").unwrap();
        assert_eq!(admitted(&config, 0, 1, NOW), Ok(()));
    }
}
