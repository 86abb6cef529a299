//! Silences: read by the daemon, written by it and by commands beside it.
//!
//! `silence_version` is raised in the transaction of each change, so a process that polls it misses none and reads the list
//! only when it has changed. Hits are counted where all rules' hits are (`rule_hit`), not here: a hit is no change.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    batch::Batch,
    error::SqlError,
    time::{millis, timestamp},
};
use crate::{KEPT_SILENCES, Silence};

/// Stores one, or replaces the one of its id.
pub(super) fn put(batch: &mut Batch<'_>, silence: &Silence) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO silence (id, matchers, starts_at, ends_at, created_by, comment,
                created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            silence.id,
            silence.matchers,
            millis(silence.starts_at),
            millis(silence.ends_at),
            silence.created_by,
            silence.comment,
            millis(silence.created_at),
        ])?;
    changed(batch)
}

/// Ends one now; one to come never begins. False where none of that id is active or to come.
pub(super) fn expire(batch: &mut Batch<'_>, id: &str, now: Timestamp) -> Result<bool, SqlError> {
    let ended = batch
        .connection
        .prepare_cached(
            "UPDATE silence SET ends_at = ?2, starts_at = min(starts_at, ?2)
             WHERE id = ?1 AND ends_at > ?2",
        )?
        .execute(params![id, millis(now)])?;
    if ended == 0 {
        return Ok(false);
    }
    changed(batch)?;
    Ok(true)
}

/// Forgets those that ended long ago.
pub(super) fn forget(batch: &mut Batch<'_>, now: Timestamp) -> Result<(), SqlError> {
    let forgotten = batch
        .connection
        .prepare_cached("DELETE FROM silence WHERE ends_at < ?1")?
        .execute([before(now, KEPT_SILENCES)])?;
    if forgotten > 0 {
        changed(batch)?;
    }
    Ok(())
}

/// All of them, those that end first at the head.
pub(super) fn all(connection: &Connection) -> Result<Vec<Silence>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT silence.id, matchers, starts_at, ends_at, created_by, comment, created_at,
            coalesce(hits, 0), CASE WHEN hits > 0 THEN last_hit END
         FROM silence LEFT JOIN rule_hit ON rule = 'silence' AND name = silence.id
         ORDER BY ends_at, silence.id",
    )?;
    let rows = select.query_map([], |row| {
        Ok(Silence {
            id: row.get(0)?,
            matchers: row.get(1)?,
            starts_at: timestamp(row.get(2)?),
            ends_at: timestamp(row.get(3)?),
            created_by: row.get(4)?,
            comment: row.get(5)?,
            created_at: timestamp(row.get(6)?),
            hits: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
            last_hit: row.get::<_, Option<i64>>(8)?.map(timestamp),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Rises with each change.
pub(super) fn version(connection: &Connection) -> Result<u64, SqlError> {
    let number: i64 = connection
        .prepare_cached("SELECT number FROM silence_version")?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn changed(batch: &mut Batch<'_>) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached("UPDATE silence_version SET number = number + 1")?
        .execute([])?;
    Ok(())
}

fn before(now: Timestamp, age: Duration) -> i64 {
    millis(now).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
