//! What is counted with alerts, to be reported: written in the intake's transaction, claimed and given back like deliveries.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    time::{millis, timestamp},
};
use crate::{
    ClaimedTally, KEPT_TALLIES, LONGEST_TALLY, LONGEST_WAIT, TalliesWaiting, Tally, TallyVerdict,
    attempts::bounded, decide::span,
};

/// An alert was stored.
pub(super) fn add(batch: &Batch<'_>, received_at: i64, tallies: &[Tally]) -> Result<(), SqlError> {
    for tally in tallies {
        // Only the newest row of a key can still be one that was never given out.
        let counted = batch
            .connection
            .prepare_cached(
                "UPDATE tally SET count = count + 1, last_at = max(last_at, ?3)
                 WHERE begun = 0 AND id = (SELECT id FROM tally WHERE kind = ?1 AND key = ?2
                    ORDER BY running DESC LIMIT 1)",
            )?
            .execute(params![tally.kind, tally.key, received_at])?;
        if counted > 0 {
            continue;
        }
        let due_at = millis(tally.due_at).min(received_at.saturating_add(span(LONGEST_TALLY)));
        batch
            .connection
            .prepare_cached(
                "INSERT INTO tally (kind, key, running, first_at, last_at, due_at, body)
                 SELECT ?1, ?2, coalesce(max(running), 0) + 1, ?3, ?3, ?4, ?5
                 FROM tally WHERE kind = ?1 AND key = ?2",
            )?
            .execute(params![
                tally.kind,
                tally.key,
                received_at,
                due_at,
                tally.body
            ])?;
    }
    Ok(())
}

/// Claims what is due, or was put off by a clock that has been set back since.
pub(super) fn claim(
    batch: &Batch<'_>,
    kind: &str,
    now: Timestamp,
    lease: Duration,
    limit: usize,
) -> Result<Vec<ClaimedTally>, SqlError> {
    release(batch, Some(now))?;
    let now = millis(now);
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut due: Vec<(i64, i64)> = Vec::new();
    let late = now.saturating_add(span(LONGEST_TALLY) + 1);
    for (from, to) in [(i64::MIN, now), (late, i64::MAX)] {
        let mut select = batch.connection.prepare_cached(
            "SELECT due_at, id FROM tally INDEXED BY tally_waiting
             WHERE state < 2 AND state = 0 AND kind = ?1 AND due_at BETWEEN ?2 AND ?3
             ORDER BY due_at, id LIMIT ?4",
        )?;
        let mut rows = select.query(params![kind, from, to, most])?;
        while let Some(row) = rows.next()? {
            due.push((row.get(0)?, row.get(1)?));
        }
    }
    due.sort_unstable();
    due.truncate(limit);
    let lease_until = now.saturating_add(millis_of(lease.min(LONGEST_WAIT)));
    let mut claimed = Vec::with_capacity(due.len());
    for (_, number) in due {
        claimed.push(give(batch, number, lease_until)?);
    }
    Ok(claimed)
}

fn give(batch: &Batch<'_>, number: i64, lease_until: i64) -> Result<ClaimedTally, SqlError> {
    Ok(batch
        .connection
        .prepare_cached(
            "UPDATE tally SET state = 1, begun = begun + 1, fence = fence + 1, lease_until = ?2
             WHERE id = ?1
             RETURNING fence, key, running, count, first_at, last_at, body, begun",
        )?
        .query_row([number, lease_until], |row| {
            Ok(ClaimedTally {
                number,
                fence: row.get(0)?,
                key: row.get(1)?,
                running: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                count: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                first_at: timestamp(row.get(4)?),
                last_at: timestamp(row.get(5)?),
                body: row.get(6)?,
                begun: row.get(7)?,
            })
        })?)
}

/// Frees claims whose lease is over, or all.
pub(super) fn release(
    batch: &Batch<'_>,
    expired_before: Option<Timestamp>,
) -> Result<(), SqlError> {
    let now = expired_before.map(millis);
    batch
        .connection
        .prepare_cached(
            "UPDATE tally INDEXED BY tally_claimed SET state = 0
             WHERE state = 1 AND (?1 IS NULL OR lease_until < ?1 OR lease_until > ?2)",
        )?
        .execute(params![
            now,
            now.map(|now| now.saturating_add(span(LONGEST_WAIT)))
        ])?;
    Ok(())
}

/// Settles; a claim that was lost in between settles nothing.
pub(super) fn settle(
    batch: &Batch<'_>,
    number: i64,
    fence: i64,
    verdict: &TallyVerdict,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let (ended_at, due_at, why) = match verdict {
        TallyVerdict::Done => (Some(at), None, None),
        TallyVerdict::Dropped { why } => (Some(at), None, Some(bounded(why))),
        TallyVerdict::Retry { due_at, why } => (None, Some(*due_at), Some(bounded(why))),
    };
    let latest = millis(at).saturating_add(span(LONGEST_TALLY));
    let settled = batch
        .connection
        .prepare_cached(
            "UPDATE tally SET state = CASE WHEN ?3 IS NULL THEN 0 ELSE 2 END, ended_at = ?3,
                due_at = coalesce(?4, due_at), why = coalesce(?5, why)
             WHERE id = ?1 AND fence = ?2 AND state = 1",
        )?
        .execute(params![
            number,
            fence,
            ended_at.map(millis),
            due_at.map(|due_at| millis(due_at).min(latest)),
            why
        ])?;
    Ok(settled > 0)
}

/// Those that have not ended, by kind: a look-up for each kind, and a count in their index alone.
pub(super) fn waiting(connection: &Connection) -> Result<Vec<TalliesWaiting>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT kind, count(*), min(due_at) FROM tally INDEXED BY tally_waiting
         WHERE state < 2 GROUP BY kind",
    )?;
    let mut rows = select.query([])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(0)?;
        let why = connection
            .prepare_cached(
                "SELECT why FROM tally INDEXED BY tally_failed
                 WHERE state < 2 AND kind = ?1 AND why IS NOT NULL
                 ORDER BY due_at DESC, id DESC LIMIT 1",
            )?
            .query_row([&kind], |row| row.get(0))
            .optional()?
            .flatten();
        waiting.push(TalliesWaiting {
            kind,
            rows: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            oldest_due: timestamp(row.get(2)?),
            why,
        });
    }
    Ok(waiting)
}

/// Forgets so many that ended long ago; says how many.
pub(super) fn forget(batch: &Batch<'_>, now: Timestamp, limit: usize) -> Result<usize, SqlError> {
    let before = millis(now).saturating_sub(span(KEPT_TALLIES));
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(batch
        .connection
        .prepare_cached(
            "DELETE FROM tally WHERE id IN (
                SELECT id FROM tally INDEXED BY tally_ended
                WHERE state = 2 AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2)",
        )?
        .execute([before, most])?)
}

fn millis_of(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
