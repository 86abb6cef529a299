//! What was routed of bursts and budgets, and how often each rule took an alert: read where a transaction needs it, changed in
//! memory, and written once, just before the commit.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::{batch::Batch, error::SqlError};
use crate::{FoldKey, decide::Run};

/// Alerts taken and when the last one was, by hour and rule.
pub(super) type Hits = HashMap<(i64, i64), (i64, i64)>;

/// What is known of runs in this transaction.
pub(super) type Charges = HashMap<(Payer, FoldKey), Charge>;

/// Whose run it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Budget,
    Burst,
}

/// What was routed of a key, read and perhaps changed in this transaction.
pub(super) struct Charge {
    run: Option<Run>,
    /// When it may be forgotten; set where it was changed.
    until: Option<i64>,
}

impl Batch<'_> {
    /// The number of a rule; a new one is kept.
    pub(super) fn rule(&mut self, rule: &'static str, name: &str) -> Result<i64, SqlError> {
        let known = self.names.rules.get(rule).and_then(|names| names.get(name));
        if let Some(&id) = known {
            return Ok(id);
        }
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO rule_hit (rule, name) VALUES (?1, ?2)
                 ON CONFLICT (rule, name) DO UPDATE SET hits = hits RETURNING id",
            )?
            .query_row([rule, name], |row| row.get(0))?;
        self.names.make_room();
        let names = self.names.rules.entry(rule).or_default();
        names.insert(name.into(), id);
        Ok(id)
    }

    /// Counts alerts a rule took.
    pub(super) fn hit(&mut self, id: i64, (hour, at): (i64, i64), count: i64) {
        let (hits, last) = self.hits.entry((hour, id)).or_insert((0, at));
        *hits = hits.saturating_add(count);
        *last = at.max(*last);
    }

    /// What was routed of a key since when.
    pub(super) fn charged(&mut self, payer: Payer, key: &FoldKey) -> Result<Option<Run>, SqlError> {
        if let Some(charge) = self.charges.get(&(payer, *key)) {
            return Ok(charge.run);
        }
        let select = match payer {
            Payer::Budget => "SELECT since, routed FROM budget WHERE key = ?1",
            Payer::Burst => "SELECT since, routed FROM burst WHERE key = ?1",
        };
        let run = self
            .connection
            .prepare_cached(select)?
            .query_row([key], |row| {
                Ok(Run {
                    since: row.get(0)?,
                    routed: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                })
            })
            .optional()?;
        let charge = Charge { run, until: None };
        self.charges.insert((payer, *key), charge);
        Ok(run)
    }

    /// Sets what was routed of a key; written with the other counters.
    pub(super) fn charge(&mut self, payer: Payer, key: &FoldKey, run: Run, until: i64) {
        let charge = Charge {
            run: Some(run),
            until: Some(until),
        };
        self.charges.insert((payer, *key), charge);
    }

    /// Forgets what was routed in periods that are over.
    pub(super) fn forget_charges(&mut self, now: i64) -> Result<(), SqlError> {
        // What this transaction changed is written first, so that it is forgotten or kept like the rest.
        self.write_charges()?;
        for delete in [
            "DELETE FROM burst WHERE until <= ?1",
            "DELETE FROM budget WHERE until <= ?1",
        ] {
            self.connection.prepare_cached(delete)?.execute([now])?;
        }
        Ok(())
    }

    pub(super) fn write_charges(&mut self) -> Result<(), SqlError> {
        for ((payer, key), charge) in self.charges.drain() {
            let (Some(run), Some(until)) = (charge.run, charge.until) else {
                continue;
            };
            let insert = match payer {
                Payer::Budget => {
                    "INSERT OR REPLACE INTO budget (key, since, routed, until)
                     VALUES (?1, ?2, ?3, ?4)"
                }
                Payer::Burst => {
                    "INSERT OR REPLACE INTO burst (key, since, routed, until)
                     VALUES (?1, ?2, ?3, ?4)"
                }
            };
            self.connection.prepare_cached(insert)?.execute(params![
                key,
                run.since,
                run.routed as i64,
                until
            ])?;
        }
        Ok(())
    }

    pub(super) fn write_hits(&self) -> Result<(), SqlError> {
        for ((hour, rule), (hits, last)) in &self.hits {
            self.connection
                .prepare_cached(
                    "UPDATE rule_hit SET hits = hits + ?2, last_hit = max(last_hit, ?3)
                     WHERE id = ?1",
                )?
                .execute(params![rule, hits, last])?;
            self.connection
                .prepare_cached(
                    "INSERT INTO rule_hour (hour, rule, hits) VALUES (?1, ?2, ?3)
                     ON CONFLICT (hour, rule) DO UPDATE SET hits = hits + ?3",
                )?
                .execute(params![hour, rule, hits])?;
        }
        Ok(())
    }
}
