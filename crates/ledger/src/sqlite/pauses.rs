//! Lanes and sinks that wait for the operator, and when something can be claimed.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    batch::Batch,
    claim::any_ready,
    error::SqlError,
    time::{millis, timestamp},
};
use crate::{LONGEST_WAIT, Pause};

/// Whether a lane may be claimed from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// No pause covers it.
    Open,
    /// Each pause that covers it is due for a probe.
    ProbeDue,
    /// Not now.
    Shut,
}

/// The gates of a sink's lanes at one time.
pub(super) struct Gates {
    whole: Gate,
    lanes: HashMap<String, Gate>,
}

impl Gates {
    pub(super) fn of(&self, lane: &str) -> Gate {
        let own = self.lanes.get(lane).copied().unwrap_or(Gate::Open);
        if self.whole == Gate::Shut || own == Gate::Shut {
            return Gate::Shut;
        }
        if self.whole == Gate::ProbeDue || own == Gate::ProbeDue {
            return Gate::ProbeDue;
        }
        Gate::Open
    }
}

/// Reads the gates of a sink.
pub(super) fn gates(connection: &Connection, sink: &str, now: i64) -> Result<Gates, SqlError> {
    let mut gates = Gates {
        whole: Gate::Open,
        lanes: HashMap::new(),
    };
    let mut select =
        connection.prepare_cached("SELECT whole, lane, probe_at FROM pause WHERE sink = ?1")?;
    let mut rows = select.query([sink])?;
    while let Some(row) = rows.next()? {
        let gate = if row.get::<_, i64>(2)? <= now {
            Gate::ProbeDue
        } else {
            Gate::Shut
        };
        if row.get(0)? {
            gates.whole = gate;
        } else {
            gates.lanes.insert(row.get(1)?, gate);
        }
    }
    Ok(gates)
}

/// Stores or replaces a pause.
pub(super) fn pause(batch: &mut Batch<'_>, pause: &Pause) -> Result<(), SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO pause (sink, whole, lane, why, since, probe_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            pause.sink,
            pause.lane.is_none(),
            pause.lane.as_deref().unwrap_or(""),
            pause.why,
            millis(pause.since),
            millis(pause.probe_at),
        ])?;
    Ok(())
}

/// Ends pauses of a sink.
pub(super) fn resume(
    batch: &mut Batch<'_>,
    sink: &str,
    lane: Option<&str>,
    everything: bool,
) -> Result<u64, SqlError> {
    let ended = batch
        .connection
        .prepare_cached("DELETE FROM pause WHERE sink = ?1 AND (?4 OR (whole = ?2 AND lane = ?3))")?
        .execute(params![
            sink,
            lane.is_none(),
            lane.unwrap_or(""),
            everything
        ])?;
    Ok(ended as u64)
}

/// All pauses, by sink and lane.
pub(super) fn all(connection: &Connection) -> Result<Vec<Pause>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT sink, whole, lane, why, since, probe_at FROM pause ORDER BY sink, whole DESC, lane",
    )?;
    let rows = select.query_map([], |row| {
        let whole: bool = row.get(1)?;
        let lane: String = row.get(2)?;
        Ok(Pause {
            sink: row.get(0)?,
            lane: (!whole).then_some(lane),
            why: row.get(3)?,
            since: timestamp(row.get(4)?),
            probe_at: timestamp(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// `now` where something in an open lane can be claimed, else when the first in an open lane is due.
pub(super) fn next_due(
    connection: &Connection,
    sink: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, SqlError> {
    let gates = gates(connection, sink, millis(now))?;
    let mut select = connection.prepare_cached(
        "SELECT lane.id, lane.name FROM lane JOIN sink ON sink.id = lane.sink WHERE sink.name = ?1",
    )?;
    let mut rows = select.query([sink])?;
    let mut earliest: Option<i64> = None;
    while let Some(row) = rows.next()? {
        let lane: i64 = row.get(0)?;
        if gates.of(row.get_ref(1)?.as_str().unwrap_or_default()) != Gate::Open {
            continue;
        }
        if any_ready(connection, lane)? {
            return Ok(Some(now));
        }
        let (due, last): (Option<i64>, Option<i64>) = connection
            .prepare_cached(
                "SELECT (SELECT min(due_at) FROM delivery INDEXED BY delivery_waiting
                         WHERE lane = ?1 AND state = 1),
                        (SELECT max(due_at) FROM delivery INDEXED BY delivery_waiting
                         WHERE lane = ?1 AND state = 1)",
            )?
            .query_row([lane], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // No delivery is put off for so long: the clock has been set back since.
        if last.is_some_and(|last| last > millis(now + LONGEST_WAIT)) {
            return Ok(Some(now));
        }
        earliest = match (earliest, due) {
            (Some(known), Some(due)) => Some(known.min(due)),
            (known, due) => known.or(due),
        };
    }
    Ok(earliest.map(|due| {
        if due <= millis(now) {
            now
        } else {
            timestamp(due)
        }
    }))
}
