//! The model's tellings, and what becomes of a group whose parent dies or is closed at its sink.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::{
    groups::GroupRow,
    model::{Delivery, Model, Outcome, State},
    trace::remember_telling,
};
use crate::{
    Continues, GroupKind, LONGEST_WAIT, Route, Settled, TellClaim, TellVerdict, Telling, Told,
    decide::MOST_HEIRS, distinct::Fields, names::untold,
};

/// The count of a delivered alert on its way to the sink.
#[derive(Debug)]
pub(super) struct TellingRow {
    /// The delivery's place.
    pub(super) delivery: usize,
    pub(super) group: i64,
    pub(super) state: TellState,
    pub(super) told: u64,
    pub(super) attempts: u32,
    pub(super) fence: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TellState {
    /// To be told an interval after it was told last.
    After {
        told_at: i64,
    },
    Claimed {
        at: i64,
        lease_until: i64,
    },
    Due {
        at: i64,
    },
    /// Nothing to tell.
    Idle {
        told_at: i64,
    },
    Never,
    /// A digest's, before it was delivered.
    Undelivered,
}

impl Model {
    /// The delivery to the first route of an alert, which shows it to people, and its place.
    pub(super) fn first_delivery(&self, alert: usize) -> Option<(usize, &Delivery)> {
        let mut all = self.deliveries.iter().enumerate();
        all.find(|(_, delivery)| delivery.alert == alert)
    }

    fn is_first(&self, place: usize) -> bool {
        let first = self.first_delivery(self.deliveries[place].alert);
        first.is_some_and(|(first, _)| first == place)
    }

    /// A group has grown: the first route of its parent is to be told once it has it.
    pub(super) fn tell_of(&mut self, parent: usize, now: i64) {
        let Some(group) = self.group_of_parent(parent).map(|group| group.id) else {
            return;
        };
        let Some((place, first)) = self.first_delivery(parent) else {
            return;
        };
        if !matches!(first.state, State::Delivered { .. }) {
            return;
        }
        match self.telling(place) {
            Some(telling) => {
                if let TellState::Idle { told_at } = telling.state {
                    telling.state = TellState::After { told_at };
                }
            }
            None => self.tellings.push(TellingRow {
                delivery: place,
                group,
                state: TellState::Due { at: now },
                told: 0,
                attempts: 0,
                fence: 0,
            }),
        }
    }

    /// Delivered: a digest with its count as of the claim, another alert without.
    pub(super) fn shown(&mut self, place: usize, at: Timestamp) {
        let at = at.as_millisecond();
        let alert = self.deliveries[place].alert;
        let Some(group) = self.group_of_parent(alert) else {
            return;
        };
        let (kind, folded) = (group.kind, group.folded);
        if !self.is_first(place) {
            return;
        }
        if kind == GroupKind::Repeats {
            if folded > 0 {
                self.tell_of(alert, at);
            }
        } else if let Some(telling) = self.telling(place) {
            telling.state = if folded > telling.told {
                TellState::After { told_at: at }
            } else {
                TellState::Idle { told_at: at }
            };
        }
    }

    /// A digest is about to be shown with its count; where an earlier attempt is in doubt, that one's may be shown. Returns the
    /// count told before.
    pub(super) fn show(&mut self, place: usize, group: i64, folded: u64, doubt: bool) -> u64 {
        if !self.is_first(place) {
            return 0;
        }
        if self.telling(place).is_none() {
            self.tellings.push(TellingRow {
                delivery: place,
                group,
                state: TellState::Undelivered,
                told: 0,
                attempts: 0,
                fence: 0,
            });
        }
        match self.telling(place) {
            Some(telling) => {
                let before = telling.told;
                if !doubt {
                    telling.told = folded;
                }
                before
            }
            None => 0,
        }
    }

    pub(super) fn telling(&mut self, delivery: usize) -> Option<&mut TellingRow> {
        self.tellings
            .iter_mut()
            .find(|telling| telling.delivery == delivery)
    }

