//! Stored alerts in the order of their numbers, with their bytes: for trying a silence out on what came.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    error::SqlError,
    groups::{ROUTED, SILENCED},
    payload::unpack,
    time::{hour_of, millis, timestamp},
    trace::silenced_by,
};
use crate::{
    Stored, TraceOutcome,
    names::{DIGEST, LATE},
};

/// A page of so many bytes ends before its limit.
const MOST_BYTES: usize = 16 << 20;

/// Alerts received since a time whose bytes are kept, after a number.
pub(super) fn stored(
    connection: &Connection,
    since: Timestamp,
    after: i64,
    limit: usize,
) -> Result<Vec<Stored>, SqlError> {
    let since = millis(since);
    let [digests, late] = pseudo_sources(connection)?;
    let mut select = connection.prepare_cached(
        "SELECT alert.id, reference, received_at, outcome, silenced_by, codec, size, body
         FROM alert JOIN payload ON payload.alert = alert.id
         WHERE alert.id > ?1 AND alert.id >= ?2 AND received_at >= ?3 AND source NOT IN (?4, ?5)
         ORDER BY alert.id LIMIT ?6",
    )?;
    // Only the first page has to look for where to begin.
    let first = match after {
        ..1 => first_since(connection, hour_of(since))?,
        _ => None,
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let first = first.unwrap_or(0);
    let mut rows = select.query(params![after, first, since, digests, late, limit])?;
    let mut stored: Vec<Stored> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(7)?.as_blob().unwrap_or_default();
        // Damaged bytes are as those of a dead letter: none.
        let payload = unpack(row.get(5)?, row.get(6)?, body).unwrap_or_default();
        bytes += payload.len();
        stored.push(Stored {
            number: row.get(0)?,
            reference: row.get(1)?,
            received_at: timestamp(row.get(2)?),
            outcome: match row.get(3)? {
                ROUTED => TraceOutcome::Routed,
                SILENCED => TraceOutcome::Silenced(silenced_by(connection, row.get(4)?)?),
                _ => TraceOutcome::Folded,
            },
            payload,
        });
        if bytes >= MOST_BYTES {
            break;
        }
    }
    Ok(stored)
}

/// The lowest number of an alert received in an hour or later. Numbers rise with reception, but a clock may have been set back.
pub(super) fn first_since(connection: &Connection, hour: i64) -> Result<Option<i64>, SqlError> {
    let mut sources = connection.prepare_cached("SELECT id FROM source")?;
    let mut sources = sources.query([])?;
    let mut first: Option<i64> = None;
    while let Some(source) = sources.next()? {
        let own: Option<i64> = connection
            .prepare_cached(
                "SELECT min(id) FROM alert INDEXED BY alert_books
                 WHERE source = ?1 AND hour >= ?2",
            )?
            .query_row([source.get(0)?, hour], |row| row.get(0))?;
        first = match (first, own) {
            (Some(first), Some(own)) => Some(first.min(own)),
            (first, own) => first.or(own),
        };
    }
    Ok(first)
}

/// The numbers of the sources that bring no alerts: of digests, and of what was known late; 0 (none) where they brought nothing.
pub(super) fn pseudo_sources(connection: &Connection) -> Result<[i64; 2], SqlError> {
    let number = |name: &str| {
        let found = connection
            .prepare_cached("SELECT id FROM source WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        Ok::<i64, SqlError>(found.unwrap_or(0))
    };
    Ok([number(DIGEST)?, number(LATE)?])
}
