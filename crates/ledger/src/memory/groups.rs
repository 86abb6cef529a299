//! The model's groups: what is counted into what, and how groups open and end.

use std::convert::Infallible;

use jiff::Timestamp;

use super::model::{Alert, Model, Outcome, State};
use crate::{
    Arrival, Continues, FoldKey, Folding, Group, GroupKind, IntakeReport, MOST_MEMBERS, Placement,
    Route,
    decide::{self, Decision, Known, Opening, Run, SKEW, budget_run, burst_run, decide, span},
    distinct::Fields,
    names::{DIGEST, digest_reference, rule_of, silencer},
};

/// Its number is that of the alert that opened it.
#[derive(Clone, Debug)]
pub(super) struct GroupRow {
    pub(super) id: i64,
    pub(super) kind: GroupKind,
    /// The parent's place among the alerts.
    pub(super) parent: usize,
    pub(super) level: u32,
    pub(super) opened_at: i64,
    pub(super) last_at: i64,
    pub(super) folded: u64,
    /// While it may be folded into, or is to be named by the next of its key.
    pub(super) key: Option<FoldKey>,
    pub(super) until: i64,
    pub(super) fields: Fields,
    pub(super) ended: Option<String>,
    /// The place of the delivery whose sink has closed it.
    pub(super) ended_by: Option<usize>,
    /// With the sink that closed the old alert.
    pub(super) continues: Option<(String, Continues)>,
}

/// One alert a rule took, or a few.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) rule: &'static str,
    pub(super) name: String,
    pub(super) at: Timestamp,
    pub(super) count: u64,
}

/// What was routed of a key, and when that is forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    run: Run,
    until: i64,
}

impl Model {
    /// What becomes of an alert that is no copy.
    pub(super) fn settle_arrival(
        &mut self,
        source: &str,
        received_at: Timestamp,
        (reference, collided): (String, bool),
        arrival: Arrival,
        report: &mut IntakeReport,
    ) {
        let now = received_at.as_millisecond();
        let place = self.alerts.len();
        let mut alert = Alert::new(source, received_at, reference, arrival);
        alert.collided = collided;
        let routes = match &alert.arrival.placement {
            Placement::Silenced(by) => {
                let (rule, name) = silencer(by);
                self.hit(rule, name, received_at, 1);
                alert.outcome = Outcome::Silenced;
                self.alerts.push(alert);
                report.silenced += 1;
                return;
            }
            Placement::Routed(routes) => routes.clone(),
        };
        if routes.is_empty() {
            self.alerts.push(alert);
            return;
        }
        let (level, folding) = (alert.arrival.level, alert.arrival.folding.clone());
        let Ok(decision) = decide(now, level, &folding, &mut Look(self));
        match decision {
            Decision::Routed(opening) => {
                self.alerts.push(alert);
                self.route(place, &routes, State::Ready);
                self.charge(now, &folding, true);
                if let Some(opening) = opening {
                    let mut fields = Fields::default();
                    fields.take(&folding, opening.kind);
                    self.open(&opening, place, now, 0, fields, report);
                }
            }
            Decision::Folded {
                group,
                kind,
                until,
                budget,
            } => {
                alert.outcome = Outcome::Folded;
                alert.fold = Some(group);
                self.alerts.push(alert);
                self.fold(group, now, until, level, &folding);
                self.hit_folded(kind, &folding, budget, received_at);
                report.folded += 1;
            }
            Decision::Digest {
                opening,
                due_at,
                budget,
            } => {
                alert.outcome = Outcome::Folded;
                alert.fold = Some(place as i64 + 2);
                self.alerts.push(alert);
                let digest = self.push_digest(place, received_at);
                let due_at = Timestamp::from_millisecond(due_at).unwrap_or_default();
                let waits = State::Waiting {
                    due_at,
                    why: String::new(),
                };
                self.route(digest, &routes, waits);
                if opening.kind == GroupKind::Burst {
                    self.charge(now, &folding, false);
                }
                let mut fields = Fields::default();
                fields.take(&folding, opening.kind);
                self.open(&opening, digest, now, 1, fields, report);
                self.hit_folded(opening.kind, &folding, budget, received_at);
                report.folded += 1;
                report.digests += 1;
            }
        }
    }

