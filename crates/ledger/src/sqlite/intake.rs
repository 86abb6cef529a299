//! Keeping what a source read: alerts, what was no alert, counts and the source's position, in one transaction.
//!
//! An alert with no sink at all is kept and counted as `routed` for its source; it has no deliveries and is finished at once.
//! A reference that another alert has is replaced by `reference_if_taken`, and where that is taken as well, by the reference
//! with the whole fingerprint and, at last, a number: nothing is lost to a clash of names.

use std::borrow::Cow;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::{
    batch::Batch,
    error::SqlError,
    fold::{self, Kept},
    groups::{self, FOLDED, Look, ROUTED, SILENCED},
    payload::{Packed, Packer},
    tallies,
    time::{hour_of, millis},
};
use crate::{
    Arrival, GroupKind, Intake, IntakeReport, LedgerError, Malformed, Placement, Route,
    decide::{Decision, decide, swept},
    names::{LATE, rule_of, silencer},
};

/// A count beyond this is a fault of the caller, and would in the end overflow the hour's counters.
const MOST_FILTERED: u64 = 1 << 40;

/// An intake whose payloads are compressed already, on the caller's thread.
pub(super) struct PackedIntake {
    source: String,
    received_at: i64,
    filtered: u64,
    filtered_by: Vec<(String, u64)>,
    malformed: Vec<Malformed>,
    arrivals: Vec<PackedArrival>,
    checkpoint: Option<String>,
}

struct PackedArrival {
    arrival: Arrival,
    payload: Packed,
}

impl PackedIntake {
    pub(super) fn new(intake: Intake) -> Self {
        let mut packer = Packer::default();
        let arrivals = intake.arrivals.into_iter().map(|mut arrival| {
            let payload = packer.pack(std::mem::take(&mut arrival.payload));
            PackedArrival { arrival, payload }
        });
        Self {
            source: intake.source,
            received_at: millis(intake.received_at),
            filtered: intake.filtered,
            filtered_by: intake.filtered_by,
            malformed: intake.malformed,
            arrivals: arrivals.collect(),
            checkpoint: intake.checkpoint,
        }
    }

    /// Its weight in memory, roughly; never 0.
    pub(super) fn bytes(&self) -> usize {
        let mut bytes = 256;
        for malformed in &self.malformed {
            bytes += 128 + malformed.body.len();
        }
        for packed in &self.arrivals {
            bytes += 256 + packed.arrival.reference.len() + packed.payload.body.len();
            let folding = &packed.arrival.folding;
            for collected in folding.collected.iter().chain(&folding.differs) {
                bytes += 48 + collected.label.len() + collected.value.len();
            }
            for tally in &packed.arrival.tallies {
                bytes += 96 + tally.kind.len() + tally.key.len() + tally.body.len();
            }
        }
        bytes
    }
}

/// Keeps it.
pub(super) fn intake(
    batch: &mut Batch<'_>,
    intake: &PackedIntake,
) -> Result<IntakeReport, SqlError> {
    let source = batch.source(&intake.source)?;
    let hour = hour_of(intake.received_at);
    let mut report = IntakeReport::default();

    for malformed in &intake.malformed {
        batch
            .connection
            .prepare_cached(
                "INSERT INTO malformed (source, received_at, hour, place, why, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                source,
                intake.received_at,
                hour,
                malformed.place,
                malformed.why,
                malformed.body
            ])?;
    }
    for (gate, count) in &intake.filtered_by {
        let rule = batch.rule("gate", gate)?;
        let count = (*count).min(MOST_FILTERED) as i64;
        batch.hit(rule, (hour, intake.received_at), count);
    }
    if !intake.arrivals.is_empty() {
        groups::set_back(batch, intake.received_at)?;
        groups::sweep(batch, intake.received_at, swept(intake.arrivals.len()))?;
        let mut inserts = Inserts::new(batch.connection)?;
        for packed in &intake.arrivals {
            let origin = (source, intake.received_at);
            let stored = report.stored;
            keep(batch, &mut inserts, packed, origin, &mut report)?;
            if report.stored > stored {
                stored_one(batch, &packed.arrival, intake)?;
            }
        }
    }
    if let Some(checkpoint) = &intake.checkpoint {
        batch
            .connection
            .prepare_cached("UPDATE source SET checkpoint = ?2 WHERE id = ?1")?
            .execute(params![source, checkpoint])?;
    }

    let malformed = intake.malformed.len() as u64;
    if intake.filtered > MOST_FILTERED {
        return Err(SqlError::Refused(LedgerError::Fault {
            detail: format!("{} alerts filtered at once can't be", intake.filtered),
        }));
    }
    let received = intake.filtered + malformed + intake.arrivals.len() as u64;
    if received > 0 {
        let tally = batch.source_tally(hour, source);
        tally.received += received as i64;
        tally.filtered += intake.filtered as i64;
        tally.malformed += malformed as i64;
        tally.duplicate += report.duplicates as i64;
        tally.silenced += report.silenced as i64;
        tally.folded += report.folded as i64;
        tally.routed += (report.stored - report.silenced - report.folded) as i64;
        tally.collisions += report.collisions as i64;
    }
    Ok(report)
}

