//! The way of one alert, found by its reference or by the id a sink gave it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    attempts,
    error::SqlError,
    groups::{self, ROUTED, SILENCED},
    noise::payload,
    stored::pseudo_sources,
    time::timestamp,
};
use crate::{
    DeliveryTrace, Group, MOST_LATE, SilencedBy, Trace, TraceOutcome, attempts::with_delivered,
    names::LATE_MARK,
};

/// What the alert's own row tells.
struct Found {
    id: i64,
    trace: Trace,
    outcome: i64,
    silenced_by: Option<i64>,
    fold: Option<i64>,
    first_delivery: i64,
    deliveries: i64,
}

/// The whole way of an alert.
pub(super) fn trace(connection: &Connection, reference: &str) -> Result<Option<Trace>, SqlError> {
    let transaction = connection.unchecked_transaction()?;
    let connection = &transaction;
    let found = connection
        .prepare_cached(
            "SELECT alert.id, reference, source.name, received_at, coalesce(agent.name, ''),
                rule_id, level, copies, outcome, silenced_by, fold, first_delivery, deliveries
             FROM alert JOIN source ON source.id = alert.source
             LEFT JOIN agent ON agent.id = coalesce(alert.agent,
                (SELECT delivery.agent FROM delivery
                 WHERE delivery.id = first_delivery AND delivery.alert = alert.id))
             WHERE reference = ?1",
        )?
        .query_row([reference], found)
        .optional()?;
    let Some(found) = found else {
        return Ok(None);
    };
    let mut trace = found.trace;
    let group = match found.outcome {
        ROUTED => Some(found.fold.unwrap_or(found.id)),
        SILENCED => {
            trace.outcome = TraceOutcome::Silenced(silenced_by(connection, found.silenced_by)?);
            None
        }
        _ => {
            trace.outcome = TraceOutcome::Folded;
            found.fold
        }
    };
    if let Some(group) = group {
        trace.group = group_as_told(connection, group)?;
        if found.outcome == ROUTED {
            let continues = groups::continues(connection, group)?;
            trace.continues = continues.map(|(_, continues)| continues);
        }
    }
    trace.deliveries = deliveries(connection, found.first_delivery, found.deliveries)?;
    trace.late = late(connection, reference)?;
    trace.payload = payload(connection, found.id)?;
    Ok(Some(trace))
}

