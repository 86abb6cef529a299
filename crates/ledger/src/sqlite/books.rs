//! The books: counters read, held against each other, and held against the rows they count.
//!
//! One read transaction, so the sums are of one moment. Counters are one row per hour and name. The rows are counted from
//! three covering indexes (`alert_books`, `delivery_books`, `malformed_books`), from the first hour asked for on: about
//! 0.1 s for each million of alerts in that span, on a thread of its own, never in the way of an intake.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::{
    error::SqlError,
    groups::{FOLDED, SILENCED},
    time::{hour_of, hour_start, millis},
};
use crate::{
    Books, SinkRow, SourceRow,
    sums::{HourSums, SinkSums, SourceSums, books_of},
};

/// The books since an hour.
pub(super) fn books(
    connection: &Connection,
    since: Option<jiff::Timestamp>,
) -> Result<Books, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let first = since.map(|since| hour_of(millis(since)));
    let from = first.unwrap_or(i64::MIN);
    let mut hours: BTreeMap<i64, HourSums> = BTreeMap::new();
    source_counters(&transaction, from, &mut hours)?;
    sink_counters(&transaction, from, &mut hours)?;
    count_alerts(&transaction, from, &mut hours)?;
    count_malformed(&transaction, from, &mut hours)?;
    count_deliveries(&transaction, from, &mut hours)?;
    let hours = hours
        .into_iter()
        .map(|(hour, sums)| (hour_start(hour), sums));
    Ok(books_of(first.map(hour_start), hours.collect()))
}

fn source_counters(
    connection: &Connection,
    from: i64,
    hours: &mut BTreeMap<i64, HourSums>,
) -> Result<(), SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT hour, name, received, malformed, duplicate, filtered, silenced, folded, routed,
            collisions, forgotten, malformed_forgotten, silenced_forgotten, folded_forgotten
         FROM source_hour JOIN source ON source.id = source_hour.source WHERE hour >= ?1",
    )?;
    let mut rows = select.query([from])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let sums = SourceSums {
            row: SourceRow {
                source: name.clone(),
                received: counter(row, 2)?,
                malformed: counter(row, 3)?,
                duplicate: counter(row, 4)?,
                filtered: counter(row, 5)?,
                silenced: counter(row, 6)?,
                folded: counter(row, 7)?,
                routed: counter(row, 8)?,
                collisions: counter(row, 9)?,
            },
            stored: counter(row, 10)?,
            malformed_stored: counter(row, 11)?,
            silenced_stored: counter(row, 12)?,
            folded_stored: counter(row, 13)?,
        };
        hours
            .entry(row.get(0)?)
            .or_default()
            .sources
            .insert(name, sums);
    }
    Ok(())
}

fn sink_counters(
    connection: &Connection,
    from: i64,
    hours: &mut BTreeMap<i64, HourSums>,
) -> Result<(), SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT hour, name, routed, delivered, adopted, dead, pending, delivered_forgotten,
            dead_forgotten
         FROM sink_hour JOIN sink ON sink.id = sink_hour.sink WHERE hour >= ?1",
    )?;
    let mut rows = select.query([from])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let sums = SinkSums {
            row: SinkRow {
                sink: name.clone(),
                routed: counter(row, 2)?,
                delivered: counter(row, 3)?,
                adopted: counter(row, 4)?,
                dead: counter(row, 5)?,
                pending: counter(row, 6)?,
            },
            pending_stored: 0,
            delivered_stored: counter(row, 7)?,
            dead_stored: counter(row, 8)?,
        };
        hours
            .entry(row.get(0)?)
            .or_default()
            .sinks
            .insert(name, sums);
    }
    Ok(())
}

/// A counter; a negative one (damage) reads as 0 and is then found not to fit.
fn counter(row: &rusqlite::Row<'_>, column: usize) -> Result<u64, SqlError> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// Names with their numbers, to count one by one along an index.
fn names(connection: &Connection, select: &str) -> Result<Vec<(i64, String)>, SqlError> {
    let mut select = connection.prepare_cached(select)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn count_alerts(
    connection: &Connection,
    from: i64,
    hours: &mut BTreeMap<i64, HourSums>,
) -> Result<(), SqlError> {
    for (source, name) in names(connection, "SELECT id, name FROM source")? {
        let mut select = connection.prepare_cached(
            "SELECT hour, count(*), outcome FROM alert INDEXED BY alert_books
             WHERE source = ?1 AND hour >= ?2 GROUP BY hour, outcome",
        )?;
        let mut rows = select.query([source, from])?;
        while let Some(row) = rows.next()? {
            let sums = hours.entry(row.get(0)?).or_default().source(&name);
            let count = counter(row, 1)?;
            match row.get(2)? {
                FOLDED => sums.folded_stored += count,
                SILENCED => sums.silenced_stored += count,
                _ => sums.stored += count,
            }
        }
    }
    Ok(())
}

fn count_malformed(
    connection: &Connection,
    from: i64,
    hours: &mut BTreeMap<i64, HourSums>,
) -> Result<(), SqlError> {
    for (source, name) in names(connection, "SELECT id, name FROM source")? {
        let mut select = connection.prepare_cached(
            "SELECT hour, count(*) FROM malformed INDEXED BY malformed_books
             WHERE source = ?1 AND hour >= ?2 GROUP BY hour",
        )?;
        let mut rows = select.query([source, from])?;
        while let Some(row) = rows.next()? {
            let sums = hours.entry(row.get(0)?).or_default();
            sums.source(&name).malformed_stored += counter(row, 1)?;
        }
    }
    Ok(())
}

fn count_deliveries(
    connection: &Connection,
    from: i64,
    hours: &mut BTreeMap<i64, HourSums>,
) -> Result<(), SqlError> {
    for (sink, name) in names(connection, "SELECT id, name FROM sink")? {
        for outcome in 0..=2 {
            let mut select = connection.prepare_cached(
                "SELECT hour, count(*) FROM delivery INDEXED BY delivery_books
                 WHERE sink = ?1 AND outcome = ?2 AND hour >= ?3 GROUP BY hour",
            )?;
            let mut rows = select.query(params![sink, outcome, from])?;
            while let Some(row) = rows.next()? {
                let sums = hours.entry(row.get(0)?).or_default().sink(&name);
                let count = counter(row, 1)?;
                match outcome {
                    0 => sums.pending_stored += count,
                    1 => sums.delivered_stored += count,
                    _ => sums.dead_stored += count,
                }
            }
        }
    }
    Ok(())
}
