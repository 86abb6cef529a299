//! What the model holds, and how it changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    groups::{Charge, GroupRow, Hit},
    jobs::JobRow,
    reviews::SeenRows,
    silences::Silences,
    tallies::TallyRow,
    tellings::TellingRow,
    trace::{Stories, remember},
};
use crate::{
    Arrival, FoldKey, Intake, IntakeReport, LetterId, Malformed, Pause, Route, Settled, Settlement,
    Verdict, decide::swept, further_reference, names::LATE,
};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) checkpoints: BTreeMap<String, String>,
    pub(super) counts: Vec<Counts>,
    pub(super) malformed: Vec<MalformedRow>,
    pub(super) alerts: Vec<Alert>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) lanes: Vec<Lane>,
    pub(super) pauses: BTreeMap<(String, Option<String>), Pause>,
    pub(super) silences: Silences,
    pub(super) stories: Stories,
    pub(super) groups: Vec<GroupRow>,
    pub(super) tellings: Vec<TellingRow>,
    pub(super) bursts: BTreeMap<FoldKey, Charge>,
    pub(super) budgets: BTreeMap<FoldKey, Charge>,
    pub(super) hits: Vec<Hit>,
    pub(super) most_groups: u64,
    pub(super) crowded_out: u64,
    pub(super) tallies: Vec<TallyRow>,
    pub(super) jobs: Vec<JobRow>,
    pub(super) seen: SeenRows,
}

/// What is not stored, only counted: one for each intake.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) source: String,
    pub(super) received_at: Timestamp,
    pub(super) received: u64,
    pub(super) filtered: u64,
    pub(super) duplicates: u64,
}

#[derive(Debug)]
pub(super) struct MalformedRow {
    pub(super) source: String,
    pub(super) received_at: Timestamp,
    pub(super) malformed: Malformed,
    pub(super) handled: bool,
    pub(super) forgotten: bool,
}

#[derive(Debug)]
pub(super) struct Alert {
    pub(super) source: String,
    pub(super) received_at: Timestamp,
    pub(super) reference: String,
    pub(super) collided: bool,
    pub(super) arrival: Arrival,
    pub(super) outcome: Outcome,
    /// The group it was folded into, or opened where that is not simply the one of its own number.
    pub(super) fold: Option<i64>,
    /// Further copies that came.
    pub(super) copies: u64,
    /// Deliveries neither delivered nor handled.
    pub(super) open: usize,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) payload_kept: bool,
    pub(super) forgotten: bool,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Folded,
    Routed,
    Silenced,
}

impl Alert {
    /// One with no deliveries.
    pub(super) fn new(
        source: &str,
        received_at: Timestamp,
        reference: String,
        arrival: Arrival,
    ) -> Self {
        Self {
            source: source.into(),
            received_at,
            reference,
            collided: false,
            arrival,
            outcome: Outcome::Routed,
            fold: None,
            copies: 0,
            open: 0,
            finished_at: Some(received_at),
            payload_kept: true,
            forgotten: false,
        }
    }
}

/// Its number is its place in the list plus one.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) alert: usize,
    pub(super) sink: String,
    pub(super) lane: String,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) blamed: u32,
    pub(super) doubt: bool,
    pub(super) fence: i64,
    /// The sink's id and link of a delivered one.
    pub(super) proof: (String, Option<String>),
}

