//! What came of triage jobs: known answers, and what people made of them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{batch::Batch, error::SqlError, payload::unpack, time::millis};
use crate::{Feedback, FeedbackRow, KnownAnswer, attempts::bounded};

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

/// Replaces what people made of an alert; false where no such job has ended. An opinion that was there before the job came again
/// is not of this verdict, as long as it stays.
pub(super) fn put_feedback(
    batch: &Batch<'_>,
    job: i64,
    feedback: &Feedback,
) -> Result<bool, SqlError> {
    let put = batch
        .connection
        .prepare_cached(
            "UPDATE job SET opinion = CASE WHEN opinion_before = ?2 THEN NULL ELSE ?2 END,
                opinion_before = CASE WHEN opinion_before = ?2 THEN ?2 END,
                resolution = ?3, feedback_at = ?4
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
