//! Triage jobs: claimed, kept alive, and given back with what came of them.

use std::cmp::Reverse;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    jobs::forget_answer,
    noise::payload,
    payload::{Packed, unpack},
    time::{millis, timestamp},
};
use crate::{
    ClaimedJob, JobClaim, JobSettlement, JobVerdict, LONGEST_WAIT, MOST_TOO_OLD, attempts::bounded,
    decide::span,
};

/// Claims.
pub(super) fn claim(batch: &Batch<'_>, claim: &JobClaim) -> Result<Vec<ClaimedJob>, SqlError> {
    let now = millis(claim.now);
    free(batch, now)?;
    let mut oldest = i64::MIN;
    if let Some(age) = claim.max_age {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        oldest = now.saturating_sub(age);
        skip(batch, oldest, now)?;
    }
    // Not `span`, which is never 0: no lease is one.
    let lease = claim.lease.min(LONGEST_WAIT).as_millis() as i64;
    let lease_until = now.saturating_add(lease);
    let mut claimed = Vec::new();
    for job in first(batch, claim, oldest)? {
        claimed.push(give(batch, job, &claim.worker, now, lease_until)?);
    }
    Ok(claimed)
}

/// What is due is ready, and what nobody holds any more as well.
fn free(batch: &Batch<'_>, now: i64) -> Result<(), SqlError> {
    let latest = now.saturating_add(span(LONGEST_WAIT));
    for (update, bound) in [
        (
            "UPDATE job INDEXED BY job_waiting SET state = 0 WHERE state = 1 AND due_at <= ?1",
            now,
        ),
        (
            "UPDATE job INDEXED BY job_waiting SET state = 0 WHERE state = 1 AND due_at > ?1",
            latest,
        ),
        (
            "UPDATE job INDEXED BY job_claimed SET state = 0 WHERE state = 2 AND lease_until < ?1",
            now,
        ),
        (
            "UPDATE job INDEXED BY job_claimed SET state = 0 WHERE state = 2 AND lease_until > ?1",
            latest,
        ),
    ] {
        batch.connection.prepare_cached(update)?.execute([bound])?;
    }
    Ok(())
}

/// Those that have waited since before a time are not looked at any more.
fn skip(batch: &Batch<'_>, oldest: i64, now: i64) -> Result<(), SqlError> {
    let mut old: Vec<(i64, i64)> = Vec::new();
    for state in [0, 1] {
        let mut select = batch.connection.prepare_cached(
            "SELECT created_at, id FROM job INDEXED BY job_state
             WHERE state = ?1 AND created_at < ?2 ORDER BY created_at, id LIMIT ?3",
        )?;
        let mut rows = select.query([state, oldest, MOST_TOO_OLD as i64])?;
        while let Some(row) = rows.next()? {
            old.push((row.get(0)?, row.get(1)?));
        }
    }
    old.sort_unstable();
    for (_, job) in old.into_iter().take(MOST_TOO_OLD) {
        batch
            .connection
            .prepare_cached(
                "UPDATE job SET state = 5, ended_at = ?2, why = 'too old' WHERE id = ?1",
            )?
            .execute([job, now])?;
    }
    Ok(())
}

/// Those to be given out first. Of one level the older ones come first, so only so many of each are looked at.
fn first(batch: &Batch<'_>, claim: &JobClaim, oldest: i64) -> Result<Vec<i64>, SqlError> {
    let now = millis(claim.now);
    let ageing = i64::try_from(claim.ageing.as_millis()).unwrap_or(0);
    let most = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let mut found: Vec<(Reverse<i64>, i64, i64)> = Vec::new();
    let mut below = i64::MAX;
    loop {
        let level: Option<i64> = batch
            .connection
            .prepare_cached(
                "SELECT max(level) FROM job INDEXED BY job_ready WHERE state = 0 AND level < ?1",
            )?
            .query_row([below], |row| row.get(0))?;
        let Some(level) = level else {
            break;
        };
        below = level;
        let mut select = batch.connection.prepare_cached(
            "SELECT created_at, id FROM job INDEXED BY job_ready
             WHERE state = 0 AND level = ?1 AND created_at >= ?2
             ORDER BY created_at, id LIMIT ?3",
        )?;
        let mut rows = select.query([level, oldest, most])?;
        while let Some(row) = rows.next()? {
            let created_at: i64 = row.get(0)?;
            let waited = now.saturating_sub(created_at).max(0);
            let rank = level.saturating_add(waited.checked_div(ageing).unwrap_or(0));
            found.push((Reverse(rank), created_at, row.get(1)?));
        }
    }
    found.sort_unstable();
    found.truncate(claim.limit);
    Ok(found.into_iter().map(|(.., job)| job).collect())
}

