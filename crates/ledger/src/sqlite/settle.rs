//! Taking claimed deliveries back with what came of them, and freeing claims nobody holds any more.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use super::{
    attempts, batch::Batch, error::SqlError, jobs, succession, tallies, tellings, time::millis,
};
use crate::{Settled, Settlement, Verdict, attempts::of_verdict};

/// Settles; a claim that was lost in between settles nothing.
pub(super) fn settle(
    batch: &mut Batch<'_>,
    settlements: &[Settlement],
) -> Result<Settled, SqlError> {
    let mut statements = Statements::new(batch.connection)?;
    let mut settled = Settled::default();
    for settlement in settlements {
        if settle_one(batch, &mut statements, settlement)? {
            settled.settled += 1;
        } else {
            settled.stale += 1;
        }
    }
    Ok(settled)
}

/// Each settles a delivery whose claim still holds, or nothing.
struct Statements<'a> {
    deliver: CachedStatement<'a>,
    retry: CachedStatement<'a>,
    give_back: CachedStatement<'a>,
    bury: CachedStatement<'a>,
    close: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    fn new(connection: &'a Connection) -> Result<Self, SqlError> {
        Ok(Self {
            deliver: connection.prepare_cached(
                "UPDATE delivery SET state = 3, outcome = 1, finished_at = ?3, proof_id = ?4,
                    proof_link = ?5, changes = ?6, adopted = ?7, why = NULL
                 WHERE id = ?1 AND state = 2 AND fence = ?2",
            )?,
            retry: connection.prepare_cached(
                "UPDATE delivery SET state = 1, due_at = ?3, why = ?4, doubt = ?5,
                    blamed = blamed + ?6
                 WHERE id = ?1 AND state = 2 AND fence = ?2",
            )?,
            give_back: connection.prepare_cached(
                "UPDATE delivery SET state = 0, attempts = attempts - 1
                 WHERE id = ?1 AND state = 2 AND fence = ?2",
            )?,
            bury: connection.prepare_cached(
                "UPDATE delivery SET state = 4, outcome = 2, finished_at = ?3, why = ?4
                 WHERE id = ?1 AND state = 2 AND fence = ?2",
            )?,
            close: connection.prepare_cached(CLOSE)?,
        })
    }
}

fn settle_one(
    batch: &mut Batch<'_>,
    statements: &mut Statements<'_>,
    settlement: &Settlement,
) -> Result<bool, SqlError> {
    let (delivery, fence) = (settlement.delivery, settlement.fence);
    let at = millis(settlement.at);
    let changed = match &settlement.verdict {
        Verdict::Delivered {
            id,
            link,
            adopted,
            changes,
            ..
        } => statements
            .deliver
            .execute(params![delivery, fence, at, id, link, changes, adopted])?,
        Verdict::Retry {
            due_at,
            why,
            doubt,
            blame,
        } => statements.retry.execute(params![
            delivery,
            fence,
            millis(*due_at),
            why,
            doubt,
            blame
        ])?,
        Verdict::Returned => statements.give_back.execute([delivery, fence])?,
        Verdict::Dead { why } => statements.bury.execute(params![delivery, fence, at, why])?,
    };
    if changed == 0 {
        return Ok(false);
    }
    let origin = batch.origin(delivery)?;
    if let Some((what, why)) = of_verdict(&settlement.verdict) {
        attempts::record(batch, delivery, settlement.at, what, why)?;
    }
    let tally = batch.sink_tally(origin.hour, origin.sink);
    match &settlement.verdict {
        Verdict::Delivered {
            id, adopted, job, ..
        } => {
            tally.pending -= 1;
            tally.delivered += 1;
            tally.adopted += i64::from(*adopted);
            statements.close.execute([origin.alert, at])?;
            tellings::shown(batch, delivery, origin.alert, at)?;
            if let Some(job) = job {
                jobs::wish(batch, delivery, id, job, settlement.at)?;
            }
        }
        Verdict::Dead { .. } => {
            tally.pending -= 1;
            tally.dead += 1;
            succession::died(batch, origin.alert)?;
        }
        Verdict::Retry { .. } | Verdict::Returned => {}
    }
    Ok(true)
}

/// One of an alert's deliveries needs nothing more; with the last one, the alert is finished.
const CLOSE: &str = "UPDATE alert SET finished_at = CASE WHEN open = 1 THEN ?2 END,
    open = open - 1 WHERE id = ?1";

/// As [`CLOSE`] says.
pub(super) fn close_one(batch: &mut Batch<'_>, alert: i64, at: i64) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(CLOSE)?
        .execute([alert, at])?;
    Ok(())
}

/// Frees claims whose lease is over, or all; they come back in doubt.
pub(super) fn release(
    batch: &mut Batch<'_>,
    expired_before: Option<Timestamp>,
) -> Result<u64, SqlError> {
    let before = expired_before.map_or(i64::MAX, millis);
    tellings::release(batch, expired_before.map(millis))?;
    tallies::release(batch, expired_before)?;
    let released = batch
        .connection
        .prepare_cached(
            "UPDATE delivery INDEXED BY delivery_claimed SET state = 0, doubt = 1
             WHERE state = 2 AND (lease_until < ?1 OR ?2)",
        )?
        .execute(params![before, expired_before.is_none()])?;
    Ok(released as u64)
}
