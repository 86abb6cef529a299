//! How the ledger stands, for `/metrics` and `alertbridge status`; a few look-ups, however much waits.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{dead_letters, error::SqlError, pauses, time::timestamp};
use crate::Status;

/// Reads it. The oldest waiting delivery is the lowest number in the oldest hour that has one waiting.
pub(super) fn status(
    connection: &Connection,
    path: &Path,
    stalled: Option<(Timestamp, String)>,
) -> Result<Status, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let mut status = Status {
        stalled,
        bytes: bytes(path),
        ..Status::default()
    };
    let mut select = transaction.prepare_cached(
        "SELECT sink.id, sink.name,
            (SELECT sum(pending) FROM sink_hour INDEXED BY sink_hour_pending
             WHERE sink_hour.sink = sink.id AND pending <> 0)
         FROM sink ORDER BY sink.name",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let pending = row.get::<_, Option<i64>>(2)?.unwrap_or(0);
        if let Some(oldest) = oldest_pending(&transaction, row.get(0)?)? {
            status
                .oldest_pending
                .push((name.clone(), timestamp(oldest)));
        }
        status
            .pending
            .push((name, u64::try_from(pending).unwrap_or(0)));
    }
    status.dead_letters = dead_letters::count(&transaction)?;
    status.pauses = pauses::all(&transaction)?;
    Ok(status)
}

fn oldest_pending(connection: &Connection, sink: i64) -> Result<Option<i64>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT received_at FROM alert WHERE id = (
                SELECT alert FROM delivery INDEXED BY delivery_books
                WHERE sink = ?1 AND outcome = 0 ORDER BY hour, id LIMIT 1)",
        )?
        .query_row([sink], |row| row.get(0))
        .optional()?)
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
