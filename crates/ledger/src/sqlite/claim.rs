//! Giving deliveries out: lanes in turn, oldest first within a lane, no agent beyond its share.
//!
//! Cost: a few look-ups in an index per lane of the sink and per delivery given, however many wait, wait for a retry, or
//! stand in a paused lane. Within a lane the ready deliveries are read by age; when more than [`MOST_SKIPPED`] in a row
//! belong to agents that have their share, the lane's agents are visited one by one instead (one look-up for each agent
//! that has something ready), so that a million alerts of one loud agent are never walked through.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    batch::{Batch, Origin},
    error::SqlError,
    pauses::{Gate, gates},
    payload::unpack,
    succession, tellings,
    time::{millis, timestamp},
};
use crate::{Claim, Claimed, LONGEST_WAIT};

/// So many deliveries of agents that have their share are passed over before the lane is read by agent.
const MOST_SKIPPED: usize = 256;
/// So many waiting deliveries of a lane become ready in one claim; the rest follow in the next ones.
const MOST_PROMOTED: i64 = 1000;

/// Claims.
pub(super) fn claim(batch: &mut Batch<'_>, claim: &Claim) -> Result<Vec<Claimed>, SqlError> {
    let limit = if claim.probe {
        claim.limit.min(1)
    } else {
        claim.limit
    };
    let now = millis(claim.now);
    let lanes = lanes(batch.connection, claim, now)?;
    if limit == 0 || lanes.is_empty() {
        return Ok(Vec::new());
    }
    for lane in &lanes {
        promote(batch.connection, lane.id, now)?;
    }
    let outstanding = outstanding(batch.connection)?;
    let page = (limit / lanes.len() + 1).clamp(4, 512);
    let mut readers: Vec<LaneReader<'_>> = Vec::with_capacity(lanes.len());
    for (place, lane) in lanes.iter().enumerate() {
        readers.push(LaneReader {
            connection: batch.connection,
            lane: lane.id,
            place,
            per_agent: claim.per_agent,
            page,
            taken: outstanding.get(&lane.id).cloned().unwrap_or_default(),
            order: Order::ByAge {
                after: 0,
                page: VecDeque::new(),
                skipped: 0,
            },
        });
    }
    let chosen = if claim.probe {
        oldest(&mut readers)?
    } else {
        in_turn(&mut readers, limit)?
    };

    let lease_until =
        now.saturating_add(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX));
    let mut turn = lanes.iter().map(|lane| lane.turn).max().unwrap_or(0);
    let mut turns: HashMap<i64, i64> = HashMap::new();
    let mut statements = Statements::new(batch.connection)?;
    let mut claimed = Vec::with_capacity(chosen.len());
    for (place, ready) in chosen {
        let lane = &lanes[place];
        turn += 1;
        turns.insert(lane.id, turn);
        match give(batch, &mut statements, &ready, &lane.name, lease_until)? {
            Ok(given) => claimed.push(given),
            Err(why) => bury(batch, ready.delivery, now, &why)?,
        }
    }
    for (lane, turn) in turns {
        batch
            .connection
            .prepare_cached("UPDATE lane SET turn = ?2 WHERE id = ?1")?
            .execute([lane, turn])?;
    }
    Ok(claimed)
}

/// A lane that may be claimed from.
struct Lane {
    id: i64,
    turn: i64,
    name: String,
}

/// The lanes that may be claimed from, the one that waited longest first. A probe looks at lanes whose
/// pause is due for one before it looks at open ones.
fn lanes(connection: &Connection, claim: &Claim, now: i64) -> Result<Vec<Lane>, SqlError> {
    let gates = gates(connection, &claim.sink, now)?;
    let mut select = connection.prepare_cached(
        "SELECT lane.id, lane.turn, lane.name FROM lane JOIN sink ON sink.id = lane.sink
         WHERE sink.name = ?1 ORDER BY lane.turn, lane.id",
    )?;
    let mut rows = select.query([&claim.sink])?;
    let mut open = Vec::new();
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let lane = Lane {
            id: row.get(0)?,
            turn: row.get(1)?,
            name: row.get(2)?,
        };
        match gates.of(&lane.name) {
            Gate::Open => open.push(lane),
            Gate::ProbeDue => due.push(lane),
            Gate::Shut => {}
        }
    }
    if claim.probe {
        for lane in &due {
            promote(connection, lane.id, now)?;
            if any_ready(connection, lane.id)? {
                return Ok(due);
            }
        }
    }
    Ok(open)
}

/// Makes a lane's waiting deliveries ready whose time has come.
fn promote(connection: &Connection, lane: i64, now: i64) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 0, due_at = NULL WHERE id IN (
                SELECT id FROM delivery INDEXED BY delivery_waiting
                WHERE lane = ?1 AND state = 1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3)",
        )?
        .execute([lane, now, MOST_PROMOTED])?;
    // No delivery is put off for so long: the clock has been set back since.
    let too_late = now.saturating_add(i64::try_from(LONGEST_WAIT.as_millis()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 0, due_at = NULL WHERE id IN (
                SELECT id FROM delivery INDEXED BY delivery_waiting
                WHERE lane = ?1 AND state = 1 AND due_at > ?2 ORDER BY due_at LIMIT ?3)",
        )?
        .execute([lane, too_late, MOST_PROMOTED])?;
    Ok(())
}

