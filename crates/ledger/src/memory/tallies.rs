//! The model's tallies.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::model::Model;
use crate::{
    ClaimedTally, KEPT_TALLIES, LONGEST_TALLY, LONGEST_WAIT, TalliesWaiting, Tally, TallyVerdict,
    attempts::bounded,
};

/// Its number is its place in the list plus one.
#[derive(Clone, Debug)]
pub(super) struct TallyRow {
    kind: String,
    key: String,
    running: u64,
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    body: Vec<u8>,
    due_at: Timestamp,
    /// How often it was claimed: its count changes as long as it never was.
    begun: u32,
    fence: i64,
    /// While it is claimed.
    lease_until: Option<Timestamp>,
    /// Why it was put off last.
    why: Option<String>,
    ended_at: Option<Timestamp>,
    forgotten: bool,
}

impl Model {
    /// An alert was stored.
    pub(super) fn tally(&mut self, received_at: Timestamp, tallies: &[Tally]) {
        for tally in tallies {
            let same = |row: &&mut TallyRow| {
                !row.forgotten && row.kind == tally.kind && row.key == tally.key
            };
            if let Some(row) = self
                .tallies
                .iter_mut()
                .filter(same)
                .find(|row| row.begun == 0)
            {
                row.count += 1;
                row.last_at = row.last_at.max(received_at);
                continue;
            }
            let before = self.tallies.iter_mut().filter(same);
            let running = before.map(|row| row.running).max().unwrap_or(0) + 1;
            self.tallies.push(TallyRow {
                kind: tally.kind.clone(),
                key: tally.key.clone(),
                running,
                count: 1,
                first_at: received_at,
                last_at: received_at,
                body: tally.body.clone(),
                due_at: tally.due_at.min(received_at + LONGEST_TALLY),
                begun: 0,
                fence: 0,
                lease_until: None,
                why: None,
                ended_at: None,
                forgotten: false,
            });
        }
    }

    pub(super) fn claim_tallies(
        &mut self,
        kind: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Vec<ClaimedTally> {
        self.release_tallies(Some(now));
        let mut due: Vec<usize> = Vec::new();
        for (place, row) in self.tallies.iter().enumerate() {
            let waits = row.ended_at.is_none() && row.lease_until.is_none();
            // None waits for so long: the clock has been set back since.
            let is_due = row.due_at <= now || row.due_at > now + LONGEST_TALLY;
            if row.kind == kind && waits && is_due {
                due.push(place);
            }
        }
        due.sort_by_key(|&place| (self.tallies[place].due_at, place));
        due.truncate(limit);
        let mut claimed = Vec::new();
        for place in due {
            let row = &mut self.tallies[place];
            row.begun += 1;
            row.fence += 1;
            row.lease_until = Some(now + lease.min(LONGEST_WAIT));
            claimed.push(ClaimedTally {
                number: place as i64 + 1,
                fence: row.fence,
                key: row.key.clone(),
                running: row.running,
                count: row.count,
                first_at: row.first_at,
                last_at: row.last_at,
                body: row.body.clone(),
                begun: row.begun,
            });
        }
        claimed
    }

    pub(super) fn release_tallies(&mut self, expired_before: Option<Timestamp>) {
        for row in &mut self.tallies {
            row.lease_until = row.lease_until.filter(|&until| {
                expired_before.is_some_and(|now| until >= now && until <= now + LONGEST_WAIT)
            });
        }
    }

    pub(super) fn settle_tally(
        &mut self,
        number: i64,
        fence: i64,
        verdict: TallyVerdict,
        at: Timestamp,
    ) -> bool {
        let place = number
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let Some(row) = place
            .and_then(|place| self.tallies.get_mut(place))
            .filter(|row| row.lease_until.is_some() && row.fence == fence)
        else {
            return false;
        };
        row.lease_until = None;
        match verdict {
            TallyVerdict::Done => row.ended_at = Some(at),
            TallyVerdict::Dropped { why } => {
                row.why = Some(bounded(&why).into());
                row.ended_at = Some(at);
            }
            TallyVerdict::Retry { due_at, why } => {
                row.why = Some(bounded(&why).into());
                row.due_at = due_at.min(at + LONGEST_TALLY);
            }
        }
        true
    }

    pub(super) fn tallies_waiting(&self) -> Vec<TalliesWaiting> {
        let mut kinds: BTreeMap<&str, Vec<&TallyRow>> = BTreeMap::new();
        for row in &self.tallies {
            if row.ended_at.is_none() {
                kinds.entry(&row.kind).or_default().push(row);
            }
        }
        let of = |(kind, rows): (&str, Vec<&TallyRow>)| {
            let failed = rows.iter().filter(|row| row.why.is_some());
            let last = failed.max_by_key(|row| row.due_at);
            TalliesWaiting {
                kind: kind.into(),
                rows: rows.len() as u64,
                oldest_due: rows.iter().map(|row| row.due_at).min().unwrap_or_default(),
                why: last.and_then(|row| row.why.clone()),
            }
        };
        kinds.into_iter().map(of).collect()
    }

    /// Forgets so many that ended long ago; says how many.
    pub(super) fn forget_tallies(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut old: Vec<(Timestamp, usize)> = Vec::new();
        for (place, row) in self.tallies.iter().enumerate() {
            if let Some(ended_at) = row.ended_at
                && ended_at < now - KEPT_TALLIES
                && !row.forgotten
            {
                old.push((ended_at, place));
            }
        }
        old.sort_unstable();
        old.truncate(limit);
        for &(_, place) in &old {
            self.tallies[place].forgotten = true;
        }
        old.len()
    }
}