fn give(
    batch: &Batch<'_>,
    job: i64,
    worker: &str,
    now: i64,
    lease_until: i64,
) -> Result<ClaimedJob, SqlError> {
    let connection = batch.connection;
    let (mut claimed, answered) = connection
        .prepare_cached(
            "UPDATE job SET state = 2, worker = ?2, claimed_at = ?3, lease_until = ?4,
                begun = begun + 1, fence = fence + 1
             WHERE id = ?1
             RETURNING fence, sink, alert_id, reference, lane, rule_id, level, begun, failures,
                asked_again, created_at, answered",
        )?
        .query_row(params![job, bounded(worker), now, lease_until], |row| {
            let claimed = ClaimedJob {
                job,
                fence: row.get(0)?,
                sink: row.get(1)?,
                id: row.get(2)?,
                reference: row.get(3)?,
                lane: row.get(4)?,
                rule_id: row.get(5)?,
                level: row.get(6)?,
                begun: row.get(7)?,
                failures: row.get(8)?,
                asked_again: row.get(9)?,
                created_at: timestamp(row.get(10)?),
                answer: None,
                payload: None,
                received_at: None,
            };
            Ok((claimed, row.get::<_, bool>(11)?))
        })?;
    if answered {
        claimed.answer = connection
            .prepare_cached("SELECT codec, size, body FROM job_answer WHERE job = ?1")?
            .query_row([job], |row| {
                let body = row.get_ref(2)?.as_blob().unwrap_or_default();
                // A damaged one is none: the model is asked again.
                Ok(unpack(row.get(0)?, row.get(1)?, body).ok())
            })
            .optional()?
            .flatten();
    }
    let alert: Option<(i64, i64)> = connection
        .prepare_cached("SELECT id, received_at FROM alert WHERE reference = ?1")?
        .query_row([&claimed.reference], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((alert, received_at)) = alert {
        claimed.received_at = Some(timestamp(received_at));
        claimed.payload = payload(connection, alert)?;
    }
    Ok(claimed)
}

/// Lets claims hold until then, within the longest wait since they were made: a later end would pass for a clock's fault, and the
/// next claim would free what is held. Says which jobs' were lost.
pub(super) fn renew(
    batch: &Batch<'_>,
    claims: &[(i64, i64)],
    until: Timestamp,
) -> Result<Vec<i64>, SqlError> {
    let mut lost = Vec::new();
    for &(job, fence) in claims {
        let renewed = batch
            .connection
            .prepare_cached(
                "UPDATE job SET lease_until = min(?3, claimed_at + ?4)
                 WHERE id = ?1 AND fence = ?2 AND state = 2",
            )?
            .execute([job, fence, millis(until), span(LONGEST_WAIT)])?;
        if renewed == 0 {
            lost.push(job);
        }
    }
    Ok(lost)
}

/// Frees what a worker has claimed; says how many.
pub(super) fn release(batch: &Batch<'_>, worker: &str) -> Result<u64, SqlError> {
    let released = batch
        .connection
        .prepare_cached(
            "UPDATE job INDEXED BY job_claimed SET state = 0 WHERE state = 2 AND worker = ?1",
        )?
        .execute([bounded(worker)])?;
    Ok(released as u64)
}

/// Keeps an answer, or forgets the one kept where it is empty; false where the claim was lost.
pub(super) fn keep(
    batch: &Batch<'_>,
    job: i64,
    fence: i64,
    input_hash: &str,
    answer: &Packed,
) -> Result<bool, SqlError> {
    let some = answer.size > 0;
    let held = batch
        .connection
        .prepare_cached(
            "UPDATE job SET input_hash = ?3, answered = ?4
             WHERE id = ?1 AND fence = ?2 AND state = 2",
        )?
        .execute(params![job, fence, some.then_some(input_hash), some])?;
    if held == 0 {
        return Ok(false);
    }
    if !some {
        forget_answer(batch, job)?;
        return Ok(true);
    }
    batch
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO job_answer (job, codec, size, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![job, answer.codec, answer.size, answer.body])?;
    Ok(true)
}

/// Settles; a claim that was lost in between settles nothing.
pub(super) fn settle(batch: &Batch<'_>, settlement: &JobSettlement) -> Result<bool, SqlError> {
    let (job, fence) = (settlement.job, settlement.fence);
    let at = millis(settlement.at);
    let connection = batch.connection;
    let settled = match &settlement.verdict {
        JobVerdict::Reviewed { verdict, model } => connection
            .prepare_cached(
                "UPDATE job SET state = 3, ended_at = ?3, verdict = ?4, model = ?5, why = NULL
                 WHERE id = ?1 AND fence = ?2 AND state = 2",
            )?
            .execute(params![job, fence, at, bounded(verdict), bounded(model)])?,
        JobVerdict::Failed { class, why } => connection
            .prepare_cached(
                "UPDATE job SET state = 4, ended_at = ?3, class = ?4, why = ?5
                 WHERE id = ?1 AND fence = ?2 AND state = 2",
            )?
            .execute(params![job, fence, at, bounded(class), bounded(why)])?,
        JobVerdict::Skipped { why } => connection
            .prepare_cached(
                "UPDATE job SET state = 5, ended_at = ?3, why = ?4
                 WHERE id = ?1 AND fence = ?2 AND state = 2",
            )?
            .execute(params![job, fence, at, bounded(why)])?,
        JobVerdict::Retry { due_at, why, blame } => {
            let due_at = millis(*due_at).min(at.saturating_add(span(LONGEST_WAIT)));
            connection
                .prepare_cached(
                    "UPDATE job SET state = 1, due_at = ?3, why = ?4, failures = failures + ?5
                     WHERE id = ?1 AND fence = ?2 AND state = 2",
                )?
                .execute(params![job, fence, due_at, bounded(why), blame])?
        }
        JobVerdict::Returned => connection
            .prepare_cached(
                "UPDATE job SET state = 0, begun = begun - 1
                 WHERE id = ?1 AND fence = ?2 AND state = 2",
            )?
            .execute([job, fence])?,
    };
    Ok(settled > 0)
}
