//! How the model gives deliveries out.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::model::{Model, State};
use crate::{Claim, Claimed, Continues, GroupKind, LONGEST_WAIT};

/// Whether a lane may be claimed from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    ProbeDue,
    Shut,
}

impl Model {
    /// Moves what was not begun, or is known not to be at the sink, from one lane to where it belongs now.
    pub(super) fn reroute(
        &mut self,
        sink: &str,
        lane: &str,
        choose: &dyn Fn(&[u8]) -> String,
    ) -> u64 {
        let mut moved = 0;
        for place in 0..self.deliveries.len() {
            let delivery = &self.deliveries[place];
            let waits = matches!(delivery.state, State::Ready | State::Waiting { .. });
            if !waits || delivery.doubt || delivery.sink != sink || delivery.lane != lane {
                continue;
            }
            let chosen = choose(&self.alerts[delivery.alert].arrival.payload);
            if chosen != lane {
                self.know_lane(sink, &chosen);
                self.deliveries[place].lane = chosen;
                moved += 1;
            }
        }
        moved
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Vec<Claimed> {
        // What may be given, by lane, each oldest first.
        let mut lanes = self.lanes_in_turn(&claim.sink, Gate::Open, claim.now);
        if claim.probe {
            let due = self.lanes_in_turn(&claim.sink, Gate::ProbeDue, claim.now);
            for &lane in &due {
                self.promote(lane, claim.now);
                if !self.ready(lane).is_empty() {
                    lanes = due;
                    break;
                }
            }
        }
        if claim.limit == 0 {
            return Vec::new();
        }
        for &lane in &lanes {
            self.promote(lane, claim.now);
        }
        let mut queues: Vec<(usize, Vec<usize>)> = Vec::new();
        for &lane in &lanes {
            queues.push((lane, self.within_shares(lane, claim)));
        }

        let mut chosen: Vec<(usize, usize)> = Vec::new();
        if claim.probe {
            let heads = queues
                .iter()
                .filter_map(|(lane, queue)| Some((*queue.first()?, *lane)));
            chosen.extend(heads.min().map(|(delivery, lane)| (lane, delivery)));
        } else {
            let longest = queues
                .iter()
                .map(|(_, queue)| queue.len())
                .max()
                .unwrap_or(0);
            for round in 0..longest {
                for (lane, queue) in &queues {
                    chosen.extend(queue.get(round).map(|&delivery| (*lane, delivery)));
                }
            }
        }
        chosen.truncate(claim.limit);

        let mut turn = lanes
            .iter()
            .map(|&lane| self.lanes[lane].turn)
            .max()
            .unwrap_or(0);
        let mut claimed = Vec::new();
        for (lane, delivery) in chosen {
            turn += 1;
            self.lanes[lane].turn = turn;
            claimed.push(self.give(delivery, claim.now + claim.lease));
        }
        claimed
    }

    /// `now` where something in an open lane can be claimed, else when the first in an open lane is due.
    pub(super) fn next_due(&self, sink: &str, now: Timestamp) -> Option<Timestamp> {
        let mut earliest: Option<Timestamp> = None;
        for delivery in &self.deliveries {
            if delivery.sink != sink || self.gate(sink, &delivery.lane, now) != Gate::Open {
                continue;
            }
            let due_at = match delivery.state {
                State::Ready => now,
                State::Waiting { due_at, .. } if due_at > now + LONGEST_WAIT => now,
                State::Waiting { due_at, .. } => due_at.max(now),
                _ => continue,
            };
            earliest = Some(earliest.map_or(due_at, |known| known.min(due_at)));
        }
        earliest
    }

    fn give(&mut self, place: usize, lease_until: Timestamp) -> Claimed {
        let (alert, doubt) = (self.deliveries[place].alert, self.deliveries[place].doubt);
        let (mut digest, mut continues) = (None, None);
        if let Some(group) = self.group_of_parent(alert).cloned() {
            if group.kind != GroupKind::Repeats {
                let told = self.show(place, group.id, group.folded, doubt);
                digest = Some(self.group(&group, told));
            }
            let here = |(sink, _): &(String, Continues)| *sink == self.deliveries[place].sink;
            continues = group.continues.filter(here).map(|(_, continues)| continues);
        }
        let delivery = &mut self.deliveries[place];
        delivery.state = State::Claimed { lease_until };
        delivery.attempts += 1;
        delivery.fence += 1;
        let alert = &self.alerts[delivery.alert];
        Claimed {
            delivery: place as i64 + 1,
            fence: delivery.fence,
            reference: alert.reference.clone(),
            lane: delivery.lane.clone(),
            agent: alert.arrival.agent.clone(),
            attempt: delivery.attempts,
            blamed: delivery.blamed,
            doubt: delivery.doubt,
            received_at: alert.received_at,
            payload: alert.arrival.payload.clone(),
            digest,
            continues,
        }
    }

    /// The sink's lanes with this gate, the one that waited longest for its turn first.
    fn lanes_in_turn(&self, sink: &str, gate: Gate, now: Timestamp) -> Vec<usize> {
        let mut lanes: Vec<usize> = Vec::new();
        for (place, lane) in self.lanes.iter().enumerate() {
            if lane.sink == sink && self.gate(sink, &lane.name, now) == gate {
                lanes.push(place);
            }
        }
        lanes.sort_by_key(|&lane| (self.lanes[lane].turn, lane));
        lanes
    }

    /// What waits in a lane and is due stays ready, wherever the clock goes next.
    fn promote(&mut self, lane: usize, now: Timestamp) {
        let lane = &self.lanes[lane];
        for delivery in &mut self.deliveries {
            let due = match delivery.state {
                // No delivery is put off for so long: the clock has been set back since.
                State::Waiting { due_at, .. } => due_at <= now || due_at > now + LONGEST_WAIT,
                _ => false,
            };
            if due && delivery.sink == lane.sink && delivery.lane == lane.name {
                delivery.state = State::Ready;
            }
        }
    }

    /// What in a lane is ready, oldest first.
    fn ready(&self, lane: usize) -> Vec<usize> {
        let lane = &self.lanes[lane];
        let mut ready = Vec::new();
        for (place, delivery) in self.deliveries.iter().enumerate() {
            let here = delivery.sink == lane.sink && delivery.lane == lane.name;
            if here && delivery.state == State::Ready {
                ready.push(place);
            }
        }
        ready
    }

    /// As [`Self::ready`], without what is beyond an agent's share.
    fn within_shares(&self, lane: usize, claim: &Claim) -> Vec<usize> {
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        for delivery in &self.deliveries {
            let here =
                delivery.sink == self.lanes[lane].sink && delivery.lane == self.lanes[lane].name;
            if here && matches!(delivery.state, State::Claimed { .. }) {
                *taken
                    .entry(&self.alerts[delivery.alert].arrival.agent)
                    .or_default() += 1;
            }
        }
        let mut allowed = self.ready(lane);
        allowed.retain(|&place| {
            let agent = &self.alerts[self.deliveries[place].alert].arrival.agent;
            let taken = taken.entry(agent).or_default();
            *taken += 1;
            *taken <= claim.per_agent
        });
        allowed
    }

    fn gate(&self, sink: &str, lane: &str, now: Timestamp) -> Gate {
        let mut gate = Gate::Open;
        for pause in self.pauses.values() {
            if pause.sink != sink || pause.lane.as_deref().is_some_and(|paused| paused != lane) {
                continue;
            }
            if pause.probe_at > now {
                return Gate::Shut;
            }
            gate = Gate::ProbeDue;
        }
        gate
    }
}
