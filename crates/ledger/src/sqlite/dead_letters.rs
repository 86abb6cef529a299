//! Dead letters: listing, putting back, and marking as handled.
//!
//! The list has what was no alert first (`m…`), then dead deliveries (`d…`), each in the order of their numbers, so that a
//! page can go on after any id, whatever was handled meanwhile.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    payload::unpack,
    settle::close_one,
    time::{millis, timestamp},
};
use crate::{DeadLetter, DeadLetterKind, LetterId};

/// Unhandled dead letters after an id.
pub(super) fn list(
    connection: &Connection,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<DeadLetter>, SqlError> {
    let (malformed_after, delivery_after) = match after.map(LetterId::parse) {
        None | Some(None) => (Some(0), 0),
        Some(Some(LetterId::Malformed(id))) => (Some(id), 0),
        Some(Some(LetterId::Delivery(id))) => (None, id),
    };
    let mut letters = Vec::new();
    if let Some(id) = malformed_after {
        malformed(connection, id, limit, &mut letters)?;
    }
    deliveries(connection, delivery_after, limit, &mut letters)?;
    Ok(letters)
}

fn malformed(
    connection: &Connection,
    after: i64,
    limit: usize,
    letters: &mut Vec<DeadLetter>,
) -> Result<(), SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT malformed.id, source.name, place, why, received_at, body
         FROM malformed INDEXED BY malformed_unhandled JOIN source ON source.id = malformed.source
         WHERE handled_at IS NULL AND malformed.id > ?1 ORDER BY malformed.id LIMIT ?2",
    )?;
    let mut rows = select.query(params![after, limit as i64])?;
    while let Some(row) = rows.next()? {
        let received_at = timestamp(row.get(4)?);
        letters.push(DeadLetter {
            id: LetterId::Malformed(row.get(0)?).to_string(),
            kind: DeadLetterKind::Malformed,
            at: row.get(1)?,
            reference: row.get(2)?,
            why: row.get(3)?,
            attempts: 0,
            received_at,
            died_at: received_at,
            payload: text(row.get_ref(5)?.as_blob().unwrap_or_default()),
        });
    }
    Ok(())
}

fn deliveries(
    connection: &Connection,
    after: i64,
    limit: usize,
    letters: &mut Vec<DeadLetter>,
) -> Result<(), SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT delivery.id, sink.name, coalesce(alert.reference, ''), coalesce(why, ''),
            attempts, coalesce(alert.received_at, 0), delivery.finished_at, payload.codec,
            payload.size, payload.body
         FROM delivery INDEXED BY delivery_dead
         JOIN sink ON sink.id = delivery.sink
         LEFT JOIN alert ON alert.id = delivery.alert
         LEFT JOIN payload ON payload.alert = delivery.alert
         WHERE state = 4 AND handled_at IS NULL AND delivery.id > ?1
         ORDER BY delivery.id LIMIT ?2",
    )?;
    let left = limit - letters.len();
    let mut rows = select.query(params![after, left as i64])?;
    while let Some(row) = rows.next()? {
        let payload = match row.get::<_, Option<i64>>(7)? {
            Some(codec) => unpack(
                codec,
                row.get(8)?,
                row.get_ref(9)?.as_blob().unwrap_or_default(),
            )
            .unwrap_or_default(),
            None => Vec::new(),
        };
        letters.push(DeadLetter {
            id: LetterId::Delivery(row.get(0)?).to_string(),
            kind: DeadLetterKind::Delivery,
            at: row.get(1)?,
            reference: row.get(2)?,
            why: row.get(3)?,
            attempts: row.get(4)?,
            received_at: timestamp(row.get(5)?),
            died_at: timestamp(row.get::<_, Option<i64>>(6)?.unwrap_or_default()),
            payload: text(&payload),
        });
    }
    Ok(())
}

/// How many are unhandled.
pub(super) fn count(connection: &Connection) -> Result<u64, SqlError> {
    let count: i64 = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM malformed INDEXED BY malformed_unhandled
                     WHERE handled_at IS NULL)
                  + (SELECT count(*) FROM delivery INDEXED BY delivery_dead
                     WHERE state = 4 AND handled_at IS NULL)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(count as u64)
}

/// Puts a dead delivery back: in doubt, so that it is looked up first, and blamed for nothing any more.
pub(super) fn replay(batch: &mut Batch<'_>, id: &str) -> Result<bool, SqlError> {
    let Some(LetterId::Delivery(delivery)) = LetterId::parse(id) else {
        return Ok(false);
    };
    let back: Option<(i64, i64)> = batch
        .connection
        .prepare_cached(
            "UPDATE delivery SET state = 0, outcome = 0, doubt = 1, blamed = 0, finished_at = NULL
             WHERE id = ?1 AND state = 4 AND handled_at IS NULL RETURNING sink, hour",
        )?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((sink, hour)) = back else {
        return Ok(false);
    };
    let tally = batch.sink_tally(hour, sink);
    tally.dead -= 1;
    tally.pending += 1;
    Ok(true)
}

/// Marks a dead letter as handled. False where there is none unhandled by that id.
pub(super) fn dismiss(batch: &mut Batch<'_>, id: &str, now: Timestamp) -> Result<bool, SqlError> {
    let at = millis(now);
    match LetterId::parse(id) {
        None => Ok(false),
        Some(LetterId::Malformed(id)) => {
            let changed = batch
                .connection
                .prepare_cached(
                    "UPDATE malformed SET handled_at = ?2 WHERE id = ?1 AND handled_at IS NULL",
                )?
                .execute([id, at])?;
            Ok(changed == 1)
        }
        Some(LetterId::Delivery(id)) => {
            let alert: Option<i64> = batch
                .connection
                .prepare_cached(
                    "UPDATE delivery SET handled_at = ?2
                     WHERE id = ?1 AND state = 4 AND handled_at IS NULL RETURNING alert",
                )?
                .query_row([id, at], |row| row.get(0))
                .optional()?;
            if let Some(alert) = alert {
                close_one(batch, alert, at)?;
            }
            Ok(alert.is_some())
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
