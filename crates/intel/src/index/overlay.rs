//! Changes since the index file was written, in memory; behind them is the journal.
//!
//! A record that is replaced or deleted stays where it is and is no longer alive, so a deletion takes away one indicator and
//! never what others say of the same value. The dead go when the next index file is written.

use super::{counts::Counts, table::Table};
use crate::{
    Result,
    disk::{
        entry::EntryHead,
        merge::{Chunk, number_of},
        run::{DELETED, Prefixes, Record},
        segment::Place,
    },
    fingerprint::ByFingerprint,
};

const END: u32 = u32::MAX;

/// Changes since the index file was written.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pub(crate) providers: Vec<String>,
    pub(crate) prefixes: Prefixes,
    /// All live indicators, those of the index file included.
    pub(crate) counts: Counts,
    slots: Vec<Slot>,
    by_id: ByFingerprint<u32>,
    /// The latest link of each value.
    by_value: ByFingerprint<u32>,
    links: Vec<Link>,
    /// Records of the index file that are replaced or deleted, one bit each.
    dead: Vec<u64>,
}

/// A record, or the mark of a deleted one.
#[derive(Clone, Copy, Debug)]
struct Slot {
    record: Record,
    alive: bool,
    first_link: u32,
    links: u32,
}

/// A value of a slot, and the link before it of the same value.
#[derive(Clone, Copy, Debug)]
struct Link {
    value: u64,
    prefix: u8,
    slot: u32,
    before: u32,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Deleted,
    Nothing,
    Upserted,
}

impl Overlay {
    pub(crate) fn over(table: &Table) -> Self {
        let mut counts = Counts::default();
        table.records().for_each(|record| counts.add(record));
        Self {
            providers: table.providers.clone(),
            prefixes: table.prefixes,
            counts,
            dead: vec![0; table.len().div_ceil(64)],
            ..Self::default()
        }
    }

    /// Takes in one change.
    pub(crate) fn apply(
        &mut self,
        table: &Table,
        head: &EntryHead,
        place: Place,
    ) -> Result<Effect> {
        let provider = number_of(&mut self.providers, &head.provider)?;
        let was = self.bury(table, head.id);
        let flags = match &head.upsert {
            Some(upsert) => upsert.flags,
            // Nothing lies beneath that the mark would have to hide.
            None if !was && table.find(head.id).is_none() => {
                return Ok(Effect::Nothing);
            }
            None => DELETED,
        };
        let record = Record {
            id: head.id,
            place,
            provider,
            flags,
        };
        let slot = self.slots.len() as u32;
        let first_link = self.links.len() as u32;
        let values = head.upsert.iter().flat_map(|upsert| &upsert.values);
        for (value, prefix) in values {
            let link = self.links.len() as u32;
            let before = self.by_value.insert(*value, link).unwrap_or(END);
            self.links.push(Link {
                value: *value,
                prefix: *prefix,
                slot,
                before,
            });
            self.prefixes.add(*prefix);
        }
        let alive = head.upsert.is_some();
        if alive {
            self.counts.add(record);
        }
        let links = self.links.len() as u32 - first_link;
        self.slots.push(Slot {
            record,
            alive,
            first_link,
            links,
        });
        self.by_id.insert(head.id, slot);
        Ok(match (alive, was) {
            (true, _) => Effect::Upserted,
            (false, true) => Effect::Deleted,
            (false, false) => Effect::Nothing,
        })
    }

    /// What was known of this id is dead now; whether anything was.
    fn bury(&mut self, table: &Table, id: u64) -> bool {
        if let Some(slot) = self.by_id.get(&id) {
            let slot = &mut self.slots[*slot as usize];
            let was = std::mem::take(&mut slot.alive);
            if was {
                self.counts.remove(slot.record);
            }
            return was;
        }
        let Some((number, record)) = table.find(id).and_then(|n| Some((n, table.record(n)?)))
        else {
            return false;
        };
        self.dead[number as usize / 64] |= 1 << (number % 64);
        self.counts.remove(record);
        true
    }

    /// Whether this record of the index file still counts.
    pub(crate) fn is_alive(&self, number: u32) -> bool {
        self.dead
            .get(number as usize / 64)
            .is_some_and(|word| word >> (number % 64) & 1 == 0)
    }

    /// The live records that have this value, the latest first.
    pub(crate) fn owners(&self, value: u64) -> impl Iterator<Item = Record> {
        let mut next = self.by_value.get(&value).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let link = self.links.get(next as usize)?;
            next = link.before;
            Some(&self.slots[link.slot as usize])
        })
        .filter(|slot| slot.alive)
        .map(|slot| slot.record)
    }

    /// What is said here about an id: `Some(None)` where it is deleted.
    pub(crate) fn find(&self, id: u64) -> Option<Option<Record>> {
        let slot = &self.slots[*self.by_id.get(&id)? as usize];
        Some(slot.alive.then_some(slot.record))
    }

    /// Live records of here.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.slots
            .iter()
            .filter(|slot| slot.alive)
            .map(|slot| slot.record)
    }

    /// Changes held, the dead ones included.
    pub(crate) fn changes(&self) -> usize {
        self.slots.len()
    }

    /// Pairs of a value and a record, the dead ones included.
    pub(crate) fn value_count(&self) -> usize {
        self.links.len()
    }

    /// As a run, to be merged over the index file.
    pub(crate) fn chunk(&self) -> Result<Chunk> {
        let mut chunk = Chunk::of(self.providers.clone());
        let latest = self.slots.iter().enumerate();
        let latest = latest
            .filter(|(number, slot)| self.by_id.get(&slot.record.id) == Some(&(*number as u32)));
        for (_, slot) in latest {
            let links = self
                .links
                .iter()
                .skip(slot.first_link as usize)
                .take(slot.links as usize);
            chunk.push(slot.record, links.map(|link| (link.value, link.prefix)))?;
        }
        chunk.sort();
        Ok(chunk)
    }

    /// Bytes of memory, roughly.
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.links.capacity() * size_of::<Link>()
            + (self.by_id.capacity() + self.by_value.capacity()) * 17
            + self.dead.capacity() * 8
    }
}
