//! What waits for the operator, and when it is tried again.
//!
//! A pause is kept in the ledger too: claims leave its lane out, and `alertbridge status` shows it until a delivery gets
//! through. When its time has come, one delivery is claimed as a probe; where that is refused as well, the next comes later.
//! Times are of the monotonic clock: a wall clock set back must not make a pause longer.

use std::{collections::HashMap, time::Duration};

use alertbridge_ledger::Pause;
use jiff::Timestamp;
use tokio::time::Instant;

/// Time from a pause to its first probe, and the longest between probes.
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LONGEST_PROBE: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Waiting {
    why: String,
    since: Timestamp,
    refusals: u32,
    probe_at: Instant,
    /// A probe is under way.
    probing: bool,
}

impl Waiting {
    fn step(&self) -> Duration {
        FIRST_PROBE
            .saturating_mul(1 << self.refusals.saturating_sub(1).min(8))
            .min(LONGEST_PROBE)
    }
}

/// The pauses of one sink; the lane `None` is the sink as a whole.
#[derive(Debug, Default)]
pub struct Pauses(HashMap<Option<String>, Waiting>);

impl Pauses {
    /// Begins a pause (true) or makes it longer.
    pub fn refused(
        &mut self,
        lane: &Option<String>,
        why: String,
        now: Timestamp,
        at: Instant,
    ) -> bool {
        let begins = !self.0.contains_key(lane);
        let waiting = self.0.entry(lane.clone()).or_insert(Waiting {
            why: String::new(),
            since: now,
            refusals: 0,
            probe_at: at,
            probing: true,
        });
        waiting.why = why;
        // Several attempts that were under way together are one refusal.
        if std::mem::take(&mut waiting.probing) {
            waiting.refusals += 1;
            waiting.probe_at = at + waiting.step();
        }
        begins
    }

    /// A pause whose probe is due; it counts as under way from now on.
    pub fn due(&mut self, at: Instant) -> Option<Option<String>> {
        let mut waiting = self.0.iter_mut();
        let (lane, waiting) =
            waiting.find(|(_, waiting)| !waiting.probing && waiting.probe_at <= at)?;
        waiting.probing = true;
        Some(lane.clone())
    }

    /// The probe could not tell: again after the same time.
    pub fn put_off(&mut self, lane: &Option<String>, at: Instant) {
        if let Some(waiting) = self.0.get_mut(lane) {
            waiting.probing = false;
            waiting.probe_at = at + waiting.step();
        }
    }

    /// The row the ledger keeps; the probe's time in it is now while one is under way.
    pub fn row(&self, sink: &str, lane: &Option<String>, now: Timestamp) -> Option<Pause> {
        let waiting = self.0.get(lane)?;
        let wait = if waiting.probing {
            Duration::ZERO
        } else {
            waiting.step()
        };
        Some(Pause {
            sink: sink.to_owned(),
            lane: lane.clone(),
            why: waiting.why.clone(),
            since: waiting.since,
            probe_at: now + wait,
        })
    }

    /// A delivery of this lane got through: what ended with it.
    pub fn accepted(&mut self, lane: &str) -> Vec<Option<String>> {
        [None, Some(lane.to_owned())]
            .into_iter()
            .filter(|key| self.0.remove(key).is_some())
            .collect()
    }

    /// Whether this lane (or all) may not be sent to.
    pub fn closed(&self, lane: &str) -> bool {
        self.all_closed() || self.0.contains_key(&Some(lane.to_owned()))
    }

    /// Whether the sink as a whole may not be sent to.
    pub fn all_closed(&self) -> bool {
        self.0.contains_key(&None)
    }

    /// When the next probe is due.
    pub fn next_probe(&self) -> Option<Instant> {
        self.0
            .values()
            .filter(|waiting| !waiting.probing)
            .map(|waiting| waiting.probe_at)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Option<String> {
        Some("acme".to_owned())
    }

    #[test]
    fn a_paused_lane_is_probed_at_growing_distances_and_opens_when_one_gets_through() {
        let (start, now) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |second| start + Duration::from_secs(second);
        let mut pauses = Pauses::default();
        assert!(pauses.refused(&lane(), "not entitled".into(), now, at(0)));
        assert!(pauses.closed("acme") && !pauses.closed("other"));
        assert_eq!(pauses.due(at(29)), None);
        assert_eq!(pauses.due(at(30)), Some(lane()));
        assert_eq!(pauses.due(at(30)), None, "one probe at a time");
        assert!(pauses.closed("acme"), "closed to all but the probe");
        assert!(!pauses.refused(&lane(), "not entitled".into(), now, at(31)));
        assert_eq!(pauses.next_probe(), Some(at(91)));
        assert_eq!(pauses.due(at(91)), Some(lane()));
        pauses.put_off(&lane(), at(92));
        assert_eq!(pauses.next_probe(), Some(at(152)));
        assert_eq!(pauses.accepted("acme"), [lane()]);
        assert!(!pauses.closed("acme"));
        assert_eq!(pauses.next_probe(), None);
    }

    #[test]
    fn attempts_that_were_under_way_together_are_one_refusal() {
        let (start, now) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut pauses = Pauses::default();
        for second in 0..4 {
            pauses.refused(
                &None,
                "401".into(),
                now,
                start + Duration::from_secs(second),
            );
        }
        assert_eq!(pauses.next_probe(), Some(start + FIRST_PROBE));
        assert!(pauses.all_closed() && pauses.closed("any"));
        let row = pauses.row("iris", &None, now).unwrap();
        assert_eq!((row.since, row.lane), (now, None));
    }
}
