//! What the model tells of triage jobs: lists, counts, known answers, what people made of them, and how often a rule was seen.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;

use super::{
    jobs::{End, JobRow, State},
    model::Model,
    report::hour_of,
};
use crate::{
    Feedback, FeedbackRow, JobFilter, JobState, JobStatus, KnownAnswer, Seen, attempts::bounded,
};

/// Alerts of a rule from an agent in an hour.
pub(super) type SeenRows = BTreeMap<(Timestamp, String, String), (u64, Timestamp)>;

impl Model {
    pub(super) fn answer_of(&self, input_hash: &str, since: Timestamp) -> Option<KnownAnswer> {
        let mut newest: Option<(Timestamp, KnownAnswer)> = None;
        for (job, at, ..) in self.reviewed(since) {
            let Some((hash, answer)) = &job.answer else {
                continue;
            };
            if hash == input_hash && newest.as_ref().is_none_or(|(known, _)| *known <= at) {
                newest = Some((at, (job.new.id.clone(), answer.clone())));
            }
        }
        newest.map(|(_, known)| known)
    }

    /// Jobs reviewed since a time: when, the verdict, the model.
    fn reviewed(&self, since: Timestamp) -> impl Iterator<Item = (&JobRow, Timestamp, &str, &str)> {
        self.jobs.iter().filter_map(move |job| match &job.state {
            State::Ended {
                at,
                how: End::Reviewed { verdict, model },
            } if *at >= since && !job.forgotten => Some((job, *at, &**verdict, &**model)),
            _ => None,
        })
    }