/// What was known late of an alert: the references that begin with its own and the mark, a span of their index.
fn late(connection: &Connection, reference: &str) -> Result<Vec<String>, SqlError> {
    let [_, late] = pseudo_sources(connection)?;
    let from = format!("{reference}{LATE_MARK}");
    // No text that begins with the first comes after the second. (The `+` keeps the index on sources out of it.)
    let to = format!("{from}\u{10ffff}");
    let mut select = connection.prepare_cached(
        "SELECT reference FROM alert WHERE reference >= ?1 AND reference <= ?2 AND +source = ?3
         ORDER BY reference LIMIT ?4",
    )?;
    let rows = select.query_map(params![from, to, late, most(MOST_LATE)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The references of the newest alerts, newest first.
pub(super) fn newest(connection: &Connection, limit: usize) -> Result<Vec<String>, SqlError> {
    let [_, late] = pseudo_sources(connection)?;
    let mut select = connection.prepare_cached(
        "SELECT reference FROM alert WHERE source <> ?2 ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = select.query_map([most(limit), late], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The alert a sink knows by this id; of several the one that was kept last.
pub(super) fn reference_of(
    connection: &Connection,
    sink: &str,
    id: &str,
) -> Result<Option<String>, SqlError> {
    let found = connection
        .prepare_cached(
            "SELECT reference FROM delivery INDEXED BY delivery_proof
             JOIN alert ON alert.id = delivery.alert
             WHERE proof_id = ?2 AND state = 3
                AND delivery.sink = (SELECT id FROM sink WHERE name = ?1)
             ORDER BY delivery.id DESC LIMIT 1",
        )?
        .query_row([sink, id], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// The references folded into a group, in order, after one of them.
pub(super) fn members(
    connection: &Connection,
    group: i64,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, SqlError> {
    let after: i64 = match after {
        None => 0,
        Some(reference) => {
            let place = connection
                .prepare_cached("SELECT id FROM alert WHERE reference = ?1")?
                .query_row([reference], |row| row.get(0))
                .optional()?;
            // Forgotten meanwhile: nobody knows what came after it.
            match place {
                Some(place) => place,
                None => return Ok(Vec::new()),
            }
        }
    };
    let mut select = connection.prepare_cached(
        "SELECT reference FROM alert INDEXED BY alert_fold
         WHERE outcome = 2 AND fold = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = select.query_map(params![group, after, most(limit)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A group for people; of several sinks the one that was told most counts.
pub(super) fn group_as_told(connection: &Connection, id: i64) -> Result<Option<Group>, SqlError> {
    let told: i64 = connection
        .prepare_cached(
            "SELECT coalesce(max(told), 0) FROM fold JOIN alert ON alert.id = fold.parent
             JOIN telling ON telling.delivery >= first_delivery
                AND telling.delivery < first_delivery + deliveries
             WHERE fold.id = ?1",
        )?
        .query_row([id], |row| row.get(0))?;
    groups::group(connection, id, told)
}

/// What a number of `rule_hit` means; an empty name where the row is missing.
pub(super) fn silenced_by(
    connection: &Connection,
    hit: Option<i64>,
) -> Result<SilencedBy, SqlError> {
    let found: Option<(String, String)> = connection
        .prepare_cached("SELECT rule, name FROM rule_hit WHERE id = ?1")?
        .query_row([hit], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (rule, name) = found.unwrap_or_default();
    Ok(match rule.as_str() {
        "allowlist" => SilencedBy::Allowlist(name),
        "mute" => SilencedBy::Mute(name),
        _ => SilencedBy::Silence(name),
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        id: row.get(0)?,
        trace: Trace {
            reference: row.get(1)?,
            source: row.get(2)?,
            received_at: timestamp(row.get(3)?),
            agent: row.get(4)?,
            rule_id: row.get(5)?,
            level: row.get(6)?,
            copies: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
            outcome: TraceOutcome::Routed,
            group: None,
            continues: None,
            deliveries: Vec::new(),
            late: Vec::new(),
            payload: None,
        },
        outcome: row.get(8)?,
        silenced_by: row.get(9)?,
        fold: row.get(10)?,
        first_delivery: row.get(11)?,
        deliveries: row.get(12)?,
    })
}

fn deliveries(
    connection: &Connection,
    first: i64,
    count: i64,
) -> Result<Vec<DeliveryTrace>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT delivery.id, sink.name, lane.name, state, attempts, due_at, finished_at, why,
            proof_id, proof_link, coalesce(adopted, 0), coalesce(changes, '')
         FROM delivery JOIN sink ON sink.id = delivery.sink JOIN lane ON lane.id = delivery.lane
         WHERE delivery.id >= ?1 AND delivery.id < ?2 ORDER BY delivery.id",
    )?;
    let mut rows = select.query([first, first.saturating_add(count)])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        deliveries.push(delivery(connection, row)?);
    }
    Ok(deliveries)
}

/// Columns keep what they were last given; only those that mean something in its state are told.
fn delivery(connection: &Connection, row: &Row<'_>) -> Result<DeliveryTrace, SqlError> {
    let delivery = row.get(0)?;
    let (waiting, delivered, dead) = match row.get(3)? {
        1 => (true, false, false),
        3 => (false, true, false),
        4 => (false, false, true),
        _ => (false, false, false),
    };
    let state = match row.get(3)? {
        0 => "ready",
        1 => "waiting",
        2 => "claimed",
        3 => "delivered",
        _ => "dead",
    };
    let finished_at: Option<i64> = row.get(6)?;
    let finished_at = finished_at.map(timestamp);
    let adopted: bool = row.get(10)?;
    let due_at: Option<i64> = row.get(5)?;
    let history = attempts::of(connection, delivery)?;
    Ok(DeliveryTrace {
        delivery,
        sink: row.get(1)?,
        lane: row.get(2)?,
        state: state.into(),
        attempts: row.get(4)?,
        due_at: due_at.filter(|_| waiting).map(timestamp),
        finished_at: finished_at.filter(|_| delivered || dead),
        why: row
            .get::<_, Option<String>>(7)?
            .filter(|why| (waiting || dead) && !why.is_empty()),
        id: row.get(8)?,
        link: row.get(9)?,
        adopted: delivered && adopted,
        changes: row.get(11)?,
        history: with_delivered(
            history,
            finished_at.filter(|_| delivered).map(|at| (at, adopted)),
        ),
    })
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
