//! Lists and counts of triage jobs.

use std::cmp::Reverse;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    error::SqlError,
    time::{millis, timestamp},
};
use crate::{JobFilter, JobRow, JobState, JobStatus};

/// The columns of [`row`].
macro_rules! select {
    ($from:literal) => {
        concat!(
            "SELECT id, sink, alert_id, reference, lane, rule_id, level, state, worker, lease_until,
                begun, failures, due_at, why, class, verdict, model, created_at, ended_at, opinion,
                resolution, asked_again, opinion_before FROM job ",
            $from
        )
    };
}

/// At most one. Its parameters are those of the others, so that they can be given alike.
const OF_ALERT: &str = select!(
    "WHERE sink = ?3 AND alert_id = ?4 AND +created_at >= ?2 AND +id > ?6
        AND (?5 IS NULL OR +state = ?5) LIMIT ?1"
);
const OF_STATE: &str = select!(
    "INDEXED BY job_state WHERE state = ?5 AND created_at >= ?2 AND +id > ?6
        AND (?3 IS NULL OR sink = ?3) AND (?4 IS NULL OR alert_id = ?4)
        ORDER BY created_at DESC, id DESC LIMIT ?1"
);
const OF_ALL: &str = select!(
    "INDEXED BY job_created WHERE created_at >= ?2 AND +id > ?6 AND ?5 IS NULL
        AND (?3 IS NULL OR sink = ?3) AND (?4 IS NULL OR alert_id = ?4)
        ORDER BY created_at DESC, id DESC LIMIT ?1"
);
/// Each row is passed once by who goes through all pages.
const BY_NUMBER: &str = select!(
    "WHERE id > ?6 AND +created_at >= ?2 AND (?5 IS NULL OR +state = ?5)
        AND (?3 IS NULL OR +sink = ?3) AND (?4 IS NULL OR +alert_id = ?4)
        ORDER BY id LIMIT ?1"
);
const LOWEST_READY: &str = "SELECT min(level) FROM job INDEXED BY job_ready WHERE state = 0";
const LOWEST_WAITING: &str = "SELECT min(level) FROM job INDEXED BY job_waiting WHERE state = 1";
const ONE: &str = select!("WHERE sink = ?1 AND alert_id = ?2");

/// Jobs for people, in the order asked for.
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
        _ if filter.oldest_first => BY_NUMBER,
        (.., Some(_)) => OF_STATE,
        (.., None) => OF_ALL,
    };
    let most = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let since = filter.since.map_or(i64::MIN, millis);
    let after = filter.after.unwrap_or(i64::MIN);
    let mut jobs = Vec::new();
    for state in states {
        let mut select = transaction.prepare_cached(select)?;
        let asked = params![most, since, filter.sink, filter.id, state, after];
        for job in select.query_map(asked, row)? {
            jobs.push(job?);
        }
    }
    if filter.oldest_first {
        jobs.sort_by_key(|job| job.job);
    } else {
        jobs.sort_by_key(|job| Reverse((job.created_at, job.job)));
    }
    jobs.truncate(filter.limit);
    Ok(jobs)
}

/// The jobs of these alerts, in their order.
pub(super) fn jobs_of(
    connection: &Connection,
    sink: &str,
    ids: &[String],
) -> Result<Vec<JobRow>, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let mut select = transaction.prepare_cached(ONE)?;
    let mut jobs = Vec::new();
    for id in ids {
        jobs.extend(select.query_row([sink, id], row).optional()?);
    }
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
        asked_again: row.get(21)?,
        opinion_before: row.get(22)?,
    })
}

/// How many there are: counts in indexes alone.
pub(super) fn status(connection: &Connection) -> Result<JobStatus, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let mut select = transaction.prepare_cached(
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
    for lowest in [LOWEST_READY, LOWEST_WAITING] {
        let level: Option<u32> = transaction
            .prepare_cached(lowest)?
            .query_row([], |row| row.get(0))?;
        status.lowest_level = status.lowest_level.into_iter().chain(level).min();
    }
    Ok(status)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::sqlite::schema::migrate;

    fn plan(connection: &Connection, select: &str) -> String {
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {select}"))
            .unwrap();
        let nothing = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain
            .query_map(rusqlite::params_from_iter(nothing), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn an_alerts_job_is_found_by_its_unique_name_and_nothing_is_sorted() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        for select in [OF_ALERT, ONE] {
            assert_eq!(
                plan(&connection, select),
                "SEARCH job USING INDEX sqlite_autoindex_job_1 (sink=? AND alert_id=?)"
            );
        }
        assert_eq!(
            plan(&connection, BY_NUMBER),
            "SEARCH job USING INTEGER PRIMARY KEY (rowid>?)"
        );
        for select in [OF_STATE, OF_ALL] {
            assert!(!plan(&connection, select).contains("B-TREE"), "{select}");
        }
        for select in [LOWEST_READY, LOWEST_WAITING] {
            assert!(
                plan(&connection, select).contains("COVERING INDEX"),
                "{select}"
            );
        }
    }
}
