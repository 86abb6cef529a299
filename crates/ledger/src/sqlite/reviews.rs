//! What is told of triage jobs: lists, counts, known answers, and what people made of them.

use std::cmp::Reverse;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    batch::Batch,
    error::SqlError,
    payload::unpack,
    time::{millis, timestamp},
};
use crate::{
    Feedback, FeedbackRow, JobFilter, JobRow, JobState, JobStatus, KnownAnswer, attempts::bounded,
};

/// The columns of [`row`].
macro_rules! select {
    ($from:literal) => {
        concat!(
            "SELECT id, sink, alert_id, reference, lane, rule_id, level, state, worker, lease_until,
                begun, failures, due_at, why, class, verdict, model, created_at, ended_at, opinion,
                resolution FROM job ",
            $from,
            " ORDER BY created_at DESC, id DESC LIMIT ?1"
        )
    };
}

const OF_ALERT: &str = select!(
    "WHERE sink = ?3 AND alert_id = ?4 AND created_at >= ?2 AND (?5 IS NULL OR state = ?5)"
);
const OF_STATE: &str = select!(
    "INDEXED BY job_state WHERE state = ?5 AND created_at >= ?2
        AND (?3 IS NULL OR sink = ?3) AND (?4 IS NULL OR alert_id = ?4)"
);
const OF_ALL: &str = select!(
    "INDEXED BY job_created WHERE created_at >= ?2 AND ?5 IS NULL
        AND (?3 IS NULL OR sink = ?3) AND (?4 IS NULL OR alert_id = ?4)"
);

/// Jobs for people, those that came last at the head.
pub(super) fn jobs(connection: &Connection, filter: &JobFilter) -> Result<Vec<JobRow>, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let states: &[Option<i64>] = match filter.state {
        None => &[None],
        Some(JobState::Pending) => &[Some(0), Some(1)],
        Some(JobState::Claimed) => &[Some(2)],
        Some(JobState::Reviewed) => &[Some(3)],
        Some(JobState::Failed) => &[Some(4)],
        Some(JobState::Skipped) => &[Some(5)],
    };
    let select = match (&filter.sink, &filter.id, filter.state) {
        (Some(_), Some(_), _) => OF_ALERT,
        (.., Some(_)) => OF_STATE,
        (.., None) => OF_ALL,
    };
    let most = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let since = filter.since.map_or(i64::MIN, millis);
    let mut jobs = Vec::new();
    for state in states {
        let mut select = transaction.prepare_cached(select)?;
        let rows = select.query_map(params![most, since, filter.sink, filter.id, state], row)?;
        for job in rows {
            jobs.push(job?);
        }
    }
    jobs.sort_by_key(|job| Reverse((job.created_at, job.job)));
    jobs.truncate(filter.limit);
    Ok(jobs)
}

/// Columns keep what they were last given; only those that mean something in its state are told.
fn row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let code: i64 = row.get(7)?;
    let time = |column: usize, wanted: bool| -> rusqlite::Result<Option<Timestamp>> {
        let time: Option<i64> = row.get(column)?;
        Ok(time.filter(|_| wanted).map(timestamp))
    };
    Ok(JobRow {
        job: row.get(0)?,
        sink: row.get(1)?,
        id: row.get(2)?,
        reference: row.get(3)?,
        lane: row.get(4)?,
        rule_id: row.get(5)?,
        level: row.get(6)?,
        state: match code {
            0 | 1 => JobState::Pending,
            2 => JobState::Claimed,
            3 => JobState::Reviewed,
            4 => JobState::Failed,
            _ => JobState::Skipped,
        },
        worker: row.get(8)?,
        lease_until: time(9, code == 2)?,
        begun: row.get(10)?,
        failures: row.get(11)?,
        due_at: time(12, code == 1)?,
        why: row.get(13)?,
        class: row.get(14)?,
        verdict: row.get(15)?,
        model: row.get(16)?,
        created_at: timestamp(row.get(17)?),
        ended_at: time(18, code > 2)?,
        opinion: row.get(19)?,
        resolution: row.get(20)?,
    })
}

