//! Taking claimed deliveries back with what came of them, and freeing claims nobody holds any more.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{batch::Batch, error::SqlError, time::millis};
use crate::{Settled, Settlement, Verdict};

/// Settles; a claim that was lost in between settles nothing.
pub(super) fn settle(
    batch: &mut Batch<'_>,
    settlements: &[Settlement],
) -> Result<Settled, SqlError> {
    let mut settled = Settled::default();
    for settlement in settlements {
        if settle_one(batch, settlement)? {
            settled.settled += 1;
        } else {
            settled.stale += 1;
        }
    }
    Ok(settled)
}

fn settle_one(batch: &mut Batch<'_>, settlement: &Settlement) -> Result<bool, SqlError> {
    let claim: Option<(i64, i64, i64)> = batch
        .connection
        .prepare_cached(
            "SELECT alert, sink, hour FROM delivery WHERE id = ?1 AND state = 2 AND fence = ?2",
        )?
        .query_row([settlement.delivery, settlement.fence], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((alert, sink, hour)) = claim else {
        return Ok(false);
    };
    let delivery = settlement.delivery;
    let at = millis(settlement.at);
    match &settlement.verdict {
        Verdict::Delivered {
            id,
            link,
            adopted,
            changes,
        } => {
            batch
                .connection
                .prepare_cached(
                    "UPDATE delivery SET state = 3, outcome = 1, finished_at = ?2, proof_id = ?3,
                        proof_link = ?4, changes = ?5, adopted = ?6, why = NULL WHERE id = ?1",
                )?
                .execute(params![delivery, at, id, link, changes, adopted])?;
            close_one(batch, alert, at)?;
            let tally = batch.sink_tally(hour, sink);
            tally.pending -= 1;
            tally.delivered += 1;
            tally.adopted += i64::from(*adopted);
        }
        Verdict::Retry {
            due_at,
            why,
            doubt,
            blame,
        } => {
            batch
                .connection
                .prepare_cached(
                    "UPDATE delivery SET state = 1, due_at = ?2, why = ?3, doubt = ?4,
                        blamed = blamed + ?5 WHERE id = ?1",
                )?
                .execute(params![delivery, millis(*due_at), why, doubt, blame])?;
        }
        Verdict::Returned => {
            batch
                .connection
                .prepare_cached(
                    "UPDATE delivery SET state = 0, attempts = attempts - 1 WHERE id = ?1",
                )?
                .execute([delivery])?;
        }
        Verdict::Dead { why } => {
            batch
                .connection
                .prepare_cached(
                    "UPDATE delivery SET state = 4, outcome = 2, finished_at = ?2, why = ?3
                     WHERE id = ?1",
                )?
                .execute(params![delivery, at, why])?;
            let tally = batch.sink_tally(hour, sink);
            tally.pending -= 1;
            tally.dead += 1;
        }
    }
    Ok(true)
}

/// One of an alert's deliveries needs nothing more; with the last one, the alert is finished.
pub(super) fn close_one(batch: &mut Batch<'_>, alert: i64, at: i64) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "UPDATE alert SET finished_at = CASE WHEN open = 1 THEN ?2 END, open = open - 1
             WHERE id = ?1",
        )?
        .execute([alert, at])?;
    Ok(())
}

/// Frees claims whose lease is over, or all; they come back in doubt.
pub(super) fn release(
    batch: &mut Batch<'_>,
    expired_before: Option<Timestamp>,
) -> Result<u64, SqlError> {
    let before = expired_before.map_or(i64::MAX, millis);
    let released = batch
        .connection
        .prepare_cached(
            "UPDATE delivery INDEXED BY delivery_claimed SET state = 0, doubt = 1
             WHERE state = 2 AND (lease_until < ?1 OR ?2)",
        )?
        .execute(params![before, expired_before.is_none()])?;
    Ok(released as u64)
}
