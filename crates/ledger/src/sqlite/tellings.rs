//! Telling sinks how far the count of a delivered alert has come: claimed, tried and given back like deliveries.
//!
//! A row comes into being when a group grows whose parent is delivered (or when a digest is claimed, which is shown with its
//! count), so alerts that are never repeated cost nothing here.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    attempts,
    batch::Batch,
    error::SqlError,
    groups::{self, GroupRow},
    pauses::{Gate, Gates, gates},
    succession,
    time::{millis, timestamp},
};
use crate::{
    Claimed, GroupKind, LONGEST_WAIT, Settled, TellClaim, TellVerdict, Telling, Told,
    attempts::What, decide::span, names::untold,
};

/// A group has grown: the first route of its parent, which shows it to people, is to be told once it has it.
pub(super) fn grown(
    batch: &mut Batch<'_>,
    group: i64,
    parent: i64,
    now: i64,
) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT INTO telling (delivery, fold, sink, state, at)
             SELECT delivery.id, ?1, delivery.sink, 1, ?3 FROM alert JOIN delivery
                ON delivery.id = first_delivery AND delivery.alert = alert.id
             WHERE alert.id = ?2 AND delivery.outcome = 1
             ON CONFLICT (delivery) DO UPDATE SET state = 4 WHERE state = 0",
        )?
        .execute([group, parent, now])?;
    Ok(())
}

/// An alert was delivered: a digest with its count as of the claim, another one without.
pub(super) fn shown(
    batch: &mut Batch<'_>,
    delivery: i64,
    alert: i64,
    at: i64,
) -> Result<(), SqlError> {
    let Some(group) = groups::of_parent(batch.connection, alert)? else {
        return Ok(());
    };
    let repeats = group.kind == GroupKind::Repeats;
    if (repeats && group.folded == 0) || !is_first(batch, delivery, alert)? {
        return Ok(());
    }
    if repeats {
        return grown(batch, group.id, alert, at);
    }
    batch
        .connection
        .prepare_cached(
            "UPDATE telling SET state = CASE WHEN told < ?2 THEN 4 ELSE 0 END, at = ?3
             WHERE delivery = ?1",
        )?
        .execute([delivery, group.folded, at])?;
    Ok(())
}

/// Whether a delivery is the first of its alert's routes.
fn is_first(batch: &Batch<'_>, delivery: i64, alert: i64) -> Result<bool, SqlError> {
    Ok(batch
        .connection
        .prepare_cached("SELECT 1 FROM alert WHERE id = ?2 AND first_delivery = ?1")?
        .exists([delivery, alert])?)
}

/// A delivery is begun: what its alert shows of its group. A digest shows all of it, one that goes on from another that.
pub(super) fn begun(
    batch: &Batch<'_>,
    (alert, sink): (i64, i64),
    claimed: &mut Claimed,
) -> Result<(), SqlError> {
    let Some(group) = groups::of_parent(batch.connection, alert)? else {
        return Ok(());
    };
    if group.kind != GroupKind::Repeats {
        let told = if is_first(batch, claimed.delivery, alert)? {
            show(batch, claimed.delivery, sink, &group, claimed.doubt)?
        } else {
            0
        };
        claimed.digest = groups::group(batch.connection, group.id, told)?;
    }
    claimed.continues = groups::continues(batch.connection, group.id)?
        .filter(|(there, _)| *there == sink)
        .map(|(_, continues)| continues);
    Ok(())
}

/// A digest is about to be shown with its count; where an earlier attempt is in doubt, that one's may be shown. Returns the count
/// told before.
fn show(
    batch: &Batch<'_>,
    delivery: i64,
    sink: i64,
    group: &GroupRow,
    doubt: bool,
) -> Result<i64, SqlError> {
    let before: Option<i64> = batch
        .connection
        .prepare_cached("SELECT told FROM telling WHERE delivery = ?1")?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    let told = before.unwrap_or(0);
    let shown = if doubt { told } else { group.folded };
    batch
        .connection
        .prepare_cached(
            "INSERT INTO telling (delivery, fold, sink, state, told) VALUES (?1, ?2, ?3, 5, ?4)
             ON CONFLICT (delivery) DO UPDATE SET told = ?4",
        )?
        .execute([delivery, group.id, sink, shown])?;
    Ok(told)
}