impl Delivery {
    pub(super) fn new(alert: usize, route: &Route, state: State) -> Self {
        Self {
            alert,
            sink: route.sink.clone(),
            lane: route.lane.clone(),
            state,
            attempts: 0,
            blamed: 0,
            doubt: false,
            fence: 0,
            proof: Default::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Claimed {
        lease_until: Timestamp,
    },
    Dead {
        at: Timestamp,
        why: String,
        handled: bool,
    },
    Delivered {
        adopted: bool,
    },
    Ready,
    Waiting {
        due_at: Timestamp,
        /// Empty for a digest that waits to be filled.
        why: String,
    },
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sink: String,
    pub(super) name: String,
    /// Rises with each claim given from it.
    pub(super) turn: u64,
}

impl Model {
    pub(super) fn intake(&mut self, intake: Intake) -> IntakeReport {
        let received = intake.filtered + (intake.malformed.len() + intake.arrivals.len()) as u64;
        let mut report = IntakeReport::default();
        for malformed in intake.malformed {
            self.malformed.push(MalformedRow {
                source: intake.source.clone(),
                received_at: intake.received_at,
                malformed,
                handled: false,
                forgotten: false,
            });
        }
        for (gate, count) in &intake.filtered_by {
            self.hit("gate", gate, intake.received_at, *count);
        }
        if !intake.arrivals.is_empty() {
            let now = intake.received_at.as_millisecond();
            self.set_back(now);
            self.sweep(now, swept(intake.arrivals.len()));
        }
        for arrival in intake.arrivals {
            self.keep(&intake.source, intake.received_at, arrival, &mut report);
        }
        if let Some(checkpoint) = intake.checkpoint {
            self.checkpoints.insert(intake.source.clone(), checkpoint);
        }
        let duplicates = report.duplicates;
        self.count(
            &intake.source,
            intake.received_at,
            received,
            intake.filtered,
            duplicates,
        );
        report
    }

    pub(super) fn count(
        &mut self,
        source: &str,
        received_at: Timestamp,
        received: u64,
        filtered: u64,
        duplicates: u64,
    ) {
        self.counts.push(Counts {
            source: source.into(),
            received_at,
            received,
            filtered,
            duplicates,
        });
    }

    /// The place of the alert that has a reference.
    pub(super) fn known(&self, reference: &str) -> Option<usize> {
        self.alerts
            .iter()
            .position(|known| !known.forgotten && known.reference == reference)
    }

    fn keep(
        &mut self,
        source: &str,
        received_at: Timestamp,
        arrival: Arrival,
        report: &mut IntakeReport,
    ) {
        let mut attempt = 0;
        let reference = loop {
            let reference = match attempt {
                0 => arrival.reference.clone(),
                1 => arrival.reference_if_taken.clone(),
                _ => further_reference(&arrival, attempt),
            };
            match self.known(&reference) {
                None => break reference,
                Some(known) if self.alerts[known].arrival.fingerprint == arrival.fingerprint => {
                    self.alerts[known].copies += 1;
                    report.duplicates += 1;
                    return;
                }
                Some(_) => attempt += 1,
            }
        };
        report.stored += 1;
        report.collisions += u64::from(attempt > 0);
        self.tally(received_at, &arrival.tallies);
        if source != LATE {
            self.see(received_at, &arrival.rule_id, &arrival.agent);
        }
        self.settle_arrival(
            source,
            received_at,
            (reference, attempt > 0),
            arrival,
            report,
        );
    }

    /// A lane is known from its first delivery on.
    pub(super) fn know_lane(&mut self, sink: &str, name: &str) {
        let known = |lane: &Lane| lane.sink == sink && lane.name == name;
        if !self.lanes.iter().any(known) {
            self.lanes.push(Lane {
                sink: sink.to_owned(),
                name: name.to_owned(),
                turn: 0,
            });
        }
    }

    pub(super) fn settle(&mut self, settlements: Vec<Settlement>) -> Settled {
        let mut settled = Settled::default();
        for settlement in settlements {
            let Some(delivery) = place(settlement.delivery)
                .and_then(|place| self.deliveries.get_mut(place))
                .filter(|delivery| delivery.fence == settlement.fence)
                .filter(|delivery| matches!(delivery.state, State::Claimed { .. }))
            else {
                settled.stale += 1;
                continue;
            };
            settled.settled += 1;
            remember(&mut self.stories, &settlement);
            match settlement.verdict {
                Verdict::Delivered {
                    adopted,
                    id,
                    link,
                    job,
                    ..
                } => {
                    delivery.state = State::Delivered { adopted };
                    delivery.proof = (id.clone(), link);
                    let alert = delivery.alert;
                    self.close_one(alert, settlement.at);
                    if let Some(place) = place(settlement.delivery) {
                        self.shown(place, settlement.at);
                        if let Some(job) = job {
                            self.wish(place, &id, &job, settlement.at);
                        }
                    }
                }
                Verdict::Retry {
                    due_at,
                    why,
                    doubt,
                    blame,
                } => {
                    delivery.state = State::Waiting { due_at, why };
                    delivery.doubt = doubt;
                    delivery.blamed += u32::from(blame);
                }
                Verdict::Returned => {
                    delivery.state = State::Ready;
                    delivery.attempts -= 1;
                }
                Verdict::Dead { why } => {
                    delivery.state = State::Dead {
                        at: settlement.at,
                        why,
                        handled: false,
                    };
                    let alert = delivery.alert;
                    self.died(alert);
                }
            }
        }
        settled
    }

    pub(super) fn release(&mut self, expired_before: Option<Timestamp>) -> u64 {
        let mut released = 0;
        self.release_tellings(expired_before.map(Timestamp::as_millisecond));
        self.release_tallies(expired_before);
        for delivery in &mut self.deliveries {
            let State::Claimed { lease_until } = delivery.state else {
                continue;
            };
            if expired_before.is_none_or(|before| lease_until < before) {
                delivery.state = State::Ready;
                delivery.doubt = true;
                released += 1;
            }
        }
        released
    }

    pub(super) fn replay(&mut self, id: &str) -> bool {
        let Some(LetterId::Delivery(number)) = LetterId::parse(id) else {
            return false;
        };
        let Some(delivery) = place(number).and_then(|place| self.deliveries.get_mut(place)) else {
            return false;
        };
        if !matches!(delivery.state, State::Dead { handled: false, .. }) {
            return false;
        }
        delivery.state = State::Ready;
        delivery.doubt = true;
        delivery.blamed = 0;
        true
    }

    pub(super) fn dismiss(&mut self, id: &str, now: Timestamp) -> bool {
        match LetterId::parse(id) {
            None => false,
            Some(LetterId::Malformed(number)) => {
                let row = place(number).and_then(|place| self.malformed.get_mut(place));
                match row {
                    Some(row) if !row.handled => {
                        row.handled = true;
                        true
                    }
                    _ => false,
                }
            }
            Some(LetterId::Delivery(number)) => {
                let delivery = place(number).and_then(|place| self.deliveries.get_mut(place));
                let Some(delivery) = delivery else {
                    return false;
                };
                let State::Dead {
                    handled: handled @ false,
                    ..
                } = &mut delivery.state
                else {
                    return false;
                };
                *handled = true;
                let alert = delivery.alert;
                self.close_one(alert, now);
                true
            }
        }
    }

    fn close_one(&mut self, alert: usize, at: Timestamp) {
        let alert = &mut self.alerts[alert];
        alert.open -= 1;
        if alert.open == 0 {
            alert.finished_at = Some(at);
        }
    }
}

fn place(number: i64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