    pub(super) fn jobs(&self, filter: &JobFilter) -> Vec<crate::JobRow> {
        let of = |wanted: &Option<String>, word: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == word)
        };
        let mut found: Vec<(usize, &JobRow)> = self.jobs.iter().enumerate().collect();
        found.retain(|(_, job)| {
            !job.forgotten
                && filter.state.is_none_or(|state| state == job.word())
                && filter.since.is_none_or(|since| job.new.created_at >= since)
                && of(&filter.sink, &job.new.sink)
                && of(&filter.id, &job.new.id)
        });
        let after = filter.after.unwrap_or(i64::MIN);
        found.retain(|(place, _)| *place as i64 + 1 > after);
        if !filter.oldest_first {
            found.sort_by_key(|(place, job)| Reverse((job.new.created_at, *place)));
        }
        found.truncate(filter.limit);
        found
            .into_iter()
            .map(|(place, job)| row(place, job))
            .collect()
    }

    pub(super) fn jobs_of(&self, sink: &str, ids: &[String]) -> Vec<crate::JobRow> {
        ids.iter()
            .filter_map(|id| self.job_of(sink, id))
            .map(|place| row(place, &self.jobs[place]))
            .collect()
    }

    pub(super) fn job_status(&self) -> JobStatus {
        let mut status = JobStatus::default();
        for job in self.jobs.iter().filter(|job| !job.forgotten) {
            *match job.word() {
                JobState::Pending => &mut status.pending,
                JobState::Claimed => &mut status.claimed,
                JobState::Reviewed => &mut status.reviewed,
                JobState::Failed => &mut status.failed,
                JobState::Skipped => &mut status.skipped,
            } += 1;
        }
        let pending = || self.jobs.iter().filter(|job| job.pending());
        status.oldest_pending = pending().map(|job| job.new.created_at).min();
        status.lowest_level = pending().map(|job| job.new.level).min();
        status
    }

    pub(super) fn put_feedback(&mut self, job: i64, feedback: &Feedback) -> bool {
        let place = job
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let job = place.and_then(|place| self.jobs.get_mut(place));
        let Some(job) = job.filter(|job| job.ended_at().is_some()) else {
            return false;
        };
        let kept = |text: &Option<String>| text.as_deref().map(|text| bounded(text).to_owned());
        let mut opinion = kept(&feedback.opinion);
        if opinion == job.opinion_before {
            // Said of the verdict before.
            opinion = None;
        } else {
            job.opinion_before = None;
        }
        job.feedback = Some((opinion, kept(&feedback.resolution)));
        true
    }

    pub(super) fn feedback(&self, since: Timestamp) -> Vec<FeedbackRow> {
        let mut rows: BTreeMap<(&str, &str, &str), FeedbackRow> = BTreeMap::new();
        let mut resolutions: BTreeMap<(&str, &str, &str), BTreeMap<&str, u64>> = BTreeMap::new();
        for (job, _, verdict, model) in self.reviewed(since) {
            let key = (&*job.new.rule_id, model, verdict);
            let row = rows.entry(key).or_default();
            row.jobs += 1;
            let Some((opinion, resolution)) = &job.feedback else {
                continue;
            };
            row.agree += u64::from(opinion.as_deref() == Some("agree"));
            row.disagree += u64::from(opinion.as_deref() == Some("disagree"));
            if let Some(resolution) = resolution {
                let counts = resolutions.entry(key).or_default();
                *counts.entry(resolution).or_default() += 1;
            }
        }
        let named = |(key, row): (&(&str, &str, &str), &FeedbackRow)| FeedbackRow {
            rule_id: key.0.into(),
            model: key.1.into(),
            verdict: key.2.into(),
            resolutions: resolutions
                .get(key)
                .into_iter()
                .flatten()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            ..row.clone()
        };
        rows.iter().map(named).collect()
    }

    pub(super) fn earlier(&self, rule_id: &str, since: Timestamp) -> Vec<(String, u64)> {
        let mut verdicts: BTreeMap<&str, u64> = BTreeMap::new();
        for (job, _, verdict, _) in self.reviewed(since) {
            if job.new.rule_id == rule_id {
                *verdicts.entry(verdict).or_default() += 1;
            }
        }
        let mut verdicts: Vec<(String, u64)> = verdicts
            .into_iter()
            .map(|(verdict, count)| (verdict.to_owned(), count))
            .collect();
        verdicts.sort_by_key(|(_, count)| Reverse(*count));
        verdicts
    }

    /// An alert was stored.
    pub(super) fn see(&mut self, received_at: Timestamp, rule_id: &str, agent: &str) {
        let key = (hour_of(received_at), rule_id.into(), agent.into());
        let (alerts, first) = self.seen.entry(key).or_insert((0, received_at));
        *alerts += 1;
        *first = received_at.min(*first);
    }

    pub(super) fn seen(&self, rule_id: &str, agent: &str, since: Timestamp) -> Seen {
        let since = hour_of(since);
        let mut seen = Seen::default();
        let mut agents: BTreeSet<&str> = BTreeSet::new();
        for ((hour, rule, of), (alerts, first)) in &self.seen {
            if *hour < since || rule != rule_id {
                continue;
            }
            agents.insert(of);
            seen.alerts += alerts;
            seen.here += if of == agent { *alerts } else { 0 };
            seen.first = Some(seen.first.map_or(*first, |known| known.min(*first)));
        }
        seen.agents = agents.len() as u64;
        seen
    }

    /// Forgets so many hours before this one; true where there are more.
    pub(super) fn forget_seen(&mut self, before: Timestamp, most: usize) -> bool {
        let before = hour_of(before);
        for _ in 0..most {
            let Some(oldest) = self.seen.keys().next().map(|(hour, ..)| *hour) else {
                return false;
            };
            if oldest >= before {
                return false;
            }
            self.seen.retain(|(hour, ..), _| *hour > oldest);
        }
        let oldest = self.seen.keys().next();
        oldest.is_some_and(|(hour, ..)| *hour < before)
    }
}

fn row(place: usize, job: &JobRow) -> crate::JobRow {
    let new = &job.new;
    let mut row = crate::JobRow {
        job: place as i64 + 1,
        sink: new.sink.clone(),
        id: new.id.clone(),
        reference: new.reference.clone(),
        lane: new.lane.clone(),
        rule_id: new.rule_id.clone(),
        level: new.level,
        state: job.word(),
        worker: job.worker.clone(),
        lease_until: None,
        begun: job.begun,
        failures: job.failures,
        asked_again: job.asked_again,
        due_at: None,
        why: job.why.clone(),
        class: None,
        verdict: None,
        model: None,
        created_at: new.created_at,
        ended_at: job.ended_at(),
        opinion: None,
        opinion_before: job.opinion_before.clone(),
        resolution: None,
    };
    if let Some((opinion, resolution)) = job.feedback.clone() {
        (row.opinion, row.resolution) = (opinion, resolution);
    }
    match &job.state {
        State::Ready => {}
        State::Waiting { due_at } => row.due_at = Some(*due_at),
        State::Claimed { lease_until } => row.lease_until = Some(*lease_until),
        State::Ended { how, .. } => match how {
            End::Reviewed { verdict, model } => {
                row.verdict = Some(verdict.clone());
                row.model = Some(model.clone());
            }
            End::Failed { class } => row.class = Some(class.clone()),
            End::Skipped => {}
        },
    }
    row
}