    /// Keeps the digest a member opens; it is received like an alert, from a source of its own.
    pub(super) fn push_digest(&mut self, member: usize, received_at: Timestamp) -> usize {
        let of = |attempt| digest_reference(&self.alerts[member].reference, attempt);
        let mut attempt = 1;
        while self.known(&of(attempt)).is_some() {
            attempt += 1;
        }
        let reference = of(attempt);
        let arrival = self.alerts[member].arrival.clone();
        self.alerts
            .push(Alert::new(DIGEST, received_at, reference, arrival));
        self.count(DIGEST, received_at, 1, 0, 0);
        self.alerts.len() - 1
    }

    fn open(
        &mut self,
        opening: &Opening,
        parent: usize,
        now: i64,
        folded: u64,
        fields: Fields,
        report: &mut IntakeReport,
    ) {
        let mut continues = None;
        if let Some(replaced) = opening.replaces {
            if replaced.continues {
                continues = self.proof_of(replaced.id);
            }
            self.close(replaced.id, replaced.superseded.then_some("superseded"));
        }
        let id = parent as i64 + 1;
        if continues.is_some() || opening.kind != GroupKind::Repeats {
            self.alerts[parent].fold = Some(id);
        }
        self.groups.push(GroupRow {
            id,
            kind: opening.kind,
            parent,
            level: self.alerts[parent].arrival.level,
            opened_at: now,
            last_at: now,
            folded,
            key: Some(opening.key),
            until: opening.until,
            fields,
            ended: None,
            ended_by: None,
            continues,
        });
        self.crowd_out(report);
    }

    fn crowd_out(&mut self, report: &mut IntakeReport) {
        let open = self.open_groups();
        if open.len() as u64 > self.most_groups {
            self.close(open[0], Some("crowded out"));
            self.crowded_out += 1;
            report.crowded_out += 1;
        }
    }

    fn fold(&mut self, id: i64, now: i64, until: i64, level: u32, folding: &Folding) {
        let Some(group) = self.groups.iter_mut().find(|group| group.id == id) else {
            return;
        };
        group.folded += 1;
        group.last_at = now;
        group.opened_at = group.opened_at.min(now);
        group.until = until;
        group.level = group.level.max(level);
        group.fields.take(folding, group.kind);
        let parent = group.parent;
        self.tell_of(parent, now);
    }

    /// Nothing is folded into it any more. Where nothing was, it was no group.
    pub(super) fn close(&mut self, id: i64, why: Option<&str>) {
        self.groups.retain_mut(|group| {
            if group.id != id {
                return true;
            }
            group.key = None;
            if group.ended.is_none() {
                group.ended = why.map(str::to_owned);
            }
            group.folded > 0 || group.kind != GroupKind::Repeats || group.continues.is_some()
        });
    }

    /// Open groups by number, those that end first at the head.
    pub(super) fn open_groups(&self) -> Vec<i64> {
        let mut open: Vec<(i64, i64)> = Vec::new();
        for group in &self.groups {
            if group.key.is_some() {
                open.push((group.until, group.id));
            }
        }
        open.sort_unstable();
        open.into_iter().map(|(_, id)| id).collect()
    }

    /// Closes the first of those that ended by age; how many.
    pub(super) fn sweep(&mut self, now: i64, most: usize) -> usize {
        let mut closed = 0;
        for id in self.open_groups().into_iter().take(most) {
            let ended = |group: &GroupRow| group.id == id && group.until < now;
            if self.groups.iter().any(ended) {
                self.close(id, None);
                closed += 1;
            }
        }
        closed
    }

    /// After the clock was set back, no group lives longer than if its last alert had come now.
    pub(super) fn set_back(&mut self, now: i64) {
        let ahead = |group: &&mut GroupRow| group.key.is_some() && group.last_at > now;
        let mut last = self.groups.iter().filter(|group| group.key.is_some());
        if last.any(|group| group.last_at > now + SKEW) {
            for group in self.groups.iter_mut().filter(ahead) {
                group.until -= group.last_at - now;
                group.last_at = now;
                group.opened_at = group.opened_at.min(now);
            }
        }
    }

