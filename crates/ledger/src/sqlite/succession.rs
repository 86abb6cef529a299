//! When an alert that others were counted into is not there any more: it died before it was delivered, or it was closed at its
//! sink. What was counted goes on with another one, in the same transaction.

use rusqlite::{OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    fold::{push_digest, route},
    groups::{self, GroupRow},
    time::hour_of,
};
use crate::{Continues, GroupKind, decide::MOST_HEIRS};

/// A delivery has died. Where it is the one to the first route, which shows the alert to people, one of its repeats takes its
/// place; a digest's group ends.
pub(super) fn died(batch: &mut Batch<'_>, alert: i64) -> Result<(), SqlError> {
    let Some(group) = groups::of_parent(batch.connection, alert)? else {
        return Ok(());
    };
    let alive = batch
        .connection
        .prepare_cached(
            "SELECT 1 FROM alert JOIN delivery
                ON delivery.id = first_delivery AND delivery.alert = alert.id
             WHERE alert.id = ?1 AND delivery.outcome <> 2",
        )?
        .exists([alert])?;
    if alive {
        return Ok(());
    }
    let heir = match group.kind {
        GroupKind::Repeats => heir(batch, &group)?,
        GroupKind::Burst | GroupKind::Budget => None,
    };
    let Some(heir) = heir else {
        return groups::close(batch, group.id, Some("dead"));
    };
    let routes = first_route(batch, alert)?;
    promote(batch, heir, &routes)?;
    batch
        .connection
        .prepare_cached(
            "UPDATE fold SET parent = ?2, folded = max(folded - 1, 0),
                level = (SELECT level FROM alert WHERE id = ?2)
             WHERE id = ?1",
        )?
        .execute([group.id, heir])?;
    Ok(())
}

/// An alert was closed at a sink that was told so much of its group: what it was not told goes on with a new alert. Where that is
/// nothing, the next of its key is to name it.
pub(super) fn ended(
    batch: &mut Batch<'_>,
    group: &GroupRow,
    (delivery, told): (i64, i64),
    why: &str,
    at: i64,
) -> Result<(), SqlError> {
    // Another sink has closed it before: its count goes on already.
    if group.ended_by.is_some() {
        return Ok(());
    }
    batch
        .connection
        .prepare_cached("UPDATE fold SET ended = ?2, ended_by = ?3 WHERE id = ?1")?
        .execute(params![group.id, why, delivery])?;
    let untold = (group.folded - told).max(0);
    let Some(first) = untold_heir(batch, group, untold)? else {
        return Ok(());
    };
    let continues = proof(batch, group.id)?;
    let routes = first_route(batch, group.parent)?;
    let from: i64 = batch
        .connection
        .prepare_cached(
            "SELECT min(id) FROM (SELECT id FROM alert INDEXED BY alert_fold
             WHERE outcome = 2 AND fold = ?1 ORDER BY id DESC LIMIT ?2)",
        )?
        .query_row([group.id, untold], |row| row.get(0))?;
    let since: i64 = batch
        .connection
        .prepare_cached("SELECT received_at FROM alert WHERE id = ?1")?
        .query_row([from], |row| row.get(0))?;
    let parent = match group.kind {
        GroupKind::Repeats => first,
        GroupKind::Burst | GroupKind::Budget => push_digest(batch, first, at, hour_of(at))?,
    };
    let moved = batch
        .connection
        .prepare_cached(
            "UPDATE alert INDEXED BY alert_fold SET fold = ?3
             WHERE outcome = 2 AND fold = ?1 AND id >= ?2",
        )?
        .execute([group.id, from, parent])? as i64;
    let mut folded = moved;
    if group.kind == GroupKind::Repeats {
        promote(batch, first, &routes)?;
        folded -= 1;
    } else {
        route(batch, parent, hour_of(at), &routes, None)?;
    }
    batch
        .connection
        .prepare_cached(
            "INSERT INTO fold (id, kind, parent, level, opened_at, last_at, folded, key, until, fields)
             SELECT ?2, kind, ?2, (SELECT level FROM alert WHERE id = ?2), min(?3, last_at), last_at,
                ?4, key, until, NULL
             FROM fold WHERE id = ?1",
        )?
        .execute([group.id, parent, since, folded])?;
    // It takes the old one's place among the open ones, where that was still one.
    batch
        .connection
        .prepare_cached(
            "UPDATE fold SET folded = folded - ?2, key = NULL, until = NULL WHERE id = ?1",
        )?
        .execute([group.id, moved])?;
    if let Some(continues) = continues {
        go_on(batch, parent, &continues)?;
    }
    Ok(())
}

