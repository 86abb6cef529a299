//! What the model tells of single alerts: their way, the newest, the members of a group, and what is stored.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    groups::GroupRow,
    model::{Alert, Model, Outcome, State},
};
use crate::{
    AttemptTrace, DeliveryTrace, Group, MOST_LATE, Placement, Settlement, SilencedBy, Stored,
    TellVerdict, Told, Trace, TraceOutcome, Verdict,
    attempts::{FIRST, LAST, What, bounded, of_verdict, with_delivered},
    names::{LATE, LATE_MARK, is_pseudo},
};

/// What is remembered of a delivery beside its state, by its number.
pub(super) type Stories = BTreeMap<i64, Story>;

/// One delivery's.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Without the attempt that delivered it.
    history: Vec<AttemptTrace>,
    delivered_at: Option<Timestamp>,
    changes: String,
}

impl Story {
    /// Of very many attempts the first and the last ones are kept.
    fn add(&mut self, at: Timestamp, what: What, why: &str) {
        self.history.push(AttemptTrace {
            at,
            what: what.word().into(),
            why: bounded(why).into(),
        });
        if self.history.len() > FIRST + LAST {
            self.history.remove(FIRST);
        }
    }
}

/// Takes down what came of a delivery.
pub(super) fn remember(stories: &mut Stories, settlement: &Settlement) {
    let story = stories.entry(settlement.delivery).or_default();
    if let Some((what, why)) = of_verdict(&settlement.verdict) {
        story.add(settlement.at, what, why);
    }
    if let Verdict::Delivered { changes, .. } = &settlement.verdict {
        story.delivered_at = Some(settlement.at);
        story.changes.clone_from(changes);
    }
}

/// Takes down what came of telling a count.
pub(super) fn remember_telling(stories: &mut Stories, told: &Told) {
    let (what, why) = match &told.verdict {
        TellVerdict::Written { .. } => (What::Told, ""),
        TellVerdict::Retry { why, .. } => (What::TellAgain, why.as_str()),
        TellVerdict::Ended { why } => (What::Ended, why.as_str()),
        TellVerdict::GivenUp { why } => (What::GivenUp, why.as_str()),
    };
    let story = stories.entry(told.delivery).or_default();
    story.add(told.at, what, why);
}

impl Model {
    pub(super) fn trace(&self, reference: &str) -> Option<Trace> {
        let place = self.known(reference)?;
        let alert = &self.alerts[place];
        let group = self.group_of(place);
        let mut deliveries = Vec::new();
        for (number, delivery) in self.deliveries.iter().enumerate() {
            if delivery.alert == place {
                deliveries.push(self.delivery_trace(number));
            }
        }
        let continues = group
            .filter(|_| alert.outcome == Outcome::Routed)
            .and_then(|group| group.continues.clone());
        Some(Trace {
            reference: alert.reference.clone(),
            source: alert.source.clone(),
            received_at: alert.received_at,
            agent: alert.arrival.agent.clone(),
            rule_id: alert.arrival.rule_id.clone(),
            level: alert.arrival.level,
            copies: alert.copies,
            outcome: outcome(alert),
            group: group.map(|group| self.group_as_told(group)),
            continues: continues.map(|(_, continues)| continues),
            deliveries,
            late: self.late(reference),
            payload: alert.payload_kept.then(|| alert.arrival.payload.clone()),
        })
    }

    pub(super) fn newest(&self, limit: usize) -> Vec<String> {
        let kept = self.alerts.iter().rev();
        kept.filter(|alert| !alert.forgotten && alert.source != LATE)
            .take(limit)
            .map(|alert| alert.reference.clone())
            .collect()
    }

    pub(super) fn reference_of(&self, sink: &str, id: &str) -> Option<String> {
        let delivery = self.deliveries.iter().rfind(|delivery| {
            delivery.sink == sink
                && delivery.proof.0 == id
                && matches!(delivery.state, State::Delivered { .. })
                && !self.alerts[delivery.alert].forgotten
        })?;
        Some(self.alerts[delivery.alert].reference.clone())
    }