    fn charge(&mut self, now: i64, folding: &Folding, routed: bool) {
        if let Some(burst) = &folding.burst
            && routed
        {
            let period = span(burst.period);
            let known = self.bursts.get(&burst.key).map(|charge| charge.run);
            let mut run = burst_run(known, now, period);
            run.routed += 1;
            let until = run.since + period;
            self.bursts.insert(burst.key, Charge { run, until });
        }
        for budget in &folding.budgets {
            let period = span(budget.period);
            let known = self.budgets.get(&budget.key).map(|charge| charge.run);
            let mut run = budget_run(known, now, period);
            run.routed += 1;
            let until = run.since + period;
            self.budgets.insert(budget.key, Charge { run, until });
        }
    }

    /// Forgets what was charged in periods that are over.
    pub(super) fn forget_charges(&mut self, now: i64) {
        self.bursts.retain(|_, charge| charge.until > now);
        self.budgets.retain(|_, charge| charge.until > now);
    }

    fn hit_folded(
        &mut self,
        kind: GroupKind,
        folding: &Folding,
        budget: Option<usize>,
        at: Timestamp,
    ) {
        let name = budget.and_then(|place| folding.budgets.get(place));
        let name = name.map_or("", |budget| &budget.name);
        self.hit(rule_of(kind), name, at, 1);
    }

    pub(super) fn hit(&mut self, rule: &'static str, name: &str, at: Timestamp, count: u64) {
        self.hits.push(Hit {
            rule,
            name: name.to_owned(),
            at,
            count,
        });
    }

    /// Hands an alert to sinks, each once.
    pub(super) fn route(&mut self, alert: usize, routes: &[Route], state: State) {
        let mut sinks: Vec<&str> = Vec::new();
        for route in routes {
            if sinks.contains(&route.sink.as_str()) {
                continue;
            }
            sinks.push(&route.sink);
            self.know_lane(&route.sink, &route.lane);
            self.deliveries
                .push(super::model::Delivery::new(alert, route, state.clone()));
        }
        self.alerts[alert].open = sinks.len();
        self.alerts[alert].finished_at = None;
    }

    /// The group an alert is the parent of.
    pub(super) fn group_of_parent(&self, alert: usize) -> Option<&GroupRow> {
        self.groups.iter().find(|group| group.parent == alert)
    }

    /// The alerts counted into a group, in order, as places.
    pub(super) fn members_of(&self, id: i64) -> Vec<usize> {
        let mut members = Vec::new();
        for (place, alert) in self.alerts.iter().enumerate() {
            let folded = alert.outcome == Outcome::Folded && alert.fold == Some(id);
            if folded && !alert.forgotten {
                members.push(place);
            }
        }
        members
    }

    /// A group for people, with how much of it was told.
    pub(super) fn group(&self, row: &GroupRow, told: u64) -> Group {
        let members = self.members_of(row.id).into_iter().take(MOST_MEMBERS);
        Group {
            id: row.id,
            kind: row.kind,
            parent: self.alerts[row.parent].reference.clone(),
            level: row.level,
            opened_at: Timestamp::from_millisecond(row.opened_at).unwrap_or_default(),
            last_at: Timestamp::from_millisecond(row.last_at).unwrap_or_default(),
            folded: row.folded,
            fields: row.fields.summaries(),
            told,
            ended: row.ended.clone(),
            members: members
                .map(|place| self.alerts[place].reference.clone())
                .collect(),
        }
    }
}

/// The model as the laws ask it.
struct Look<'a>(&'a Model);

impl decide::State for Look<'_> {
    type Error = Infallible;

    fn group(&mut self, kind: GroupKind, key: &FoldKey) -> Result<Option<Known>, Infallible> {
        let holds = |group: &&GroupRow| group.kind == kind && group.key.as_ref() == Some(key);
        Ok(self.0.groups.iter().find(holds).map(|group| Known {
            id: group.id,
            level: group.level,
            opened_at: group.opened_at,
            last_at: group.last_at,
            ended: group.ended.is_some(),
        }))
    }

    fn burst(&mut self, key: &FoldKey) -> Result<Option<Run>, Infallible> {
        Ok(self.0.bursts.get(key).map(|charge| charge.run))
    }

    fn budget(&mut self, key: &FoldKey) -> Result<Option<Run>, Infallible> {
        Ok(self.0.budgets.get(key).map(|charge| charge.run))
    }
}
