//! Forgetting what is old: payloads, then references, of finished alerts, what was no alert once it is handled, triage jobs
//! (answers like payloads, the rest like references), tallies that were reported, and how often rules were seen.
//!
//! What goes is counted per hour, so that the books can still be held against the rows that stay. Freed pages are given back
//! to the file system, at most [`MOST_PAGES`] in one transaction.

use rusqlite::params;

use super::{
    attempts,
    batch::Batch,
    error::SqlError,
    groups::{self, FOLDED, SILENCED},
    jobs, silences, tallies,
    time::millis,
};
use crate::{Prune, PruneReport};

/// `alert.kept`.
const KEPT_NOT: i64 = 0;
/// `alert.kept`.
const KEPT_ROUTED: i64 = 1;
/// `alert.kept`: of a silenced or folded one.
const KEPT_QUIET: i64 = 2;

/// So many hours of what was seen are forgotten at once.
const MOST_HOURS: usize = 24;

/// 16 MiB with pages of 4 KiB.
const MOST_PAGES: u32 = 4096;

/// Forgets up to a limit of rows.
pub(super) fn prune(batch: &mut Batch<'_>, prune: &Prune) -> Result<PruneReport, SqlError> {
    let payloads_before = before(prune.now, prune.payloads_after);
    let references_before = before(prune.now, prune.references_after);
    let mut report = PruneReport::default();
    let mut left = prune.limit.max(1);

    let quiet_before = before(prune.now, prune.quiet_payloads_after);
    for (kept, before) in [(KEPT_ROUTED, payloads_before), (KEPT_QUIET, quiet_before)] {
        let alerts = finished(batch, kept, before.max(references_before), left)?;
        for &alert in &alerts {
            if kept == KEPT_QUIET && may_take_over(batch, alert)? {
                // Asked again after the same time.
                batch
                    .connection
                    .prepare_cached("UPDATE alert SET finished_at = ?2 WHERE id = ?1")?
                    .execute([alert, millis(prune.now)])?;
                continue;
            }
            batch
                .connection
                .prepare_cached("DELETE FROM payload WHERE alert = ?1")?
                .execute([alert])?;
            batch
                .connection
                .prepare_cached("UPDATE alert SET kept = 0 WHERE id = ?1")?
                .execute([alert])?;
            report.payloads += 1;
        }
        left -= alerts.len();
    }

    let alerts = finished(batch, KEPT_NOT, references_before, left)?;
    if !alerts.is_empty() {
        batch.keep_numbers()?;
    }
    for &alert in &alerts {
        forget(batch, alert)?;
    }
    report.references = alerts.len() as u64;
    left -= alerts.len();

    left -= forget_malformed(batch, left)?;
    left -= jobs::forget(batch, payloads_before, references_before, left)?;
    left -= tallies::forget(batch, prune.now, left)?;
    let unseen = batch.forget_seen(references_before, MOST_HOURS)?;
    silences::forget(batch, prune.now)?;
    batch.forget_charges(millis(prune.now))?;
    let most = prune.limit.max(1);
    let closed = groups::sweep(batch, millis(prune.now), most)?;
    report.more = left == 0 || closed == most || unseen;
    let vacuum = format!("PRAGMA incremental_vacuum({MOST_PAGES})");
    let mut vacuum = batch.connection.prepare_cached(&vacuum)?;
    let mut freed = vacuum.query([])?;
    // Each step gives one page back.
    while freed.next()?.is_some() {}
    Ok(report)
}

