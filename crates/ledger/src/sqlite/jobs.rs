//! Triage jobs: how they come into being, come again, and are forgotten.
//!
//! Nothing here relies on what the daemon's writer remembers between transactions, and each change names the state it expects: so
//! several processes may work on one file (each transaction begins with the write lock).

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{batch::Batch, error::SqlError, time::millis, trace::reference_of};
use crate::{HIGHEST_JOB_LEVEL, JobWish, NewJob};

/// Adds jobs of alerts that have none; says how many.
pub(super) fn add(batch: &Batch<'_>, jobs: &[NewJob]) -> Result<u64, SqlError> {
    let mut added = 0;
    for job in jobs {
        if job.id.is_empty() || is_known(batch, &job.sink, &job.id)? {
            continue;
        }
        let mut reference = job.reference.clone();
        if reference.is_empty() {
            let found = reference_of(batch.connection, &job.sink, &job.id)?;
            reference = found.unwrap_or_default();
        }
        insert(
            batch,
            &NewJob {
                reference,
                ..job.clone()
            },
        )?;
        added += 1;
    }
    Ok(added)
}

fn is_known(batch: &Batch<'_>, sink: &str, id: &str) -> Result<bool, SqlError> {
    Ok(batch
        .connection
        .prepare_cached("SELECT 1 FROM job WHERE sink = ?1 AND alert_id = ?2")?
        .exists([sink, id])?)
}

fn insert(batch: &Batch<'_>, job: &NewJob) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT INTO job (sink, alert_id, reference, lane, rule_id, level, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            job.sink,
            job.id,
            job.reference,
            job.lane,
            job.rule_id,
            job.level.min(HIGHEST_JOB_LEVEL),
            millis(job.created_at)
        ])?;
    Ok(())
}

/// A delivery was settled whose alert is to be looked at. One that was found at the sink before that was known is told whose it is;
/// the job of another alert, which the sink had before it was set up anew, begins anew as this one's.
pub(super) fn wish(
    batch: &Batch<'_>,
    delivery: i64,
    id: &str,
    wish: &JobWish,
    at: Timestamp,
) -> Result<(), SqlError> {
    if id.is_empty() {
        return Ok(());
    }
    let (sink, lane, reference): (String, String, String) = batch
        .connection
        .prepare_cached(
            "SELECT sink.name, lane.name, coalesce(alert.reference, '')
             FROM delivery JOIN sink ON sink.id = delivery.sink
             JOIN lane ON lane.id = delivery.lane
             LEFT JOIN alert ON alert.id = delivery.alert WHERE delivery.id = ?1",
        )?
        .query_row([delivery], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let known: Option<(i64, String)> = batch
        .connection
        .prepare_cached("SELECT id, reference FROM job WHERE sink = ?1 AND alert_id = ?2")?
        .query_row([&*sink, id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let new = NewJob {
        sink,
        id: id.into(),
        reference,
        lane,
        rule_id: wish.rule_id.clone(),
        level: wish.level,
        created_at: at,
    };
    match known {
        None => insert(batch, &new),
        Some((job, of)) if of.is_empty() => {
            batch
                .connection
                .prepare_cached("UPDATE job SET reference = ?2 WHERE id = ?1")?
                .execute(params![job, new.reference])?;
            Ok(())
        }
        Some((job, of)) if of != new.reference && !new.reference.is_empty() => {
            begin_anew(batch, job, &new)
        }
        Some(_) => Ok(()),
    }
}

/// A job becomes another alert's. Its fence rises, so nothing that is still said of the old alert is heard.
fn begin_anew(batch: &Batch<'_>, job: i64, new: &NewJob) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "UPDATE job SET reference = ?2, lane = ?3, rule_id = ?4, level = ?5, created_at = ?6,
                state = 0, fence = fence + 1, worker = NULL, begun = 0, failures = 0,
                asked_again = 0, why = NULL, class = NULL, verdict = NULL, model = NULL,
                ended_at = NULL, input_hash = NULL, answered = 0, opinion = NULL,
                opinion_before = NULL, resolution = NULL, feedback_at = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            job,
            new.reference,
            new.lane,
            new.rule_id,
            new.level.min(HIGHEST_JOB_LEVEL),
            millis(new.created_at)
        ])?;
    forget_answer(batch, job)
}

pub(super) fn forget_answer(batch: &Batch<'_>, job: i64) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached("DELETE FROM job_answer WHERE job = ?1")?
        .execute([job])?;
    Ok(())
}

/// A job that has ended is as if it were new, but for what the sink still shows of people's opinion; false where none of the alert has.
pub(super) fn again(
    batch: &Batch<'_>,
    sink: &str,
    id: &str,
    now: Timestamp,
) -> Result<bool, SqlError> {
    let job: Option<i64> = batch
        .connection
        .prepare_cached(
            "UPDATE job SET state = 0, created_at = ?3, begun = 0, failures = 0, why = NULL,
                class = NULL, verdict = NULL, model = NULL, ended_at = NULL, input_hash = NULL,
                answered = 0, opinion_before = coalesce(opinion, opinion_before), opinion = NULL,
                resolution = NULL, asked_again = asked_again + 1
             WHERE sink = ?1 AND alert_id = ?2 AND state > 2 RETURNING id",
        )?
        .query_row(params![sink, id, millis(now)], |row| row.get(0))
        .optional()?;
    let Some(job) = job else {
        return Ok(false);
    };
    forget_answer(batch, job)?;
    Ok(true)
}

/// Forgets answers, then jobs; says how many.
pub(super) fn forget(
    batch: &Batch<'_>,
    answers_before: i64,
    jobs_before: i64,
    limit: usize,
) -> Result<usize, SqlError> {
    let mut left = limit;
    let before = answers_before.max(jobs_before);
    let answered = "SELECT id FROM job INDEXED BY job_answered
        WHERE state > 2 AND answered = 1 AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2";
    for job in found(batch, answered, before, left)? {
        forget_answer(batch, job)?;
        batch
            .connection
            .prepare_cached("UPDATE job SET answered = 0, input_hash = NULL WHERE id = ?1")?
            .execute([job])?;
        left -= 1;
    }
    // Those nobody ever looked at as well: their alerts are forgotten by now.
    for old in [
        "SELECT id FROM job INDEXED BY job_ended WHERE state > 2 AND state = 3
            AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2",
        "SELECT id FROM job INDEXED BY job_ended WHERE state > 2 AND state = 4
            AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2",
        "SELECT id FROM job INDEXED BY job_ended WHERE state > 2 AND state = 5
            AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2",
        "SELECT id FROM job INDEXED BY job_state WHERE state IN (0, 1)
            AND created_at < ?1 ORDER BY created_at, id LIMIT ?2",
    ] {
        for job in found(batch, old, jobs_before, left)? {
            forget_answer(batch, job)?;
            batch
                .connection
                .prepare_cached("DELETE FROM job WHERE id = ?1")?
                .execute([job])?;
            left -= 1;
        }
    }
    Ok(limit - left)
}

fn found(batch: &Batch<'_>, select: &str, before: i64, limit: usize) -> Result<Vec<i64>, SqlError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = batch.connection.prepare_cached(select)?;
    let rows = select.query_map([before, most], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