/// What is counted with each alert that is no copy.
fn stored_one(
    batch: &mut Batch<'_>,
    arrival: &Arrival,
    intake: &PackedIntake,
) -> Result<(), SqlError> {
    if intake.source != LATE {
        let agent = batch.agent(&arrival.agent)?;
        batch.see(intake.received_at, &arrival.rule_id, agent);
    }
    tallies::add(batch, intake.received_at, &arrival.tallies)
}

/// The position a source stored last.
pub(super) fn checkpoint(
    connection: &Connection,
    source: &str,
) -> Result<Option<String>, SqlError> {
    let found = connection
        .prepare_cached("SELECT checkpoint FROM source WHERE name = ?1")?
        .query_row([source], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// What is run for each alert, looked up once for all of them.
struct Inserts<'a> {
    alert: CachedStatement<'a>,
    payload: CachedStatement<'a>,
    delivery: CachedStatement<'a>,
    copy: CachedStatement<'a>,
}

impl<'a> Inserts<'a> {
    fn new(connection: &'a Connection) -> Result<Self, SqlError> {
        Ok(Self {
            alert: connection.prepare_cached(
                "INSERT INTO alert (id, reference, fingerprint, source, received_at, hour, level,
                    rule_id, first_delivery, deliveries, open, finished_at, agent, outcome,
                    silenced_by, fold, kept)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
                 ON CONFLICT (reference) DO NOTHING",
            )?,
            payload: connection.prepare_cached(
                "INSERT INTO payload (alert, codec, size, body) VALUES (?1, ?2, ?3, ?4)",
            )?,
            delivery: connection.prepare_cached(
                "INSERT INTO delivery (id, alert, sink, lane, agent, hour)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            copy: connection
                .prepare_cached("UPDATE alert SET copies = copies + 1 WHERE reference = ?1")?,
        })
    }
}

fn keep(
    batch: &mut Batch<'_>,
    inserts: &mut Inserts<'_>,
    packed: &PackedArrival,
    (source, received_at): (i64, i64),
    report: &mut IntakeReport,
) -> Result<(), SqlError> {
    let arrival = &packed.arrival;
    let fate = fate(batch, arrival, received_at)?;
    let hour = hour_of(received_at);
    let agent = batch.agent(&arrival.agent)?;
    let (alert, first_delivery) = *batch.next()?;
    let (outcome, routes, silenced_by, group) = match &fate {
        Fate::Silenced(rule) => (SILENCED, 0, Some(*rule), None),
        Fate::Decided(Decision::Routed(_), routes) => (ROUTED, routes.len(), None, None),
        Fate::Decided(Decision::Folded { group, .. }, _) => (FOLDED, 0, None, Some(*group)),
        Fate::Decided(Decision::Digest { .. }, _) => (FOLDED, 0, None, Some(alert + 1)),
    };
    for attempt in 0.. {
        let reference = reference(arrival, attempt);
        let inserted = inserts.alert.execute(params![
            alert,
            reference,
            arrival.fingerprint,
            source,
            received_at,
            hour,
            arrival.level,
            arrival.rule_id,
            first_delivery,
            routes as i64,
            (routes == 0).then_some(received_at),
            agent,
            outcome,
            silenced_by,
            group,
            if outcome == ROUTED { 1 } else { 2 },
        ])?;
        if inserted == 1 {
            report.stored += 1;
            report.collisions += u64::from(attempt > 0);
            break;
        }
        if fingerprint_of(batch, &reference)? == arrival.fingerprint {
            inserts.copy.execute([&*reference])?;
            report.duplicates += 1;
            return Ok(());
        }
    }
    inserts.payload.execute(params![
        alert,
        packed.payload.codec,
        packed.payload.size,
        packed.payload.body
    ])?;
    batch.next()?.0 = alert + 1;
    let kept = Kept {
        alert,
        arrival,
        received_at,
        hour,
    };
    match fate {
        Fate::Silenced(rule) => {
            batch.hit(rule, (hour, received_at), 1);
            report.silenced += 1;
            Ok(())
        }
        Fate::Decided(decision, routes) => place(batch, inserts, decision, &routes, kept, report),
    }
}

/// What becomes of an alert if it is no copy.
enum Fate<'a> {
    /// By the rule of this number.
    Silenced(i64),
    Decided(Decision, Vec<&'a Route>),
}

fn fate<'a>(
    batch: &mut Batch<'_>,
    arrival: &'a Arrival,
    received_at: i64,
) -> Result<Fate<'a>, SqlError> {
    let routes = match &arrival.placement {
        Placement::Silenced(by) => {
            let (rule, name) = silencer(by);
            return Ok(Fate::Silenced(batch.rule(rule, name)?));
        }
        Placement::Routed(routes) => once_each(routes),
    };
    let decision = if routes.is_empty() {
        // Nobody is spared anything by folding it.
        Decision::Routed(None)
    } else {
        decide(
            received_at,
            arrival.level,
            &arrival.folding,
            &mut Look(batch),
        )?
    };
    Ok(Fate::Decided(decision, routes))
}