fn before(now: jiff::Timestamp, age: std::time::Duration) -> i64 {
    millis(now).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Alerts finished before a time, oldest first.
fn finished(batch: &Batch<'_>, kept: i64, before: i64, limit: usize) -> Result<Vec<i64>, SqlError> {
    let mut select = batch.connection.prepare_cached(
        "SELECT id FROM alert INDEXED BY alert_finished
         WHERE kept = ?1 AND finished_at < ?2 AND finished_at IS NOT NULL
         ORDER BY finished_at, id LIMIT ?3",
    )?;
    let rows = select.query_map(params![kept, before, limit as i64], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn forget(batch: &mut Batch<'_>, alert: i64) -> Result<(), SqlError> {
    let connection = batch.connection;
    let (source, hour, first, deliveries, outcome): (i64, i64, i64, i64, i64) = connection
        .prepare_cached(
            "SELECT source, hour, first_delivery, deliveries, outcome FROM alert WHERE id = ?1",
        )?
        .query_row([alert], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM delivery WHERE id >= ?1 AND id < ?2 RETURNING sink, hour, outcome",
    )?;
    let mut rows = delete.query([first, first + deliveries])?;
    while let Some(row) = rows.next()? {
        let tally = batch.sink_tally(row.get(1)?, row.get(0)?);
        if row.get::<_, i64>(2)? == 1 {
            tally.delivered_forgotten += 1;
        } else {
            tally.dead_forgotten += 1;
        }
    }
    attempts::forget(batch, first, deliveries)?;
    if deliveries > 0 {
        forget_group(batch, alert, first, deliveries)?;
    }
    connection
        .prepare_cached("DELETE FROM alert WHERE id = ?1")?
        .execute([alert])?;
    let tally = batch.source_tally(hour, source);
    match outcome {
        FOLDED => tally.folded_forgotten += 1,
        SILENCED => tally.silenced_forgotten += 1,
        _ => tally.forgotten += 1,
    }
    Ok(())
}

/// A group goes with its parent, and so do the counts on their way to sinks.
fn forget_group(
    batch: &mut Batch<'_>,
    parent: i64,
    first: i64,
    deliveries: i64,
) -> Result<(), SqlError> {
    let connection = batch.connection;
    connection
        .prepare_cached("DELETE FROM telling WHERE delivery >= ?1 AND delivery < ?2")?
        .execute([first, first.saturating_add(deliveries)])?;
    let Some(group) = groups::of_parent(connection, parent)? else {
        return Ok(());
    };
    connection
        .prepare_cached("DELETE FROM continues WHERE fold = ?1")?
        .execute([group.id])?;
    let open: bool = connection
        .prepare_cached("DELETE FROM fold WHERE id = ?1 RETURNING key IS NOT NULL")?
        .query_row([group.id], |row| row.get(0))?;
    if open {
        // The row is gone: where the open ones were not counted yet, they are now, without it.
        let known = batch.open_is_known();
        let open = batch.open()?;
        open.count -= i64::from(known);
    }
    Ok(())
}

/// A member whose group's parent may still die, and need its bytes.
fn may_take_over(batch: &Batch<'_>, alert: i64) -> Result<bool, SqlError> {
    Ok(batch
        .connection
        .prepare_cached(
            "SELECT 1 FROM alert JOIN fold ON fold.id = alert.fold
             WHERE alert.id = ?1 AND alert.outcome = 2 AND ended IS NOT 'dead' AND EXISTS (
                SELECT 1 FROM alert AS parent JOIN delivery ON delivery.id = parent.first_delivery
                    AND delivery.alert = parent.id
                WHERE parent.id = fold.parent AND delivery.outcome = 0)",
        )?
        .exists([alert])?)
}

fn forget_malformed(batch: &mut Batch<'_>, limit: usize) -> Result<usize, SqlError> {
    let connection = batch.connection;
    let mut delete = connection.prepare_cached(
        "DELETE FROM malformed WHERE id IN (
            SELECT id FROM malformed INDEXED BY malformed_handled
            WHERE handled_at IS NOT NULL LIMIT ?1)
         RETURNING source, hour",
    )?;
    let mut rows = delete.query([limit as i64])?;
    let mut forgotten = 0;
    while let Some(row) = rows.next()? {
        batch
            .source_tally(row.get(1)?, row.get(0)?)
            .malformed_forgotten += 1;
        forgotten += 1;
    }
    Ok(forgotten)
}