/// How many there are: a count in an index alone.
pub(super) fn status(connection: &Connection) -> Result<JobStatus, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT state, count(*), min(created_at) FROM job INDEXED BY job_state GROUP BY state",
    )?;
    let mut rows = select.query([])?;
    let mut status = JobStatus::default();
    while let Some(row) = rows.next()? {
        let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        match row.get(0)? {
            0 | 1 => {
                let oldest = timestamp(row.get(2)?);
                status.pending += count;
                status.oldest_pending = Some(
                    status
                        .oldest_pending
                        .map_or(oldest, |known| known.min(oldest)),
                );
            }
            2 => status.claimed += count,
            3 => status.reviewed += count,
            4 => status.failed += count,
            _ => status.skipped += count,
        }
    }
    Ok(status)
}

/// The newest answer to the same question.
pub(super) fn answer_of(
    connection: &Connection,
    input_hash: &str,
    since: Timestamp,
) -> Result<Option<KnownAnswer>, SqlError> {
    let found = connection
        .prepare_cached(
            "SELECT alert_id, codec, size, body FROM job INDEXED BY job_hash
             JOIN job_answer ON job_answer.job = job.id
             WHERE state = 3 AND answered = 1 AND input_hash = ?1 AND ended_at >= ?2
             ORDER BY ended_at DESC, id DESC LIMIT 1",
        )?
        .query_row(params![input_hash, millis(since)], |row| {
            let body = row.get_ref(3)?.as_blob().unwrap_or_default();
            let answer = unpack(row.get(1)?, row.get(2)?, body);
            Ok((row.get(0)?, answer))
        })
        .optional()?;
    // A damaged one is none: the model is asked again.
    Ok(found.and_then(|(id, answer)| Some((id, answer.ok()?))))
}

/// Replaces what people made of an alert; false where no such job has ended.
pub(super) fn put_feedback(
    batch: &Batch<'_>,
    job: i64,
    feedback: &Feedback,
) -> Result<bool, SqlError> {
    let put = batch
        .connection
        .prepare_cached(
            "UPDATE job SET opinion = ?2, resolution = ?3, feedback_at = ?4
             WHERE id = ?1 AND state > 2",
        )?
        .execute(params![
            job,
            feedback.opinion.as_deref().map(bounded),
            feedback.resolution.as_deref().map(bounded),
            millis(feedback.at)
        ])?;
    Ok(put > 0)
}

/// What people made of the jobs reviewed since a time.
pub(super) fn feedback(
    connection: &Connection,
    since: Timestamp,
) -> Result<Vec<FeedbackRow>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT rule_id, model, verdict, opinion, resolution, count(*)
         FROM job INDEXED BY job_ended WHERE state > 2 AND state = 3 AND ended_at >= ?1
         GROUP BY rule_id, model, verdict, resolution, opinion
         ORDER BY rule_id, model, verdict, resolution",
    )?;
    let mut rows = select.query([millis(since)])?;
    let mut feedback: Vec<FeedbackRow> = Vec::new();
    while let Some(row) = rows.next()? {
        let (rule_id, model, verdict) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let same = |sum: &mut FeedbackRow| {
            sum.rule_id == rule_id && sum.model == model && sum.verdict == verdict
        };
        let mut sum = match feedback.pop_if(same) {
            Some(sum) => sum,
            None => FeedbackRow {
                rule_id,
                model,
                verdict,
                ..FeedbackRow::default()
            },
        };
        let opinion: Option<String> = row.get(3)?;
        let resolution: Option<String> = row.get(4)?;
        let count = u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0);
        sum.jobs += count;
        match opinion.as_deref() {
            Some("agree") => sum.agree += count,
            Some("disagree") => sum.disagree += count,
            _ => {}
        }
        match (resolution, sum.resolutions.last_mut()) {
            (None, _) => {}
            (Some(name), Some((known, counted))) if *known == name => *counted += count,
            (Some(name), _) => sum.resolutions.push((name, count)),
        }
        feedback.push(sum);
    }
    Ok(feedback)
}

/// The verdicts on a rule's alerts, the most frequent first.
pub(super) fn earlier(
    connection: &Connection,
    rule_id: &str,
    since: Timestamp,
) -> Result<Vec<(String, u64)>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT verdict, count(*) FROM job INDEXED BY job_rule
         WHERE state = 3 AND rule_id = ?1 AND ended_at >= ?2 GROUP BY verdict
         ORDER BY 2 DESC, 1",
    )?;
    let rows = select.query_map(params![rule_id, millis(since)], |row| {
        let count: i64 = row.get(1)?;
        Ok((row.get(0)?, u64::try_from(count).unwrap_or(0)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