/// What names a group that was closed at its sink, with that sink.
pub(super) fn proof(batch: &Batch<'_>, group: i64) -> Result<Option<(i64, Continues)>, SqlError> {
    Ok(batch
        .connection
        .prepare_cached(
            "SELECT delivery.sink, coalesce(proof_id, ''), proof_link, ended
             FROM fold JOIN delivery ON delivery.id = ended_by WHERE fold.id = ?1",
        )?
        .query_row([group], |row| {
            let continues = Continues {
                id: row.get(1)?,
                link: row.get(2)?,
                why: row.get(3)?,
            };
            Ok((row.get(0)?, continues))
        })
        .optional()?)
}

/// Notes what a group goes on from; its parent is told to name it.
pub(super) fn go_on(
    batch: &Batch<'_>,
    group: i64,
    (sink, continues): &(i64, Continues),
) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT INTO continues (fold, sink, proof_id, proof_link, why)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            group,
            sink,
            continues.id,
            continues.link,
            continues.why
        ])?;
    batch
        .connection
        .prepare_cached("UPDATE alert SET fold = ?1 WHERE id = ?1")?
        .execute([group])?;
    Ok(())
}

/// Whose bytes are kept of the first members: of the highest level, so that it hides none, the oldest.
fn heir(batch: &Batch<'_>, group: &GroupRow) -> Result<Option<i64>, SqlError> {
    Ok(batch
        .connection
        .prepare_cached(
            "SELECT id FROM (SELECT id, level FROM alert INDEXED BY alert_fold
                WHERE outcome = 2 AND fold = ?1 AND kept <> 0 ORDER BY id LIMIT ?2)
             ORDER BY level DESC, id LIMIT 1",
        )?
        .query_row([group.id, MOST_HEIRS as i64], |row| row.get(0))
        .optional()?)
}

/// Of the last so many members likewise.
fn untold_heir(batch: &Batch<'_>, group: &GroupRow, last: i64) -> Result<Option<i64>, SqlError> {
    Ok(batch
        .connection
        .prepare_cached(
            "SELECT id FROM (SELECT id, kept, level FROM alert INDEXED BY alert_fold
                WHERE outcome = 2 AND fold = ?1 ORDER BY id DESC LIMIT ?2)
             WHERE kept <> 0 ORDER BY level DESC, id LIMIT 1",
        )?
        .query_row([group.id, last], |row| row.get(0))
        .optional()?)
}

/// The first sink and lane an alert was handed to, as they are now: where it is shown to people. Others were told of it once, and
/// are told of no successor.
fn first_route(batch: &Batch<'_>, alert: i64) -> Result<Vec<(i64, i64)>, SqlError> {
    let mut select = batch.connection.prepare_cached(
        "SELECT delivery.sink, delivery.lane FROM alert JOIN delivery
            ON delivery.id = first_delivery AND delivery.alert = alert.id
         WHERE alert.id = ?1",
    )?;
    let rows = select.query_map([alert], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A folded alert becomes a routed one, in its own hour.
fn promote(batch: &mut Batch<'_>, alert: i64, routes: &[(i64, i64)]) -> Result<(), SqlError> {
    let (source, hour): (i64, i64) = batch
        .connection
        .prepare_cached("SELECT source, hour FROM alert WHERE id = ?1")?
        .query_row([alert], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tally = batch.source_tally(hour, source);
    tally.folded -= 1;
    tally.routed += 1;
    route(batch, alert, hour, routes, None)
}