/// Whether anything in a lane is ready.
pub(super) fn any_ready(connection: &Connection, lane: i64) -> Result<bool, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM delivery INDEXED BY delivery_ready WHERE lane = ?1 AND state = 0 LIMIT 1",
        )?
        .exists([lane])?)
}

/// How many are claimed, by lane and agent. There are never more than workers have in hand.
fn outstanding(connection: &Connection) -> Result<HashMap<i64, HashMap<i64, usize>>, SqlError> {
    let mut counts: HashMap<i64, HashMap<i64, usize>> = HashMap::new();
    let mut select = connection.prepare_cached(
        "SELECT lane, agent FROM delivery INDEXED BY delivery_claimed WHERE state = 2",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        *counts
            .entry(row.get(0)?)
            .or_default()
            .entry(row.get(1)?)
            .or_default() += 1;
    }
    Ok(counts)
}

/// A delivery that may be claimed, by the place of its lane.
type Chosen = (usize, Ready);

/// One of each lane in turn until there are enough.
fn in_turn(readers: &mut [LaneReader<'_>], limit: usize) -> Result<Vec<Chosen>, SqlError> {
    let mut chosen = Vec::new();
    loop {
        let before = chosen.len();
        for reader in readers.iter_mut() {
            if chosen.len() == limit {
                return Ok(chosen);
            }
            if let Some(delivery) = reader.next()? {
                chosen.push((reader.place, delivery));
            }
        }
        if chosen.len() == before {
            return Ok(chosen);
        }
    }
}

/// The oldest of all lanes.
fn oldest(readers: &mut [LaneReader<'_>]) -> Result<Vec<Chosen>, SqlError> {
    let mut found: Option<Chosen> = None;
    for reader in readers {
        if let Some(ready) = reader.next()?
            && found.is_none_or(|(_, known)| ready < known)
        {
            found = Some((reader.place, ready));
        }
    }
    Ok(found.into_iter().collect())
}

/// What a claim needs of a delivery's row, which the look-up has in hand anyway. Ordered by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ready {
    delivery: i64,
    agent: i64,
    alert: i64,
    sink: i64,
    hour: i64,
    attempts: u32,
    blamed: u32,
    doubt: bool,
    fence: i64,
}

impl Ready {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            delivery: row.get(0)?,
            agent: row.get(1)?,
            alert: row.get(2)?,
            sink: row.get(3)?,
            hour: row.get(4)?,
            attempts: row.get(5)?,
            blamed: row.get(6)?,
            doubt: row.get(7)?,
            fence: row.get(8)?,
        })
    }
}

/// Reads what may be claimed from one lane, oldest first.
struct LaneReader<'a> {
    connection: &'a Connection,
    lane: i64,
    /// Among the lanes of this claim.
    place: usize,
    per_agent: usize,
    page: usize,
    /// Claimed or chosen already, by agent.
    taken: HashMap<i64, usize>,
    order: Order,
}

enum Order {
    /// All of the lane by age; `after` is the last one read.
    ByAge {
        after: i64,
        page: VecDeque<Ready>,
        skipped: usize,
    },
    /// The oldest of each agent that is still below its share.
    ByAgent(BinaryHeap<Reverse<Ready>>),
    Exhausted,
}

impl LaneReader<'_> {
    fn next(&mut self) -> Result<Option<Ready>, SqlError> {
        loop {
            match &mut self.order {
                Order::Exhausted => return Ok(None),
                Order::ByAge {
                    after,
                    page,
                    skipped,
                } => {
                    if let Some(ready) = page.pop_front() {
                        *after = ready.delivery;
                        let taken = self.taken.entry(ready.agent).or_default();
                        if *taken < self.per_agent {
                            *taken += 1;
                            *skipped = 0;
                            return Ok(Some(ready));
                        }
                        *skipped += 1;
                    } else if *skipped > MOST_SKIPPED {
                        let after = *after;
                        self.order = Order::ByAgent(self.agents(after)?);
                    } else {
                        let more = read_page(self.connection, self.lane, *after, self.page)?;
                        if more.is_empty() {
                            self.order = Order::Exhausted;
                        } else {
                            *page = more;
                        }
                    }
                }
                Order::ByAgent(heads) => {
                    let Some(Reverse(ready)) = heads.pop() else {
                        self.order = Order::Exhausted;
                        return Ok(None);
                    };
                    let taken = self.taken.entry(ready.agent).or_default();
                    *taken += 1;
                    if *taken < self.per_agent
                        && let Some(next) =
                            head(self.connection, self.lane, ready.agent, ready.delivery)?
                    {
                        heads.push(Reverse(next));
                    }
                    return Ok(Some(ready));
                }
            }
        }
    }

    fn agents(&self, after: i64) -> Result<BinaryHeap<Reverse<Ready>>, SqlError> {
        let mut heads = BinaryHeap::new();
        let mut last = i64::MIN;
        let mut select = self.connection.prepare_cached(
            "SELECT agent FROM delivery INDEXED BY delivery_ready_agent
             WHERE lane = ?1 AND state = 0 AND agent > ?2 ORDER BY agent LIMIT 1",
        )?;
        while let Some(agent) = select
            .query_row([self.lane, last], |row| row.get::<_, i64>(0))
            .optional()?
        {
            last = agent;
            if self.taken.get(&agent).copied().unwrap_or(0) < self.per_agent
                && let Some(ready) = head(self.connection, self.lane, agent, after)?
            {
                heads.push(Reverse(ready));
            }
        }
        Ok(heads)
    }
}

