//! What the jobs of one transaction share: the connection, the names' numbers, the next numbers, and the counters' changes.
//!
//! Counters are summed here and written once, just before the commit, so that a batch of 256 alerts costs one update of the
//! hour's row and not 256.

use std::{collections::HashMap, rc::Rc};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    counters::{Charges, Hits},
    error::SqlError,
    seen::Sightings,
};

/// Names are free text from outside: beyond so many the numbers remembered are dropped and looked up anew.
const MOST_NAMES: usize = 50_000;

/// So many claimed deliveries are remembered at most; those of others are looked up.
const MOST_CLAIMS: usize = 10_000;

/// What is remembered between transactions, to save look-ups: numbers of names, and of claimed deliveries what never changes.
/// Must be emptied when a transaction is rolled back, because the numbers it gave are then given again.
#[derive(Default)]
pub(super) struct Names {
    sources: HashMap<String, i64>,
    sinks: HashMap<String, i64>,
    lanes: HashMap<i64, HashMap<String, i64>>,
    agents: HashMap<Rc<str>, i64>,
    agent_names: HashMap<i64, Rc<str>>,
    count: usize,
    claims: HashMap<i64, Origin>,
    pub(super) rules: HashMap<&'static str, HashMap<String, i64>>,
    open: Option<Open>,
}

/// What is known of the groups that may still be folded into.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) count: i64,
    /// No alert of theirs came later.
    pub(super) latest: i64,
}

/// Where a delivery belongs; never changes.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) alert: i64,
    pub(super) sink: i64,
    pub(super) hour: i64,
}

/// Changes of a source's counters in one hour.
#[derive(Default)]
pub(super) struct SourceTally {
    pub(super) received: i64,
    pub(super) malformed: i64,
    pub(super) duplicate: i64,
    pub(super) filtered: i64,
    pub(super) silenced: i64,
    pub(super) folded: i64,
    pub(super) routed: i64,
    pub(super) collisions: i64,
    pub(super) forgotten: i64,
    pub(super) malformed_forgotten: i64,
    pub(super) silenced_forgotten: i64,
    pub(super) folded_forgotten: i64,
}

/// Changes of a sink's counters in one hour of reception.
#[derive(Default)]
pub(super) struct SinkTally {
    pub(super) routed: i64,
    pub(super) delivered: i64,
    pub(super) adopted: i64,
    pub(super) dead: i64,
    pub(super) pending: i64,
    pub(super) delivered_forgotten: i64,
    pub(super) dead_forgotten: i64,
}