    pub(super) fn members(&self, group: i64, after: Option<&str>, limit: usize) -> Vec<String> {
        let after = match after {
            None => None,
            Some(reference) => match self.known(reference) {
                Some(place) => Some(place),
                None => return Vec::new(),
            },
        };
        let mut members = self.members_of(group);
        members.retain(|&place| after.is_none_or(|after| place > after));
        members.truncate(limit);
        members
            .into_iter()
            .map(|place| self.alerts[place].reference.clone())
            .collect()
    }

    pub(super) fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Vec<Stored> {
        let mut stored = Vec::new();
        for (place, alert) in self.alerts.iter().enumerate() {
            let number = place as i64 + 1;
            let wanted = number > after && alert.received_at >= since && !is_pseudo(&alert.source);
            if wanted && alert.payload_kept && stored.len() < limit {
                stored.push(Stored {
                    number,
                    reference: alert.reference.clone(),
                    received_at: alert.received_at,
                    outcome: outcome(alert),
                    payload: alert.arrival.payload.clone(),
                });
            }
        }
        stored
    }

    /// A group for people; of several sinks the one that was told most counts.
    pub(super) fn group_as_told(&self, group: &GroupRow) -> Group {
        let mut told = 0;
        for telling in &self.tellings {
            if self.deliveries[telling.delivery].alert == group.parent {
                told = told.max(telling.told);
            }
        }
        self.group(group, told)
    }

    /// What was known late of an alert.
    fn late(&self, reference: &str) -> Vec<String> {
        let mark = format!("{reference}{LATE_MARK}");
        let own = |alert: &&Alert| {
            !alert.forgotten && alert.source == LATE && alert.reference.starts_with(&mark)
        };
        let alerts = self.alerts.iter().filter(own);
        let mut late: Vec<String> = alerts.map(|alert| alert.reference.clone()).collect();
        late.sort_unstable();
        late.truncate(MOST_LATE);
        late
    }

    /// The group an alert opened or was folded into.
    fn group_of(&self, place: usize) -> Option<&GroupRow> {
        let alert = &self.alerts[place];
        let id = match alert.outcome {
            Outcome::Folded => alert.fold?,
            Outcome::Routed => alert.fold.unwrap_or(place as i64 + 1),
            Outcome::Silenced => return None,
        };
        self.groups.iter().find(|group| group.id == id)
    }

    fn delivery_trace(&self, place: usize) -> DeliveryTrace {
        let nothing = Story::default();
        let delivery = &self.deliveries[place];
        let number = place as i64 + 1;
        let story = self.stories.get(&number).unwrap_or(&nothing);
        let mut trace = DeliveryTrace {
            delivery: number,
            sink: delivery.sink.clone(),
            lane: delivery.lane.clone(),
            state: String::new(),
            attempts: delivery.attempts,
            due_at: None,
            finished_at: None,
            why: None,
            id: None,
            link: None,
            adopted: false,
            changes: story.changes.clone(),
            history: story.history.clone(),
        };
        trace.state = match &delivery.state {
            State::Claimed { .. } => "claimed",
            State::Dead { at, why, .. } => {
                trace.finished_at = Some(*at);
                trace.why = Some(why.clone());
                "dead"
            }
            State::Delivered { adopted } => {
                let (id, link) = delivery.proof.clone();
                (trace.id, trace.link) = (Some(id), link);
                trace.finished_at = story.delivered_at;
                trace.adopted = *adopted;
                let delivered = story.delivered_at.map(|at| (at, *adopted));
                trace.history = with_delivered(trace.history, delivered);
                "delivered"
            }
            State::Ready => "ready",
            State::Waiting { due_at, why } => {
                trace.due_at = Some(*due_at);
                trace.why = Some(why.clone()).filter(|why| !why.is_empty());
                "waiting"
            }
        }
        .into();
        trace
    }
}

fn outcome(alert: &Alert) -> TraceOutcome {
    match (alert.outcome, &alert.arrival.placement) {
        (Outcome::Folded, _) => TraceOutcome::Folded,
        (Outcome::Routed, _) => TraceOutcome::Routed,
        (Outcome::Silenced, Placement::Silenced(by)) => TraceOutcome::Silenced(by.clone()),
        (Outcome::Silenced, _) => TraceOutcome::Silenced(SilencedBy::Silence(String::new())),
    }
}