/// One that may be claimed, by when it was due.
type Due = (i64, i64, i64);

/// Claims.
pub(super) fn claim(batch: &mut Batch<'_>, claim: &TellClaim) -> Result<Vec<Telling>, SqlError> {
    let now = millis(claim.now);
    release(batch, Some(now))?;
    let gates = gates(batch.connection, &claim.sink, now)?;
    let Some(sink) = known(batch.connection, &claim.sink)? else {
        return Ok(Vec::new());
    };
    let interval = span(claim.interval);
    // Due by `at`; due an interval after `at`; and of both those that a clock, set back since, put off.
    let spans = [
        (1, i64::MIN, now, 0),
        (1, now.saturating_add(span(LONGEST_WAIT) + 1), i64::MAX, 0),
        (4, i64::MIN, now.saturating_sub(interval), interval),
        (4, now.saturating_add(1), i64::MAX, interval),
    ];
    let mut due: Vec<Due> = Vec::new();
    for (state, from, to, add) in spans {
        let rows = waiting(
            batch.connection,
            sink,
            state,
            (from, to),
            &gates,
            claim.limit,
        )?;
        due.extend(
            rows.into_iter()
                .map(|(at, delivery, lane)| (at + add, delivery, lane)),
        );
    }
    due.sort_unstable();
    due.truncate(claim.limit);
    let lease_until = now.saturating_add(span(claim.lease));
    let mut claimed = Vec::new();
    for (_, delivery, lane) in due {
        claimed.extend(give(batch, delivery, lane, now, lease_until)?);
    }
    Ok(claimed)
}

/// The number of a sink that something was handed to.
fn known(connection: &Connection, sink: &str) -> Result<Option<i64>, SqlError> {
    Ok(connection
        .prepare_cached("SELECT id FROM sink WHERE name = ?1")?
        .query_row([sink], |row| row.get(0))
        .optional()?)
}

/// The first so many tellings of a state in lanes that are not paused, with their lanes.
fn waiting(
    connection: &Connection,
    sink: i64,
    state: i64,
    (from, to): (i64, i64),
    gates: &Gates,
    limit: usize,
) -> Result<Vec<Due>, SqlError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let mut select = connection.prepare_cached(
        "SELECT telling.at, telling.delivery, delivery.lane, lane.name
         FROM telling INDEXED BY telling_due JOIN delivery ON delivery.id = telling.delivery
         JOIN lane ON lane.id = delivery.lane
         WHERE telling.sink = ?1 AND telling.state = ?2 AND telling.at BETWEEN ?3 AND ?4
         ORDER BY telling.at, telling.delivery",
    )?;
    let mut rows = select.query([sink, state, from, to])?;
    while let Some(row) = rows.next()? {
        if gates.of(row.get_ref(3)?.as_str().unwrap_or_default()) != Gate::Open {
            continue;
        }
        found.push((row.get(0)?, row.get(1)?, row.get(2)?));
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

fn give(
    batch: &Batch<'_>,
    delivery: i64,
    lane: i64,
    now: i64,
    lease_until: i64,
) -> Result<Option<Telling>, SqlError> {
    let (fold, told, attempt, fence): (i64, i64, u32, i64) = batch
        .connection
        .prepare_cached(
            "UPDATE telling SET state = 2, at = ?2, lease_until = ?3, attempts = attempts + 1,
                fence = fence + 1
             WHERE delivery = ?1 RETURNING fold, told, attempts, fence",
        )?
        .query_row([delivery, now, lease_until], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let Some(group) = groups::group(batch.connection, fold, told)? else {
        return Ok(None);
    };
    let (reference, lane, id) = batch
        .connection
        .prepare_cached(
            "SELECT alert.reference, lane.name, coalesce(proof_id, '')
             FROM delivery JOIN alert ON alert.id = delivery.alert JOIN lane ON lane.id = ?2
             WHERE delivery.id = ?1",
        )?
        .query_row([delivery, lane], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(Some(Telling {
        delivery,
        fence,
        reference,
        lane,
        id,
        attempt,
        group,
    }))
}

/// When the first may be told, of those in lanes that are not paused.
pub(super) fn next(
    batch: &mut Batch<'_>,
    sink: &str,
    interval: Duration,
) -> Result<Option<Timestamp>, SqlError> {
    let gates = gates(batch.connection, sink, 0)?;
    let Some(sink) = known(batch.connection, sink)? else {
        return Ok(None);
    };
    let mut first: Option<i64> = None;
    for (state, add) in [(1, 0), (4, span(interval))] {
        let all = (i64::MIN, i64::MAX);
        for (at, ..) in waiting(batch.connection, sink, state, all, &gates, 1)? {
            let at = at.saturating_add(add);
            first = Some(first.map_or(at, |known| known.min(at)));
        }
    }
    Ok(first.map(timestamp))
}

/// How many wait for a sink or are claimed, and the earliest time any of them has.
pub(super) fn waiting_at(
    connection: &Connection,
    sink: i64,
) -> Result<(u64, Option<i64>), SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*), min(at) FROM telling INDEXED BY telling_due
             WHERE sink = ?1 AND state IN (1, 2, 4)",
        )?
        .query_row([sink], |row| {
            let count: i64 = row.get(0)?;
            Ok((u64::try_from(count).unwrap_or(0), row.get(1)?))
        })?)
}

