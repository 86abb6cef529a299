//! Counting an alert into a group, opening digests, and charging bursts and budgets: what was decided, written down.

use rusqlite::{OptionalExtension, params};

use super::{
    batch::Batch,
    counters::Payer,
    error::SqlError,
    groups::{self, NewGroup},
    succession, tellings,
};
use crate::{
    Arrival, Folding, GroupKind, IntakeReport, Route,
    decide::{Opening, budget_run, burst_run, span},
    distinct::Fields,
    names::{DIGEST, digest_reference},
};

/// An alert that has just been kept.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub(super) alert: i64,
    pub(super) arrival: &'a Arrival,
    pub(super) received_at: i64,
    pub(super) hour: i64,
}

/// Where the alert's bytes go: a digest gets a copy of its first member's row and bytes.
pub(super) fn push_digest(
    batch: &mut Batch<'_>,
    member: i64,
    received_at: i64,
    hour: i64,
) -> Result<i64, SqlError> {
    let source = batch.source(DIGEST)?;
    let plain: String = batch
        .connection
        .prepare_cached("SELECT reference FROM alert WHERE id = ?1")?
        .query_row([member], |row| row.get(0))?;
    let digest = batch.next()?.0;
    for attempt in 1.. {
        let inserted = batch
            .connection
            .prepare_cached(
                "INSERT INTO alert (id, reference, fingerprint, source, received_at, hour, level,
                    rule_id, agent, first_delivery, deliveries, open, fold)
                 SELECT ?1, ?2, fingerprint, ?3, ?4, ?5, level, rule_id, agent, 0, 0, 0, ?1
                 FROM alert WHERE id = ?6
                 ON CONFLICT (reference) DO NOTHING",
            )?
            .execute(params![
                digest,
                digest_reference(&plain, attempt),
                source,
                received_at,
                hour,
                member
            ])?;
        if inserted == 1 {
            break;
        }
    }
    batch
        .connection
        .prepare_cached(
            "INSERT INTO payload (alert, codec, size, body)
             SELECT ?1, codec, size, body FROM payload WHERE alert = ?2",
        )?
        .execute([digest, member])?;
    batch.next()?.0 = digest + 1;
    let tally = batch.source_tally(hour, source);
    tally.received += 1;
    tally.routed += 1;
    Ok(digest)
}

/// Hands an alert to sinks, from `due_at` on or at once.
pub(super) fn route(
    batch: &mut Batch<'_>,
    alert: i64,
    hour: i64,
    routes: &[(i64, i64)],
    due_at: Option<i64>,
) -> Result<(), SqlError> {
    let first = batch.next()?.1;
    for (place, (sink, lane)) in routes.iter().enumerate() {
        batch
            .connection
            .prepare_cached(
                "INSERT INTO delivery (id, alert, sink, lane, agent, hour, state, due_at)
                 SELECT ?1, ?2, ?3, ?4, agent, ?5, ?6, ?7 FROM alert WHERE id = ?2",
            )?
            .execute(params![
                first + place as i64,
                alert,
                sink,
                lane,
                hour,
                i64::from(due_at.is_some()),
                due_at
            ])?;
        let tally = batch.sink_tally(hour, *sink);
        tally.routed += 1;
        tally.pending += 1;
    }
    let deliveries = routes.len() as i64;
    batch.next()?.1 = first + deliveries;
    batch
        .connection
        .prepare_cached(
            "UPDATE alert SET first_delivery = ?2, deliveries = ?3, open = ?3, finished_at = NULL,
                outcome = 0, kept = 1
             WHERE id = ?1",
        )?
        .execute([alert, first, deliveries])?;
    Ok(())
}

/// The numbers of routes, each sink at most once.
pub(super) fn numbered(
    batch: &mut Batch<'_>,
    routes: &[&Route],
) -> Result<Vec<(i64, i64)>, SqlError> {
    let mut numbered = Vec::with_capacity(routes.len());
    for route in routes {
        let sink = batch.sink(&route.sink)?;
        numbered.push((sink, batch.lane(sink, &route.lane)?));
    }
    Ok(numbered)
}

/// What joins a group.
pub(super) struct Joining<'a> {
    pub(super) level: u32,
    pub(super) folding: &'a Folding,
    pub(super) kind: GroupKind,
}

/// Counts an alert into a group.
pub(super) fn into_group(
    batch: &mut Batch<'_>,
    group: i64,
    now: i64,
    until: i64,
    joining: &Joining<'_>,
) -> Result<(), SqlError> {
    let folding = joining.folding;
    if !(folding.collected.is_empty() && folding.differs.is_empty()) {
        let stored: Option<Vec<u8>> = batch
            .connection
            .prepare_cached("SELECT fields FROM fold WHERE id = ?1")?
            .query_row([group], |row| row.get(0))
            .optional()?
            .flatten();
        let mut fields = Fields::decode(&stored.unwrap_or_default());
        if fields.take(folding, joining.kind) {
            batch
                .connection
                .prepare_cached("UPDATE fold SET fields = ?2 WHERE id = ?1")?
                .execute(params![group, fields.encode()])?;
        }
    }
    let parent: i64 = batch
        .connection
        .prepare_cached(
            "UPDATE fold SET folded = folded + 1, last_at = ?2, opened_at = min(opened_at, ?2),
                until = ?3, level = max(level, ?4)
             WHERE id = ?1 RETURNING parent",
        )?
        .query_row([group, now, until, i64::from(joining.level)], |row| {
            row.get(0)
        })?;
    let open = batch.open()?;
    open.latest = open.latest.max(now);
    tellings::grown(batch, group, parent, now)
}

/// Opens a group for an alert that was routed, or for a digest that holds `folded` already.
pub(super) fn open(
    batch: &mut Batch<'_>,
    opening: &Opening,
    parent: i64,
    kept: Kept<'_>,
    folded: i64,
    report: &mut IntakeReport,
) -> Result<(), SqlError> {
    let mut continues = None;
    if let Some(replaced) = opening.replaces {
        if replaced.continues {
            continues = succession::proof(batch, replaced.id)?;
        }
        groups::close(
            batch,
            replaced.id,
            replaced.superseded.then_some("superseded"),
        )?;
    }
    let mut fields = Fields::default();
    fields.take(&kept.arrival.folding, opening.kind);
    // Counted before the row is there, so that it is counted once.
    batch.open()?.count += 1;
    let crowded = groups::open(
        batch,
        &NewGroup {
            id: parent,
            kind: opening.kind,
            level: kept.arrival.level,
            now: kept.received_at,
            folded,
            key: &opening.key,
            until: opening.until,
            fields: fields.encode(),
            continues,
        },
    )?;
    report.crowded_out += u64::from(crowded);
    Ok(())
}

/// Charges what was routed: a burst's digest costs budgets alone.
pub(super) fn charge(
    batch: &mut Batch<'_>,
    now: i64,
    folding: &Folding,
    routed: bool,
) -> Result<(), SqlError> {
    if let Some(burst) = &folding.burst
        && routed
    {
        let period = span(burst.period);
        let mut run = burst_run(batch.charged(Payer::Burst, &burst.key)?, now, period);
        run.routed += 1;
        batch.charge(Payer::Burst, &burst.key, run, run.since + period);
    }
    for budget in &folding.budgets {
        let period = span(budget.period);
        let mut run = budget_run(batch.charged(Payer::Budget, &budget.key)?, now, period);
        run.routed += 1;
        batch.charge(Payer::Budget, &budget.key, run, run.since + period);
    }
    Ok(())
}