/// Does with an alert that was just kept what was decided.
fn place(
    batch: &mut Batch<'_>,
    inserts: &mut Inserts<'_>,
    decision: Decision,
    routes: &[&Route],
    kept: Kept<'_>,
    report: &mut IntakeReport,
) -> Result<(), SqlError> {
    let (now, folding) = (kept.received_at, &kept.arrival.folding);
    let (kind, budget) = match decision {
        Decision::Routed(opening) => {
            deliver(batch, inserts, routes, kept)?;
            if routes.is_empty() {
                return Ok(());
            }
            fold::charge(batch, now, folding, true)?;
            return match opening {
                Some(opening) => fold::open(batch, &opening, kept.alert, kept, 0, report),
                None => Ok(()),
            };
        }
        Decision::Folded {
            group,
            kind,
            until,
            budget,
        } => {
            let joining = fold::Joining {
                level: kept.arrival.level,
                folding,
                kind,
            };
            fold::into_group(batch, group, now, until, &joining)?;
            (kind, budget)
        }
        Decision::Digest {
            opening,
            due_at,
            budget,
        } => {
            let digest = fold::push_digest(batch, kept.alert, now, kept.hour)?;
            let routes = fold::numbered(batch, routes)?;
            fold::route(batch, digest, kept.hour, &routes, Some(due_at))?;
            if opening.kind == GroupKind::Burst {
                fold::charge(batch, now, folding, false)?;
            }
            fold::open(batch, &opening, digest, kept, 1, report)?;
            report.digests += 1;
            (opening.kind, budget)
        }
    };
    report.folded += 1;
    let name = budget.and_then(|place| folding.budgets.get(place));
    let rule = batch.rule(rule_of(kind), name.map_or("", |budget| &budget.name))?;
    batch.hit(rule, (kept.hour, now), 1);
    Ok(())
}

fn deliver(
    batch: &mut Batch<'_>,
    inserts: &mut Inserts<'_>,
    routes: &[&Route],
    kept: Kept<'_>,
) -> Result<(), SqlError> {
    let agent = batch.agent(&kept.arrival.agent)?;
    let mut delivery = batch.next()?.1;
    for route in routes {
        let sink = batch.sink(&route.sink)?;
        let lane = batch.lane(sink, &route.lane)?;
        inserts
            .delivery
            .execute([delivery, kept.alert, sink, lane, agent, kept.hour])?;
        delivery += 1;
        let tally = batch.sink_tally(kept.hour, sink);
        tally.routed += 1;
        tally.pending += 1;
    }
    batch.next()?.1 = delivery;
    Ok(())
}

fn fingerprint_of(batch: &Batch<'_>, reference: &str) -> Result<[u8; 16], SqlError> {
    let found: Vec<u8> = batch
        .connection
        .prepare_cached("SELECT fingerprint FROM alert WHERE reference = ?1")?
        .query_row([reference], |row| row.get(0))?;
    found.try_into().map_err(|_| {
        SqlError::Refused(LedgerError::Damaged {
            detail: "a fingerprint is not 16 bytes long".into(),
        })
    })
}

/// The reference to try, after so many that were taken by other alerts.
fn reference(arrival: &Arrival, attempt: u32) -> Cow<'_, str> {
    match attempt {
        0 => Cow::Borrowed(&arrival.reference),
        1 => Cow::Borrowed(&arrival.reference_if_taken),
        _ => Cow::Owned(crate::further_reference(arrival, attempt)),
    }
}

/// The routes, each sink at most once: the first counts.
fn once_each(routes: &[Route]) -> Vec<&Route> {
    let mut kept: Vec<&Route> = Vec::with_capacity(routes.len());
    for route in routes {
        if !kept.iter().any(|known| known.sink == route.sink) {
            kept.push(route);
        }
    }
    kept
}
