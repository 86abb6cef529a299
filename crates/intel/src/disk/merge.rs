//! Merging runs into one: the later run's word on an indicator counts. Memory: four bytes for each record of the input.

use std::iter::Peekable;

use super::{
    entry::EntryHead,
    run::{DELETED, Prefixes, Record, RunFile, RunWriter, Value},
    segment::Place,
};
use crate::{IntelError, Result, index::table::Table};

/// Stands for a record that is not in the output.
const GONE: u32 = u32::MAX;

/// A run to be merged.
pub(crate) enum Source<'s> {
    Chunk(&'s Chunk),
    File(&'s RunFile),
    Table(&'s Table),
}

type Records<'s> = Box<dyn Iterator<Item = Result<Record>> + 's>;
type Values<'s> = Box<dyn Iterator<Item = Result<Value>> + 's>;

impl<'s> Source<'s> {
    fn providers(&self) -> &[String] {
        match self {
            Self::Chunk(chunk) => &chunk.providers,
            Self::File(file) => &file.providers,
            Self::Table(table) => &table.providers,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.records.len(),
            Self::File(file) => file.records as usize,
            Self::Table(table) => table.len(),
        }
    }

    fn prefixes(&self) -> Prefixes {
        match self {
            Self::Chunk(chunk) => chunk.prefixes,
            Self::File(file) => file.prefixes,
            Self::Table(table) => table.prefixes,
        }
    }

    fn records(&self) -> Result<Records<'s>> {
        Ok(match self {
            Self::Chunk(chunk) => Box::new(chunk.records.iter().copied().map(Ok)),
            Self::File(file) => Box::new(file.iter_records()?),
            Self::Table(table) => Box::new(table.records().map(Ok)),
        })
    }

    fn values(&self) -> Result<Values<'s>> {
        Ok(match self {
            Self::Chunk(chunk) => Box::new(chunk.values.iter().copied().map(Ok)),
            Self::File(file) => Box::new(file.iter_values()?),
            Self::Table(table) => Box::new(table.values().map(Ok)),
        })
    }
}

/// What goes into the output.
pub(crate) struct Plan<'p> {
    /// Providers of the output, by number. Those of the sources must all be here.
    pub(crate) providers: &'p [String],
    /// This provider's records in the first so many sources are left out: a new list replaces them.
    pub(crate) replaced: Option<(u8, usize)>,
    /// Keep the marks of deleted indicators: the output lies above other runs.
    pub(crate) keep_deleted: bool,
    /// Where an indicator is from now on; the same place, or a new one.
    pub(crate) place: &'p mut dyn FnMut(Place) -> Result<Place>,
}

/// What came of a merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Indicators of the replaced provider that are no more.
    pub(crate) gone: usize,
    /// Its indicators in the output.
    pub(crate) taken: usize,
}