    pub(super) fn claim_tellings(&mut self, claim: &TellClaim) -> Vec<Telling> {
        let now = claim.now.as_millisecond();
        self.release_tellings(Some(now));
        let mut due: Vec<(i64, usize, usize)> = Vec::new();
        for (place, telling) in self.tellings.iter().enumerate() {
            let delivery = &self.deliveries[telling.delivery];
            if delivery.sink != claim.sink || self.is_paused(&delivery.sink, &delivery.lane) {
                continue;
            }
            let Some(at) = due_at(telling, millis(claim.interval)) else {
                continue;
            };
            let ready = match telling.state {
                TellState::Due { at } => at <= now || at > now + millis(LONGEST_WAIT),
                TellState::After { told_at } => at <= now || told_at > now,
                _ => false,
            };
            if ready {
                due.push((at, telling.delivery, place));
            }
        }
        due.sort_unstable();
        due.truncate(claim.limit);
        let mut claimed = Vec::new();
        for (_, _, place) in due {
            let telling = &mut self.tellings[place];
            telling.state = TellState::Claimed {
                at: now,
                lease_until: now + millis(claim.lease),
            };
            telling.attempts += 1;
            telling.fence += 1;
            let telling = &self.tellings[place];
            let delivery = &self.deliveries[telling.delivery];
            let group = self.groups.iter().find(|group| group.id == telling.group);
            claimed.extend(group.map(|group| Telling {
                delivery: telling.delivery as i64 + 1,
                fence: telling.fence,
                reference: self.alerts[delivery.alert].reference.clone(),
                lane: delivery.lane.clone(),
                id: delivery.proof.0.clone(),
                attempt: telling.attempts,
                group: self.group(group, telling.told),
            }));
        }
        claimed
    }

    pub(super) fn next_telling(
        &self,
        sink: &str,
        interval: std::time::Duration,
    ) -> Option<Timestamp> {
        let waits = self.tellings.iter().filter(|telling| {
            let delivery = &self.deliveries[telling.delivery];
            delivery.sink == sink && !self.is_paused(sink, &delivery.lane)
        });
        let first = waits
            .filter_map(|telling| due_at(telling, millis(interval)))
            .min();
        first.and_then(|at| Timestamp::from_millisecond(at).ok())
    }

    /// The times of those that wait for a sink or are claimed.
    pub(super) fn tellings_waiting(&self, sink: &str) -> Vec<i64> {
        let own = |telling: &&TellingRow| self.deliveries[telling.delivery].sink == sink;
        let own = self.tellings.iter().filter(own);
        let at = |telling: &TellingRow| match telling.state {
            TellState::After { told_at } => Some(told_at),
            TellState::Claimed { at, .. } | TellState::Due { at } => Some(at),
            TellState::Idle { .. } | TellState::Never | TellState::Undelivered => None,
        };
        own.filter_map(at).collect()
    }

    pub(super) fn release_tellings(&mut self, expired_before: Option<i64>) {
        for telling in &mut self.tellings {
            if let TellState::Claimed { at, lease_until } = telling.state
                && expired_before.is_none_or(|before| lease_until < before)
            {
                telling.state = TellState::Due { at };
            }
        }
    }

    pub(super) fn settle_tellings(&mut self, told: Vec<Told>) -> Settled {
        let mut settled = Settled::default();
        for told in told {
            let holds = |telling: &TellingRow| {
                telling.delivery as i64 + 1 == told.delivery
                    && telling.fence == told.fence
                    && matches!(telling.state, TellState::Claimed { .. })
            };
            let Some(place) = self.tellings.iter().position(holds) else {
                settled.stale += 1;
                continue;
            };
            settled.settled += 1;
            remember_telling(&mut self.stories, &told);
            let group = self.tellings[place].group;
            let grown = self.groups.iter().find(|row| row.id == group);
            let grown = grown.map_or(0, |row| row.folded);
            let at = told.at.as_millisecond();
            let telling = &mut self.tellings[place];
            match told.verdict {
                TellVerdict::Written { folded } => {
                    telling.told = telling.told.max(folded);
                    telling.attempts = 0;
                    telling.state = if grown > telling.told {
                        TellState::After { told_at: at }
                    } else {
                        TellState::Idle { told_at: at }
                    };
                }
                TellVerdict::Retry { due_at, .. } => {
                    telling.state = TellState::Due {
                        at: due_at.as_millisecond(),
                    };
                }
                TellVerdict::GivenUp { why } => {
                    telling.state = TellState::Never;
                    self.close(group, Some(&untold(&why)));
                }
                TellVerdict::Ended { why } => {
                    telling.state = TellState::Never;
                    let (delivery, told_so_far) = (telling.delivery, telling.told);
                    self.end(group, delivery, told_so_far, &why, told.at);
                }
            }
        }
        settled
    }