/// One transaction being filled.
pub(super) struct Batch<'a> {
    pub(super) connection: &'a Connection,
    pub(super) names: &'a mut Names,
    next: Option<(i64, i64)>,
    sources: HashMap<(i64, i64), SourceTally>,
    sinks: HashMap<(i64, i64), SinkTally>,
    pub(super) hits: Hits,
    pub(super) charges: Charges,
    pub(super) sightings: Sightings,
    most_groups: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(connection: &'a Connection, names: &'a mut Names, most_groups: u64) -> Self {
        Self {
            connection,
            names,
            next: None,
            sources: HashMap::new(),
            sinks: HashMap::new(),
            hits: Hits::new(),
            charges: Charges::new(),
            sightings: Sightings::new(),
            most_groups,
        }
    }

    /// So many groups may be open.
    pub(super) fn most_groups(&self) -> u64 {
        self.most_groups
    }

    /// Whether the open groups were counted.
    pub(super) fn open_is_known(&self) -> bool {
        self.names.open.is_some()
    }

    /// The open groups, counted once and remembered.
    pub(super) fn open(&mut self) -> Result<&mut Open, SqlError> {
        let open = match self.names.open {
            Some(open) => open,
            None => self
                .connection
                .prepare_cached(
                    "SELECT count(*), coalesce(max(last_at), 0) FROM fold INDEXED BY fold_until
                     WHERE key IS NOT NULL",
                )?
                .query_row([], |row| {
                    Ok(Open {
                        count: row.get(0)?,
                        latest: row.get(1)?,
                    })
                })?,
        };
        Ok(self.names.open.insert(open))
    }

    /// The counters of a source in an hour.
    pub(super) fn source_tally(&mut self, hour: i64, source: i64) -> &mut SourceTally {
        self.sources.entry((hour, source)).or_default()
    }

    /// The counters of a sink in an hour.
    pub(super) fn sink_tally(&mut self, hour: i64, sink: i64) -> &mut SinkTally {
        self.sinks.entry((hour, sink)).or_default()
    }

    /// The numbers of the next alert and the next delivery.
    pub(super) fn next(&mut self) -> Result<&mut (i64, i64), SqlError> {
        let next = match self.next {
            Some(next) => next,
            None => self
                .connection
                .prepare_cached(
                    "SELECT max(next_alert, coalesce((SELECT max(id) FROM alert), 0) + 1),
                        max(next_delivery, coalesce((SELECT max(id) FROM delivery), 0) + 1)
                     FROM sequence",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?,
        };
        Ok(self.next.insert(next))
    }

    /// Writes the next numbers down; needed before rows are deleted, else their numbers could be given again.
    pub(super) fn keep_numbers(&mut self) -> Result<(), SqlError> {
        let (alert, delivery) = *self.next()?;
        self.connection
            .prepare_cached("UPDATE sequence SET next_alert = ?1, next_delivery = ?2")?
            .execute([alert, delivery])?;
        Ok(())
    }

    /// The number of a source; a new one is kept.
    pub(super) fn source(&mut self, name: &str) -> Result<i64, SqlError> {
        if let Some(&id) = self.names.sources.get(name) {
            return Ok(id);
        }
        let id = number(
            self.connection,
            "SELECT id FROM source WHERE name = ?1",
            "INSERT INTO source (name) VALUES (?1)",
            name,
        )?;
        self.names.make_room();
        self.names.sources.insert(name.into(), id);
        Ok(id)
    }

    /// The number of a sink; a new one is kept.
    pub(super) fn sink(&mut self, name: &str) -> Result<i64, SqlError> {
        if let Some(&id) = self.names.sinks.get(name) {
            return Ok(id);
        }
        let id = number(
            self.connection,
            "SELECT id FROM sink WHERE name = ?1",
            "INSERT INTO sink (name) VALUES (?1)",
            name,
        )?;
        self.names.make_room();
        self.names.sinks.insert(name.into(), id);
        Ok(id)
    }

    /// The number of an agent's name; a new one is kept.
    pub(super) fn agent(&mut self, name: &str) -> Result<i64, SqlError> {
        if let Some(&id) = self.names.agents.get(name) {
            return Ok(id);
        }
        let id = number(
            self.connection,
            "SELECT id FROM agent WHERE name = ?1",
            "INSERT INTO agent (name) VALUES (?1)",
            name,
        )?;
        self.names.keep_agent(id, name.into());
        Ok(id)
    }

    /// An agent's name; `None` where its row is missing.
    pub(super) fn agent_name(&mut self, id: i64) -> Result<Option<Rc<str>>, SqlError> {
        if let Some(name) = self.names.agent_names.get(&id) {
            return Ok(Some(name.clone()));
        }
        let name: Option<Rc<str>> = self
            .connection
            .prepare_cached("SELECT name FROM agent WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        if let Some(name) = &name {
            self.names.keep_agent(id, name.clone());
        }
        Ok(name)
    }

    /// Remembers where a claimed delivery belongs, for its settlement.
    pub(super) fn remember(&mut self, delivery: i64, origin: Origin) {
        if self.names.claims.len() >= MOST_CLAIMS {
            self.names.claims.clear();
        }
        self.names.claims.insert(delivery, origin);
    }

    /// Where a delivery belongs, looked up where it is not remembered; it is forgotten by this.
    pub(super) fn origin(&mut self, delivery: i64) -> Result<Origin, SqlError> {
        if let Some(origin) = self.names.claims.remove(&delivery) {
            return Ok(origin);
        }
        let origin = self
            .connection
            .prepare_cached("SELECT alert, sink, hour FROM delivery WHERE id = ?1")?
            .query_row([delivery], |row| {
                Ok(Origin {
                    alert: row.get(0)?,
                    sink: row.get(1)?,
                    hour: row.get(2)?,
                })
            })?;
        Ok(origin)
    }

    /// The number of a lane of a sink; a new one is kept.
    pub(super) fn lane(&mut self, sink: i64, name: &str) -> Result<i64, SqlError> {
        if let Some(&id) = self
            .names
            .lanes
            .get(&sink)
            .and_then(|lanes| lanes.get(name))
        {
            return Ok(id);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM lane WHERE sink = ?1 AND name = ?2")?
            .query_row(params![sink, name], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection
                    .prepare_cached("INSERT INTO lane (sink, name) VALUES (?1, ?2)")?
                    .execute(params![sink, name])?;
                self.connection.last_insert_rowid()
            }
        };
        self.names.make_room();
        self.names
            .lanes
            .entry(sink)
            .or_default()
            .insert(name.into(), id);
        Ok(id)
    }

    /// Writes what was summed up; the last act before the commit.
    pub(super) fn finish(mut self) -> Result<(), SqlError> {
        self.write_charges()?;
        self.write_hits()?;
        self.write_sightings()?;
        for ((hour, source), tally) in &self.sources {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO source_hour (hour, source) VALUES (?1, ?2)")?
                .execute([hour, source])?;
            self.connection
                .prepare_cached(
                    "UPDATE source_hour SET received = received + ?3, malformed = malformed + ?4,
                        duplicate = duplicate + ?5, filtered = filtered + ?6, routed = routed + ?7,
                        collisions = collisions + ?8, forgotten = forgotten + ?9,
                        malformed_forgotten = malformed_forgotten + ?10,
                        silenced = silenced + ?11, folded = folded + ?12,
                        silenced_forgotten = silenced_forgotten + ?13,
                        folded_forgotten = folded_forgotten + ?14
                     WHERE hour = ?1 AND source = ?2",
                )?
                .execute(params![
                    hour,
                    source,
                    tally.received,
                    tally.malformed,
                    tally.duplicate,
                    tally.filtered,
                    tally.routed,
                    tally.collisions,
                    tally.forgotten,
                    tally.malformed_forgotten,
                    tally.silenced,
                    tally.folded,
                    tally.silenced_forgotten,
                    tally.folded_forgotten,
                ])?;
        }
        for ((hour, sink), tally) in &self.sinks {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO sink_hour (hour, sink) VALUES (?1, ?2)")?
                .execute([hour, sink])?;
            self.connection
                .prepare_cached(
                    "UPDATE sink_hour SET routed = routed + ?3, delivered = delivered + ?4,
                        adopted = adopted + ?5, dead = dead + ?6, pending = pending + ?7,
                        delivered_forgotten = delivered_forgotten + ?8,
                        dead_forgotten = dead_forgotten + ?9
                     WHERE hour = ?1 AND sink = ?2",
                )?
                .execute(params![
                    hour,
                    sink,
                    tally.routed,
                    tally.delivered,
                    tally.adopted,
                    tally.dead,
                    tally.pending,
                    tally.delivered_forgotten,
                    tally.dead_forgotten,
                ])?;
        }
        Ok(())
    }
}

impl Names {
    /// How many groups are open; `None` where that was not asked yet.
    pub(super) fn open_groups(&self) -> Option<u64> {
        self.open.map(|open| u64::try_from(open.count).unwrap_or(0))
    }

    /// Forgets all numbers, after a rollback.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn make_room(&mut self) {
        if self.count >= MOST_NAMES {
            // What is known of the open groups costs more to find out again.
            let open = self.open;
            self.clear();
            self.open = open;
        }
        self.count += 1;
    }

    fn keep_agent(&mut self, id: i64, name: Rc<str>) {
        self.make_room();
        self.agents.insert(name.clone(), id);
        self.agent_names.insert(id, name);
    }
}

fn number(
    connection: &Connection,
    select: &str,
    insert: &str,
    name: &str,
) -> Result<i64, SqlError> {
    let known = connection
        .prepare_cached(select)?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection.prepare_cached(insert)?.execute([name])?;
    Ok(connection.last_insert_rowid())
}
