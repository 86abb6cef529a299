//! How the ledger stands, for `/metrics` and `alertbridge status`; a few look-ups, however many deliveries wait, and a
//! count of the tellings that do, in their index alone.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{dead_letters, error::SqlError, pauses, tallies, tellings, time::timestamp};
use crate::Status;

/// Reads it. The oldest waiting delivery is the lowest number in the oldest hour that has one waiting.
pub(super) fn status(
    connection: &Connection,
    path: &Path,
    stalled: Option<(Timestamp, String)>,
    open_groups: Option<u64>,
) -> Result<Status, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let mut status = Status {
        stalled,
        bytes: bytes(path),
        ..Status::default()
    };
    let mut select = transaction.prepare_cached("SELECT id, name FROM sink ORDER BY name")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (sink, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut pending = 0;
        if let Some(hour) = oldest_hour(&transaction, sink)? {
            pending = pending_since(&transaction, sink, hour)?;
        }
        if let Some(received_at) = oldest_pending(&transaction, sink)? {
            status
                .oldest_pending
                .push((name.clone(), timestamp(received_at)));
        }
        let (tellings, oldest) = tellings::waiting_at(&transaction, sink)?;
        status.tellings_waiting.push((name.clone(), tellings));
        status
            .oldest_telling
            .extend(oldest.map(|at| (name.clone(), timestamp(at))));
        if let Some(why) = waiting(&transaction, sink)? {
            status.waiting.push((name.clone(), why));
        }
        status
            .pending
            .push((name, u64::try_from(pending).unwrap_or(0)));
    }
    status.tallies_waiting = tallies::waiting(&transaction)?;
    status.dead_letters = dead_letters::count(&transaction)?;
    status.open_groups = match open_groups {
        Some(known) => known,
        None => count(
            &transaction,
            "SELECT count(*) FROM fold INDEXED BY fold_until WHERE key IS NOT NULL",
        )?,
    };
    status.crowded_out = count(&transaction, "SELECT crowded_out FROM quiet")?;
    status.pauses = pauses::all(&transaction)?;
    Ok(status)
}

fn count(connection: &Connection, select: &str) -> Result<u64, SqlError> {
    let count: i64 = connection
        .prepare_cached(select)?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Why the delivery waits that is due last, digests being filled left out: one look-up a lane.
fn waiting(connection: &Connection, sink: i64) -> Result<Option<String>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT last.why FROM lane JOIN delivery AS last ON last.id = (
                SELECT id FROM delivery INDEXED BY delivery_waiting
                WHERE delivery.lane = lane.id AND state = 1 AND why <> ''
                ORDER BY due_at DESC LIMIT 1)
             WHERE lane.sink = ?1 ORDER BY last.due_at DESC LIMIT 1",
        )?
        .query_row([sink], |row| row.get(0))
        .optional()?
        .flatten())
}

/// The oldest hour that has one waiting.
fn oldest_hour(connection: &Connection, sink: i64) -> Result<Option<i64>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT hour FROM delivery INDEXED BY delivery_books
             WHERE sink = ?1 AND outcome = 0 ORDER BY hour, id LIMIT 1",
        )?
        .query_row([sink], |row| row.get(0))
        .optional()?)
}

/// When the alert of the oldest one was received. A digest that is being filled is not late.
fn oldest_pending(connection: &Connection, sink: i64) -> Result<Option<i64>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT coalesce(alert.received_at, 0)
             FROM delivery INDEXED BY delivery_books
             LEFT JOIN alert ON alert.id = delivery.alert
             WHERE delivery.sink = ?1 AND delivery.outcome = 0
               AND NOT (delivery.state = 1 AND delivery.attempts = 0)
             ORDER BY delivery.hour, delivery.id LIMIT 1",
        )?
        .query_row([sink], |row| row.get(0))
        .optional()?)
}

/// The counters of the hours from the oldest one on that has something waiting: no index of theirs is needed for it, which
/// each commit would have to keep.
fn pending_since(connection: &Connection, sink: i64, hour: i64) -> Result<i64, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT coalesce(sum(pending), 0) FROM sink_hour WHERE hour >= ?1 AND sink = ?2",
        )?
        .query_row([hour, sink], |row| row.get(0))?)
}

/// The database and its write-ahead log.
fn bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.as_os_str(), &log]
        .iter()
        .filter_map(|file| std::fs::metadata(file).ok())
        .map(|file| file.len())
        .sum()
}
