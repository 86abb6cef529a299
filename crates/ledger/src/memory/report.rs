//! What the model says about itself: the books, counted anew from its lists, the dead letters, and how it stands.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::model::{Model, Outcome, State};
use crate::{
    Books, DeadLetter, DeadLetterKind, LetterId, Status,
    sums::{HourSums, books_of},
};

const HOUR: i64 = 3_600;

impl Model {
    pub(super) fn books(&self, since: Option<Timestamp>) -> Books {
        let since = since.map(hour_of);
        let mut hours: BTreeMap<Timestamp, HourSums> = BTreeMap::new();
        for counts in &self.counts {
            if counts.received == 0 {
                continue;
            }
            let sums = hours.entry(hour_of(counts.received_at)).or_default();
            let sums = sums.source(&counts.source);
            sums.row.received += counts.received;
            sums.row.filtered += counts.filtered;
            sums.row.duplicate += counts.duplicates;
        }
        for row in &self.malformed {
            let sums = hours
                .entry(hour_of(row.received_at))
                .or_default()
                .source(&row.source);
            sums.row.malformed += 1;
            sums.malformed_stored += 1;
        }
        for alert in &self.alerts {
            let sums = hours.entry(hour_of(alert.received_at)).or_default();
            let sums = sums.source(&alert.source);
            sums.row.collisions += u64::from(alert.collided);
            match alert.outcome {
                Outcome::Routed => {
                    sums.row.routed += 1;
                    sums.stored += 1;
                }
                Outcome::Silenced => {
                    sums.row.silenced += 1;
                    sums.silenced_stored += 1;
                }
                Outcome::Folded => {
                    sums.row.folded += 1;
                    sums.folded_stored += 1;
                }
            }
        }
        for delivery in &self.deliveries {
            let received_at = self.alerts[delivery.alert].received_at;
            let sums = hours
                .entry(hour_of(received_at))
                .or_default()
                .sink(&delivery.sink);
            sums.row.routed += 1;
            match delivery.state {
                State::Delivered { adopted } => {
                    sums.row.delivered += 1;
                    sums.row.adopted += u64::from(adopted);
                    sums.delivered_stored += 1;
                }
                State::Dead { .. } => {
                    sums.row.dead += 1;
                    sums.dead_stored += 1;
                }
                State::Claimed { .. } | State::Ready | State::Waiting { .. } => {
                    sums.row.pending += 1;
                    sums.pending_stored += 1;
                }
            }
        }
        let hours = hours
            .into_iter()
            .filter(|(hour, _)| since.is_none_or(|since| *hour >= since));
        books_of(since, hours.collect())
    }

    pub(super) fn dead_letters(&self, after: Option<&str>, limit: usize) -> Vec<DeadLetter> {
        let mut letters = self.malformed_letters();
        letters.extend(self.dead_deliveries());
        let (kind, number) = match after.and_then(LetterId::parse) {
            None => (DeadLetterKind::Malformed, 0),
            Some(LetterId::Malformed(number)) => (DeadLetterKind::Malformed, number),
            Some(LetterId::Delivery(number)) => (DeadLetterKind::Delivery, number),
        };
        letters.retain(|letter| match LetterId::parse(&letter.id) {
            Some(LetterId::Malformed(own)) => kind == DeadLetterKind::Malformed && own > number,
            Some(LetterId::Delivery(own)) => kind == DeadLetterKind::Malformed || own > number,
            None => false,
        });
        letters.truncate(limit);
        letters
    }

    pub(super) fn status(&self) -> Status {
        let mut sinks: BTreeMap<&str, Vec<(Timestamp, usize)>> = BTreeMap::new();
        for (place, delivery) in self.deliveries.iter().enumerate() {
            let pending = sinks.entry(&delivery.sink).or_default();
            if !matches!(delivery.state, State::Dead { .. } | State::Delivered { .. }) {
                pending.push((hour_of(self.alerts[delivery.alert].received_at), place));
            }
        }
        let mut status = Status::default();
        for (sink, pending) in sinks {
            status.pending.push((sink.into(), pending.len() as u64));
            // A digest that is being filled is not late.
            let late = pending.iter().filter(|(_, place)| {
                let delivery = &self.deliveries[*place];
                !matches!(delivery.state, State::Waiting { .. }) || delivery.attempts > 0
            });
            if let Some((_, place)) = late.min() {
                let alert = &self.alerts[self.deliveries[*place].alert];
                status.oldest_pending.push((sink.into(), alert.received_at));
            }
        }
        for (sink, _) in &status.pending {
            let waiting = self
                .deliveries
                .iter()
                .filter(|delivery| delivery.sink == *sink);
            let last = waiting
                .filter_map(|delivery| match &delivery.state {
                    State::Waiting { due_at, why } if !why.is_empty() => Some((*due_at, why)),
                    _ => None,
                })
                .max();
            status
                .waiting
                .extend(last.map(|(_, why)| (sink.clone(), why.clone())));
        }
        for (sink, _) in &status.pending {
            let waiting = self.tellings_waiting(sink);
            let count = waiting.len() as u64;
            status.tellings_waiting.push((sink.clone(), count));
            let oldest = waiting.into_iter().min();
            let oldest = oldest.and_then(|at| Timestamp::from_millisecond(at).ok());
            status
                .oldest_telling
                .extend(oldest.map(|at| (sink.clone(), at)));
        }
        status.tallies_waiting = self.tallies_waiting();
        status.dead_letters = self.dead_letters(None, usize::MAX).len() as u64;
        status.open_groups = self.open_groups().len() as u64;
        status.crowded_out = self.crowded_out;
        status.pauses = self.pauses.values().cloned().collect();
        status
    }

    fn malformed_letters(&self) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        for (place, row) in self.malformed.iter().enumerate() {
            if row.handled {
                continue;
            }
            letters.push(DeadLetter {
                id: LetterId::Malformed(place as i64 + 1).to_string(),
                kind: DeadLetterKind::Malformed,
                at: row.source.clone(),
                reference: row.malformed.place.clone(),
                why: row.malformed.why.clone(),
                attempts: 0,
                received_at: row.received_at,
                died_at: row.received_at,
                payload: String::from_utf8_lossy(&row.malformed.body).into_owned(),
            });
        }
        letters
    }

    fn dead_deliveries(&self) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        for (place, delivery) in self.deliveries.iter().enumerate() {
            let State::Dead {
                at,
                why,
                handled: false,
            } = &delivery.state
            else {
                continue;
            };
            let alert = &self.alerts[delivery.alert];
            letters.push(DeadLetter {
                id: LetterId::Delivery(place as i64 + 1).to_string(),
                kind: DeadLetterKind::Delivery,
                at: delivery.sink.clone(),
                reference: alert.reference.clone(),
                why: why.clone(),
                attempts: delivery.attempts,
                received_at: alert.received_at,
                died_at: *at,
                payload: String::from_utf8_lossy(&alert.arrival.payload).into_owned(),
            });
        }
        letters
    }
}

pub(super) fn hour_of(at: Timestamp) -> Timestamp {
    let seconds = at.as_second().div_euclid(HOUR) * HOUR;
    Timestamp::from_second(seconds).unwrap_or_default()
}