/// Merges the sources, the later ones counting more, into the run.
pub(crate) fn merge(
    sources: &[Source<'_>],
    plan: &mut Plan<'_>,
    out: &mut RunWriter,
) -> Result<Merged> {
    let mut renumbered: Vec<Vec<u32>> = sources
        .iter()
        .map(|source| Vec::with_capacity(source.count()))
        .collect();
    let merged = merge_records(sources, plan, out, &mut renumbered)?;
    for source in sources {
        out.prefixes(source.prefixes());
    }
    merge_values(sources, out, &renumbered)?;
    Ok(merged)
}

fn merge_records(
    sources: &[Source<'_>],
    plan: &mut Plan<'_>,
    out: &mut RunWriter,
    renumbered: &mut [Vec<u32>],
) -> Result<Merged> {
    let numbers: Vec<Vec<u8>> = sources
        .iter()
        .map(|source| provider_numbers(source.providers(), plan.providers))
        .collect::<Result<_>>()?;
    let mut heads: Vec<Peekable<Records<'_>>> = sources
        .iter()
        .map(|source| source.records().map(Iterator::peekable))
        .collect::<Result<_>>()?;
    let mut merged = Merged::default();
    let mut next = 0;
    while let Some(id) = smallest(&mut heads, |record: &Record| record.id) {
        let mut winner: Option<(usize, Record)> = None;
        let mut old: Option<Record> = None;
        for (index, head) in heads.iter_mut().enumerate() {
            let same =
                head.next_if(|record| record.as_ref().map_or(true, |record| record.id == id));
            let Some(record) = same else { continue };
            let mut record = record?;
            record.provider = *numbers[index]
                .get(usize::from(record.provider))
                .ok_or_else(foreign)?;
            renumbered[index].push(GONE);
            if plan
                .replaced
                .is_some_and(|(provider, olds)| provider == record.provider && index < olds)
            {
                old = Some(record);
            } else {
                winner = Some((index, record));
            }
        }
        let winner = winner.filter(|(_, record)| plan.keep_deleted || record.flags & DELETED == 0);
        let Some((index, mut record)) = winner else {
            merged.gone += usize::from(old.is_some_and(|old| old.flags & DELETED == 0));
            continue;
        };
        if record.flags & DELETED == 0 {
            record.place = (plan.place)(record.place)?;
        }
        merged.taken += usize::from(
            plan.replaced
                .is_some_and(|(provider, _)| provider == record.provider),
        );
        out.record(record)?;
        if let Some(last) = renumbered[index].last_mut() {
            *last = next;
        }
        next = next
            .checked_add(1)
            .filter(|next| *next < GONE)
            .ok_or(IntelError::TooMany("indicators"))?;
    }
    Ok(merged)
}

fn merge_values(
    sources: &[Source<'_>],
    out: &mut RunWriter,
    renumbered: &[Vec<u32>],
) -> Result<()> {
    let mut heads: Vec<Peekable<Values<'_>>> = sources
        .iter()
        .map(|source| source.values().map(Iterator::peekable))
        .collect::<Result<_>>()?;
    while let Some(smallest) = smallest(&mut heads, |value: &Value| value.value) {
        for (index, head) in heads.iter_mut().enumerate() {
            while let Some(value) =
                head.next_if(|value| value.as_ref().map_or(true, |value| value.value == smallest))
            {
                let value = value?;
                let record = *renumbered[index]
                    .get(value.record as usize)
                    .ok_or_else(foreign)?;
                if record != GONE {
                    out.value(Value {
                        value: value.value,
                        record,
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// The smallest key at the fronts. A front that can't be read counts as the smallest, so that its error comes out.
fn smallest<T>(
    heads: &mut [Peekable<Box<dyn Iterator<Item = Result<T>> + '_>>],
    key: impl Fn(&T) -> u64,
) -> Option<u64> {
    heads
        .iter_mut()
        .filter_map(|head| head.peek().map(|item| item.as_ref().map_or(0, &key)))
        .min()
}

fn provider_numbers(theirs: &[String], ours: &[String]) -> Result<Vec<u8>> {
    theirs
        .iter()
        .map(|name| {
            let number = ours.iter().position(|ours| ours == name);
            number
                .and_then(|n| u8::try_from(n).ok())
                .ok_or_else(foreign)
        })
        .collect()
}

fn foreign() -> IntelError {
    IntelError::Damaged {
        path: "index".into(),
        reason: "it names a provider or an indicator that it does not have".to_owned(),
    }
}

/// A run in memory: bounded by whoever fills it.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) providers: Vec<String>,
    records: Vec<Record>,
    values: Vec<Value>,
    prefixes: Prefixes,
}

impl Chunk {
    pub(crate) fn of(providers: Vec<String>) -> Self {
        Self {
            providers,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Takes in a change as it stands in a segment.
    pub(crate) fn push_entry(&mut self, head: &EntryHead, place: Place) -> Result<()> {
        let provider = number_of(&mut self.providers, &head.provider)?;
        let flags = head.upsert.as_ref().map_or(DELETED, |upsert| upsert.flags);
        let values = head
            .upsert
            .iter()
            .flat_map(|upsert| upsert.values.iter().copied());
        self.push(
            Record {
                id: head.id,
                place,
                provider,
                flags,
            },
            values,
        )
    }

    pub(crate) fn push(
        &mut self,
        record: Record,
        values: impl Iterator<Item = (u64, u8)>,
    ) -> Result<()> {
        let number = u32::try_from(self.records.len())
            .map_err(|_| IntelError::TooMany("indicators at once"))?;
        self.records.push(record);
        for (value, prefix) in values {
            self.values.push(Value {
                value,
                record: number,
            });
            self.prefixes.add(prefix);
        }
        Ok(())
    }

    /// In order, the last word on each indicator alone. Before this it can't be merged.
    pub(crate) fn sort(&mut self) {
        let mut order: Vec<u32> = (0..self.records.len() as u32).collect();
        order.sort_unstable_by_key(|at| (self.records[*at as usize].id, *at));
        let mut renumbered = vec![GONE; self.records.len()];
        let mut sorted: Vec<Record> = Vec::with_capacity(self.records.len());
        for (n, at) in order.iter().enumerate() {
            let record = self.records[*at as usize];
            let later = order.get(n + 1).map(|next| self.records[*next as usize].id);
            if later != Some(record.id) {
                renumbered[*at as usize] = sorted.len() as u32;
                sorted.push(record);
            }
        }
        self.records = sorted;
        self.values.retain_mut(|value| {
            value.record = renumbered[value.record as usize];
            value.record != GONE
        });
        self.values.sort_unstable();
    }
}

/// The number of a provider's name in the list, added where it is new.
pub(crate) fn number_of(names: &mut Vec<String>, name: &str) -> Result<u8> {
    let at = match names.iter().position(|known| known == name) {
        Some(at) => at,
        None => {
            names.push(name.to_owned());
            names.len() - 1
        }
    };
    u8::try_from(at).map_err(|_| IntelError::TooMany("providers"))
}