/// Frees claims whose lease is over, or all.
pub(super) fn release(batch: &Batch<'_>, expired_before: Option<i64>) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "UPDATE telling INDEXED BY telling_claimed SET state = 1
             WHERE state = 2 AND (lease_until < ?1 OR ?2)",
        )?
        .execute(params![
            expired_before.unwrap_or(i64::MAX),
            expired_before.is_none()
        ])?;
    Ok(())
}

/// Settles; a claim that was lost in between settles nothing.
pub(super) fn settle(batch: &mut Batch<'_>, told: &[Told]) -> Result<Settled, SqlError> {
    let mut settled = Settled::default();
    for told in told {
        if settle_one(batch, told)? {
            settled.settled += 1;
        } else {
            settled.stale += 1;
        }
    }
    Ok(settled)
}

fn settle_one(batch: &mut Batch<'_>, told: &Told) -> Result<bool, SqlError> {
    let held: Option<(i64, i64)> = batch
        .connection
        .prepare_cached(
            "SELECT fold, told FROM telling WHERE delivery = ?1 AND fence = ?2 AND state = 2",
        )?
        .query_row([told.delivery, told.fence], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((fold, before)) = held else {
        return Ok(false);
    };
    let at = millis(told.at);
    let group = groups::by_id(batch.connection, fold)?;
    let (what, why) = match &told.verdict {
        TellVerdict::Written { folded } => {
            let folded = i64::try_from(*folded).unwrap_or(i64::MAX).max(before);
            let grown = group.is_some_and(|group| group.folded > folded);
            batch
                .connection
                .prepare_cached(
                    "UPDATE telling SET told = ?2, attempts = 0, at = ?3, state = ?4
                     WHERE delivery = ?1",
                )?
                .execute([told.delivery, folded, at, if grown { 4 } else { 0 }])?;
            (What::Told, "")
        }
        TellVerdict::Retry { due_at, why } => {
            batch
                .connection
                .prepare_cached("UPDATE telling SET state = 1, at = ?2 WHERE delivery = ?1")?
                .execute([told.delivery, millis(*due_at)])?;
            (What::TellAgain, why.as_str())
        }
        TellVerdict::GivenUp { why } => {
            never_again(batch, told.delivery)?;
            groups::close(batch, fold, Some(&untold(why)))?;
            (What::GivenUp, why.as_str())
        }
        TellVerdict::Ended { why } => {
            never_again(batch, told.delivery)?;
            if let Some(group) = group {
                succession::ended(batch, &group, (told.delivery, before), why, at)?;
            }
            (What::Ended, why.as_str())
        }
    };
    attempts::record(batch, told.delivery, told.at, what, why)?;
    Ok(true)
}

fn never_again(batch: &Batch<'_>, delivery: i64) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached("UPDATE telling SET state = 3 WHERE delivery = ?1")?
        .execute([delivery])?;
    Ok(())
}
