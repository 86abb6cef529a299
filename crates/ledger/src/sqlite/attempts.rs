//! What came of each attempt of a delivery, for the trace of an alert.
//!
//! A delivery that gets through has no row here: when, and whether it was adopted, is in the delivery itself, and stands in the
//! history behind the attempts before it. So the rows are few, and the way of an alert that meets no trouble costs nothing.
//! Of a delivery that is tried without end the first [`FIRST`] and the last [`LAST`] rows are kept.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    batch::Batch,
    error::SqlError,
    time::{millis, timestamp},
};
use crate::{
    AttemptTrace,
    attempts::{FIRST, LAST, What, bounded},
};

/// Writes down how an attempt ended.
pub(super) fn record(
    batch: &mut Batch<'_>,
    delivery: i64,
    at: Timestamp,
    what: What,
    why: &str,
) -> Result<(), SqlError> {
    let number: i64 = batch
        .connection
        .prepare_cached(
            "INSERT INTO attempt (delivery, number, at, what, why)
             VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE delivery = ?1),
                ?2, ?3, ?4)
             RETURNING number",
        )?
        .query_row(
            params![delivery, millis(at), what.word(), bounded(why)],
            |row| row.get(0),
        )?;
    let beyond = number - LAST as i64;
    if beyond > FIRST as i64 {
        batch
            .connection
            .prepare_cached("DELETE FROM attempt WHERE delivery = ?1 AND number = ?2")?
            .execute([delivery, beyond])?;
    }
    Ok(())
}

/// What is known of a delivery's attempts, oldest first; without the one that delivered it.
pub(super) fn of(connection: &Connection, delivery: i64) -> Result<Vec<AttemptTrace>, SqlError> {
    let mut select = connection
        .prepare_cached("SELECT at, what, why FROM attempt WHERE delivery = ?1 ORDER BY number")?;
    let rows = select.query_map([delivery], |row| {
        Ok(AttemptTrace {
            at: timestamp(row.get(0)?),
            what: row.get(1)?,
            why: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the attempts of an alert's deliveries, which have numbers from `first` on.
pub(super) fn forget(batch: &mut Batch<'_>, first: i64, deliveries: i64) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached("DELETE FROM attempt WHERE delivery >= ?1 AND delivery < ?2")?
        .execute([first, first.saturating_add(deliveries)])?;
    Ok(())
}
