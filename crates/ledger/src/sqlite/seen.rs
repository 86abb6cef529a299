//! How often a rule is seen, counted by hour and agent as alerts come: what a prompt tells must not cost a walk through a
//! large table. Summed in memory for a transaction and written once, like all counters.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    time::{hour_of, millis, timestamp},
};
use crate::Seen;

/// What a transaction adds, by hour and agent, then by rule: alerts, and when the first was received.
pub(super) type Sightings = HashMap<(i64, i64), HashMap<String, (i64, i64)>>;

impl Batch<'_> {
    /// An alert was stored.
    pub(super) fn see(&mut self, received_at: i64, rule_id: &str, agent: i64) {
        let rules = self
            .sightings
            .entry((hour_of(received_at), agent))
            .or_default();
        match rules.get_mut(rule_id) {
            Some((alerts, first)) => {
                *alerts += 1;
                *first = received_at.min(*first);
            }
            None => {
                rules.insert(rule_id.into(), (1, received_at));
            }
        }
    }

    pub(super) fn write_sightings(&mut self) -> Result<(), SqlError> {
        for ((hour, agent), rules) in self.sightings.drain() {
            for (rule_id, (alerts, first)) in rules {
                self.connection
                    .prepare_cached(
                        "INSERT INTO seen (hour, rule_id, agent, alerts, first_at)
                         VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (hour, rule_id, agent) DO UPDATE SET
                            alerts = alerts + ?4, first_at = min(first_at, ?5)",
                    )?
                    .execute(params![hour, rule_id, agent, alerts, first])?;
            }
        }
        Ok(())
    }

    /// Forgets so many hours before a time; true where there are more.
    pub(super) fn forget_seen(&mut self, before: i64, most: usize) -> Result<bool, SqlError> {
        // What this transaction adds is written first, so that it is forgotten or kept like the rest.
        self.write_sightings()?;
        let before = hour_of(before);
        for _ in 0..most {
            match self.oldest_seen()? {
                Some(hour) if hour < before => self
                    .connection
                    .prepare_cached("DELETE FROM seen WHERE hour = ?1")?
                    .execute([hour])?,
                _ => return Ok(false),
            };
        }
        Ok(self.oldest_seen()?.is_some_and(|hour| hour < before))
    }

    fn oldest_seen(&self) -> Result<Option<i64>, SqlError> {
        Ok(self
            .connection
            .prepare_cached("SELECT min(hour) FROM seen")?
            .query_row([], |row| row.get(0))?)
    }
}

/// How often a rule was seen, and here: two look-ups for each hour, and the rule's own rows.
pub(super) fn seen(
    connection: &Connection,
    rule_id: &str,
    agent: &str,
    since: Timestamp,
) -> Result<Seen, SqlError> {
    let here: Option<i64> = connection
        .prepare_cached("SELECT id FROM agent WHERE name = ?1")?
        .query_row([agent], |row| row.get(0))
        .optional()?;
    let seen = connection
        .prepare_cached(
            "WITH RECURSIVE hours (hour) AS (
                SELECT min(hour) FROM seen WHERE hour >= ?2
                UNION ALL
                SELECT (SELECT min(seen.hour) FROM seen WHERE seen.hour > hours.hour) FROM hours
                WHERE hours.hour IS NOT NULL)
             SELECT coalesce(sum(alerts), 0), count(DISTINCT agent),
                coalesce(sum(CASE WHEN agent = ?3 THEN alerts END), 0), min(first_at)
             FROM hours CROSS JOIN seen ON seen.hour = hours.hour AND rule_id = ?1",
        )?
        .query_row(params![rule_id, hour_of(millis(since)), here], |row| {
            let count = |column: usize| -> rusqlite::Result<u64> {
                Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
            };
            Ok(Seen {
                alerts: count(0)?,
                agents: count(1)?,
                here: count(2)?,
                first: row.get::<_, Option<i64>>(3)?.map(timestamp),
            })
        })?;
    Ok(seen)
}