fn read_page(
    connection: &Connection,
    lane: i64,
    after: i64,
    page: usize,
) -> Result<VecDeque<Ready>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT id, agent, alert, sink, hour, attempts, blamed, doubt, fence
         FROM delivery INDEXED BY delivery_ready
         WHERE lane = ?1 AND state = 0 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = select.query_map(params![lane, after, page as i64], Ready::read)?;
    let mut read = VecDeque::with_capacity(page);
    for row in rows {
        read.push_back(row?);
    }
    Ok(read)
}

/// An agent's oldest ready delivery after another.
fn head(
    connection: &Connection,
    lane: i64,
    agent: i64,
    after: i64,
) -> Result<Option<Ready>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT id, agent, alert, sink, hour, attempts, blamed, doubt, fence
             FROM delivery INDEXED BY delivery_ready_agent
             WHERE lane = ?1 AND state = 0 AND agent = ?2 AND id > ?3 ORDER BY id LIMIT 1",
        )?
        .query_row([lane, agent, after], Ready::read)
        .optional()?)
}

/// What is run for each delivery given, looked up once for all of them.
struct Statements<'a> {
    claim: CachedStatement<'a>,
    alert: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    fn new(connection: &'a Connection) -> Result<Self, SqlError> {
        Ok(Self {
            claim: connection.prepare_cached(
                "UPDATE delivery SET state = 2, attempts = ?2, fence = ?3, lease_until = ?4
                 WHERE id = ?1",
            )?,
            alert: connection.prepare_cached(
                "SELECT reference, received_at, codec, size, body, fold
                 FROM alert JOIN payload ON payload.alert = alert.id WHERE alert.id = ?1",
            )?,
        })
    }
}

/// Claims one delivery. The inner error is damage of its alert's row or bytes.
fn give(
    batch: &mut Batch<'_>,
    statements: &mut Statements<'_>,
    ready: &Ready,
    lane: &str,
    lease_until: i64,
) -> Result<Result<Claimed, String>, SqlError> {
    let (attempt, fence) = (
        ready.attempts.saturating_add(1),
        ready.fence.saturating_add(1),
    );
    statements
        .claim
        .execute(params![ready.delivery, attempt, fence, lease_until])?;
    let missing = || Err("its alert is missing in the ledger".into());
    let Some(agent) = batch.agent_name(ready.agent)? else {
        return Ok(missing());
    };
    let found = statements
        .alert
        .query_row([ready.alert], |row| {
            let received_at = timestamp(row.get(1)?);
            let reference: String = row.get(0)?;
            let payload = unpack(row.get(2)?, row.get(3)?, row.get_ref(4)?.as_blob()?);
            let fold: Option<i64> = row.get(5)?;
            let claimed = payload.map(|payload| Claimed {
                delivery: ready.delivery,
                fence,
                reference,
                lane: lane.into(),
                agent: (*agent).into(),
                attempt,
                blamed: ready.blamed,
                doubt: ready.doubt,
                received_at,
                payload,
                digest: None,
                continues: None,
            });
            Ok(claimed.map(|claimed| (claimed, fold)))
        })
        .optional()?;
    let found = match found {
        Some(Ok((mut claimed, fold))) => {
            // Only what is the parent of more than the repeats it opened itself says so.
            if fold.is_some() {
                tellings::begun(batch, (ready.alert, ready.sink), &mut claimed)?;
            }
            Some(Ok(claimed))
        }
        Some(Err(why)) => Some(Err(why)),
        None => None,
    };
    if let Some(Ok(_)) = found {
        batch.remember(
            ready.delivery,
            Origin {
                alert: ready.alert,
                sink: ready.sink,
                hour: ready.hour,
            },
        );
    }
    Ok(found.unwrap_or_else(missing))
}

/// Makes a dead letter of a delivery whose bytes are damaged, so that it stops nobody behind it.
fn bury(batch: &mut Batch<'_>, delivery: i64, at: i64, why: &str) -> Result<(), SqlError> {
    tracing::error!(
        delivery,
        why,
        "a delivery's alert is damaged; kept as a dead letter"
    );
    let (sink, hour, alert) = batch
        .connection
        .prepare_cached(
            "UPDATE delivery SET state = 4, outcome = 2, finished_at = ?2, why = ?3
             WHERE id = ?1 RETURNING sink, hour, alert",
        )?
        .query_row(params![delivery, at, why], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let tally = batch.sink_tally(hour, sink);
    tally.pending -= 1;
    tally.dead += 1;
    succession::died(batch, alert)
}