    /// An alert was closed at a sink: what that was not told goes on with a new alert.
    fn end(&mut self, id: i64, delivery: usize, told: u64, why: &str, at: Timestamp) {
        let Some(group) = self.groups.iter_mut().find(|group| group.id == id) else {
            return;
        };
        // Another sink has closed it before: its count goes on already.
        if group.ended_by.is_some() {
            return;
        }
        group.ended = Some(why.to_owned());
        group.ended_by = Some(delivery);
        let untold = usize::try_from(group.folded.saturating_sub(told)).unwrap_or(usize::MAX);
        let old = group.clone();
        let mut members = self.members_of(id);
        members.drain(..members.len().saturating_sub(untold));
        let Some(first) = self.heir(&members, usize::MAX) else {
            return;
        };
        let since = self.alerts[members[0]].received_at.as_millisecond();
        let continues = self.proof_of(id);
        let routes = self.first_route(old.parent);
        let mut folded = members.len() as u64;
        let parent = if old.kind == GroupKind::Repeats {
            self.alerts[first].outcome = Outcome::Routed;
            folded -= 1;
            first
        } else {
            self.push_digest(first, at)
        };
        self.route(parent, &routes, State::Ready);
        let new = parent as i64 + 1;
        for member in members {
            self.alerts[member].fold = Some(new);
        }
        self.alerts[parent].fold = Some(new);
        for group in &mut self.groups {
            if group.id == id {
                group.folded -= untold_found(folded, old.kind);
                group.key = None;
            }
        }
        self.groups.push(GroupRow {
            id: new,
            parent,
            level: self.alerts[parent].arrival.level,
            opened_at: since.min(old.last_at),
            folded,
            ended: None,
            ended_by: None,
            continues,
            fields: Fields::default(),
            ..old
        });
    }

    /// A parent that is dead at its first route: of repeats the oldest member takes its place there.
    pub(super) fn died(&mut self, alert: usize) {
        let Some(group) = self.group_of_parent(alert) else {
            return;
        };
        let (id, kind) = (group.id, group.kind);
        let first = self.first_delivery(alert);
        if first.is_some_and(|(_, first)| !matches!(first.state, State::Dead { .. })) {
            return;
        }
        let heir = self.heir(&self.members_of(id), MOST_HEIRS);
        let Some(heir) = heir.filter(|_| kind == GroupKind::Repeats) else {
            self.close(id, Some("dead"));
            return;
        };
        let routes = self.first_route(alert);
        self.alerts[heir].outcome = Outcome::Routed;
        self.route(heir, &routes, State::Ready);
        let level = self.alerts[heir].arrival.level;
        for group in &mut self.groups {
            if group.id == id {
                group.parent = heir;
                group.level = level;
                group.folded = group.folded.saturating_sub(1);
            }
        }
    }

    /// Whose bytes are kept of the first so many: of the highest level the oldest.
    fn heir(&self, members: &[usize], most: usize) -> Option<usize> {
        let kept = |place: &&usize| self.alerts[**place].payload_kept;
        let first = members.iter().filter(kept).take(most).copied();
        first.min_by_key(|&place| (Reverse(self.alerts[place].arrival.level), place))
    }

    /// Where an alert is shown to people; others are told of no successor.
    fn first_route(&self, alert: usize) -> Vec<Route> {
        let first = self.first_delivery(alert).map(|(_, first)| Route {
            sink: first.sink.clone(),
            lane: first.lane.clone(),
        });
        first.into_iter().collect()
    }

    /// What names a group that was closed at its sink, with that sink.
    pub(super) fn proof_of(&self, id: i64) -> Option<(String, Continues)> {
        let group = self.groups.iter().find(|group| group.id == id)?;
        let delivery = &self.deliveries[group.ended_by?];
        let (proof, link) = delivery.proof.clone();
        let continues = Continues {
            id: proof,
            link,
            why: group.ended.clone()?,
        };
        Some((delivery.sink.clone(), continues))
    }

    /// Whether a pause covers a lane, due for a probe or not.
    fn is_paused(&self, sink: &str, lane: &str) -> bool {
        self.pauses.values().any(|pause| {
            pause.sink == sink && pause.lane.as_deref().is_none_or(|paused| paused == lane)
        })
    }
}

/// How many left the old group, from how many the new one has.
fn untold_found(folded: u64, kind: GroupKind) -> u64 {
    folded + u64::from(kind == GroupKind::Repeats)
}

fn due_at(telling: &TellingRow, interval: i64) -> Option<i64> {
    match telling.state {
        TellState::Due { at } => Some(at),
        TellState::After { told_at } => Some(told_at + interval),
        _ => None,
    }
}

fn millis(time: std::time::Duration) -> i64 {
    crate::decide::span(time)
}
