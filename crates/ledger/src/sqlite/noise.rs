//! What makes the noise: what each rule took, who is loudest, and the largest groups.
//!
//! Made for a person who waits for it, on a ledger of millions of alerts: counters by hour tell what was received and taken; the
//! loudest are found in one pass over the rows of the hours asked for (two where names are very many), which begins at the
//! first of them. About 0.7 s for each million of alerts, 1.5 s where each has a rule of its own (`benches/noise.rs`). Groups are read
//! one by one.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    error::SqlError,
    loudest::{MOST_NAMES, Seen, Tally, count},
    payload::unpack,
    stored::{first_since, pseudo_sources},
    time::{hour_of, hour_start, millis, timestamp},
    trace::group_as_told,
};
use crate::{Group, Hits, Noise, NoiseRow};

/// From the start of the hour that a time lies in.
pub(super) fn noise(
    connection: &Connection,
    since: Timestamp,
    limit: usize,
) -> Result<Noise, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let hour = hour_of(millis(since));
    Ok(Noise {
        received: received(&transaction, hour)?,
        taken: taken(&transaction, hour, limit)?,
        loudest: loudest(&transaction, hour, limit)?,
        groups: largest(&transaction, hour, limit)?,
    })
}

fn received(connection: &Connection, hour: i64) -> Result<u64, SqlError> {
    let [digests, late] = pseudo_sources(connection)?;
    let received: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(received - malformed - duplicate), 0) FROM source_hour
             WHERE hour >= ?1 AND source NOT IN (?2, ?3)",
        )?
        .query_row([hour, digests, late], |row| row.get(0))?;
    Ok(u64::try_from(received).unwrap_or(0))
}

fn taken(connection: &Connection, hour: i64, limit: usize) -> Result<Vec<Hits>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT rule_hit.rule, name, sum(rule_hour.hits), last_hit
         FROM rule_hour JOIN rule_hit ON rule_hit.id = rule_hour.rule
         WHERE hour >= ?1 GROUP BY rule_hit.id HAVING sum(rule_hour.hits) > 0
         ORDER BY 3 DESC, 1, 2 LIMIT ?2",
    )?;
    let rows = select.query_map(params![hour, most(limit)], |row| {
        Ok(Hits {
            rule: row.get(0)?,
            name: row.get(1)?,
            hits: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
            last_hit: timestamp(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn loudest(connection: &Connection, hour: i64, limit: usize) -> Result<Vec<NoiseRow>, SqlError> {
    let Some(first) = first_since(connection, hour)? else {
        return Ok(Vec::new());
    };
    let [digests, late] = pseudo_sources(connection)?;
    // Rows of before version 2 have their agent in their deliveries alone.
    let mut select = connection.prepare_cached(
        "SELECT id, level, outcome, kept, rule_id, coalesce(agent,
            (SELECT delivery.agent FROM delivery
             WHERE delivery.id = first_delivery AND delivery.alert = alert.id))
         FROM alert WHERE id >= ?1 AND hour >= ?2 AND source NOT IN (?3, ?4)",
    )?;
    let mut name = String::new();
    let names = count(MOST_NAMES, |each| {
        let mut rows = select.query([first, hour, digests, late])?;
        while let Some(row) = rows.next()? {
            let agent: Option<i64> = row.get(5)?;
            name.clear();
            name.push_str(&agent.unwrap_or_default().to_string());
            name.push(' ');
            name.push_str(row.get_ref(4)?.as_str().unwrap_or_default());
            let seen = Seen {
                number: row.get(0)?,
                level: row.get(1)?,
                outcome: row.get(2)?,
                kept: row.get::<_, i64>(3)? != 0,
            };
            each(&name, seen);
        }
        Ok::<(), SqlError>(())
    })?;

    let mut rows = Vec::new();
    let quietest = nth_largest(names.values().map(|tally| tally.alerts), limit);
    for (name, tally) in names {
        if tally.alerts >= quietest {
            rows.push((row(connection, &name, &tally)?, tally.newest));
        }
    }
    rows.sort_by(|(one, _), (other, _)| {
        (other.alerts, &one.rule_id, &one.agent).cmp(&(one.alerts, &other.rule_id, &other.agent))
    });
    rows.truncate(limit);
    let mut loudest = Vec::with_capacity(rows.len());
    for (mut row, newest) in rows {
        row.example = payload(connection, newest)?;
        loudest.push(row);
    }
    Ok(loudest)
}

/// The number that so many of them reach; 0 where there are fewer.
fn nth_largest(numbers: impl Iterator<Item = u64>, nth: usize) -> u64 {
    let mut numbers: Vec<u64> = numbers.collect();
    match nth.checked_sub(1) {
        None => u64::MAX,
        Some(place) if place >= numbers.len() => 0,
        Some(place) => {
            let (_, number, _) = numbers.select_nth_unstable_by(place, |one, other| other.cmp(one));
            *number
        }
    }
}

fn row(connection: &Connection, name: &str, tally: &Tally) -> Result<NoiseRow, SqlError> {
    let (agent, rule_id) = name.split_once(' ').unwrap_or_default();
    let agent: Option<String> = connection
        .prepare_cached("SELECT name FROM agent WHERE id = ?1")?
        .query_row([agent.parse::<i64>().unwrap_or_default()], |row| row.get(0))
        .optional()?;
    let [routed, silenced, folded] = tally.outcomes;
    Ok(NoiseRow {
        rule_id: rule_id.to_owned(),
        agent: agent.unwrap_or_default(),
        level: tally.level,
        alerts: tally.alerts,
        silenced,
        folded,
        routed,
        example: None,
    })
}

/// An alert's bytes, where they are kept and whole.
pub(super) fn payload(connection: &Connection, alert: i64) -> Result<Option<Vec<u8>>, SqlError> {
    let found = connection
        .prepare_cached("SELECT codec, size, body FROM payload WHERE alert = ?1")?
        .query_row([alert], |row| {
            let body = row.get_ref(2)?.as_blob().unwrap_or_default();
            Ok(unpack(row.get(0)?, row.get(1)?, body).ok())
        })
        .optional()?;
    Ok(found.flatten())
}

fn largest(connection: &Connection, hour: i64, limit: usize) -> Result<Vec<Group>, SqlError> {
    let since = millis(hour_start(hour));
    let mut select = connection.prepare_cached(
        "SELECT id FROM fold WHERE folded > 0 AND last_at >= ?1
         ORDER BY folded DESC, id LIMIT ?2",
    )?;
    let mut rows = select.query(params![since, most(limit)])?;
    let mut largest = Vec::new();
    while let Some(row) = rows.next()? {
        largest.extend(group_as_told(connection, row.get(0)?)?);
    }
    Ok(largest)
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
