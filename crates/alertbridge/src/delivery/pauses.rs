//! What waits for the operator, and when it is tried again.
//!
//! A pause is kept in the ledger too, for `alertbridge status` and so that claims leave its lane out. It ends by a probe: when
//! its time has come the lane is opened, and one refused delivery closes it again for longer.

use std::{collections::HashMap, time::Duration};

use alertbridge_ledger::Pause;
use jiff::Timestamp;

/// Time from a pause to its first probe, and the longest between probes.
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LONGEST_PROBE: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    refusals: u32,
    probe_at: Timestamp,
    /// Opened for a probe whose answer is not there yet.
    probing: bool,
}

/// The pauses of one sink; the lane `None` is the sink as a whole.
#[derive(Debug, Default)]
pub struct Pauses(HashMap<Option<String>, Waiting>);

impl Pauses {
    /// Begins a pause or makes it longer.
    pub fn refused(
        &mut self,
        sink: &str,
        lane: Option<String>,
        why: String,
        now: Timestamp,
    ) -> Pause {
        let waiting = self.0.entry(lane.clone()).or_insert(Waiting {
            since: now,
            refusals: 0,
            probe_at: now,
            probing: true,
        });
        // Several attempts that were under way together are one refusal.
        if std::mem::take(&mut waiting.probing) {
            waiting.refusals += 1;
            let wait = FIRST_PROBE
                .saturating_mul(1 << (waiting.refusals - 1).min(8))
                .min(LONGEST_PROBE);
            waiting.probe_at = now + wait;
        }
        Pause {
            sink: sink.to_owned(),
            lane,
            why,
            since: waiting.since,
            probe_at: waiting.probe_at,
        }
    }

    /// Pauses to open for a probe now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Option<String>> {
        let mut due = Vec::new();
        for (lane, waiting) in &mut self.0 {
            if !waiting.probing && waiting.probe_at <= now {
                waiting.probing = true;
                due.push(lane.clone());
            }
        }
        due
    }

    /// A delivery of this lane got through: what ended with it.
    pub fn accepted(&mut self, lane: &str) -> Vec<Option<String>> {
        [None, Some(lane.to_owned())]
            .into_iter()
            .filter(|key| self.0.remove(key).is_some())
            .collect()
    }

    /// Whether this lane (or all) may not be sent to now.
    pub fn closed(&self, lane: &str) -> bool {
        let closed = |key: &Option<String>| self.0.get(key).is_some_and(|waiting| !waiting.probing);
        closed(&None) || closed(&Some(lane.to_owned()))
    }

    /// Whether the sink as a whole may not be sent to now.
    pub fn all_closed(&self) -> bool {
        self.0.get(&None).is_some_and(|waiting| !waiting.probing)
    }

    /// Whether the sink as a whole is being probed: one attempt at a time.
    pub fn probing_all(&self) -> bool {
        self.0.get(&None).is_some_and(|waiting| waiting.probing)
    }

    /// When the next probe is due.
    pub fn next_probe(&self) -> Option<Timestamp> {
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

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_paused_lane_is_probed_at_growing_distances_and_opens_when_one_gets_through() {
        let mut pauses = Pauses::default();
        let lane = || Some("acme".to_owned());
        let pause = pauses.refused("iris", lane(), "not entitled".into(), at(0));
        assert_eq!(pause.probe_at, at(30));
        assert!(pauses.closed("acme") && !pauses.closed("other"));
        assert_eq!(pauses.due(at(29)), []);
        assert_eq!(pauses.due(at(30)), [lane()]);
        assert!(!pauses.closed("acme"), "open for the probe");
        let pause = pauses.refused("iris", lane(), "not entitled".into(), at(31));
        assert_eq!((pause.since, pause.probe_at), (at(0), at(91)));
        assert_eq!(pauses.due(at(91)), [lane()]);
        assert_eq!(pauses.accepted("acme"), [lane()]);
        assert!(!pauses.closed("acme"));
        assert_eq!(pauses.next_probe(), None);
    }

    #[test]
    fn attempts_that_were_under_way_together_are_one_refusal() {
        let mut pauses = Pauses::default();
        for second in 0..4 {
            let pause = pauses.refused("iris", None, "401".into(), at(second));
            assert_eq!(pause.probe_at, at(30));
        }
        assert!(pauses.all_closed() && pauses.closed("any"));
    }
}
