//! The index file in memory: sorted columns, about 33 bytes for an indicator with one value.
//!
//! Nearly every value of an alert is known to nobody, so a filter of 12 bits a value is asked first: one look into memory for
//! nearly all of these. For the rest: fingerprints are spread evenly, so their first bits say where in the sorted column to look,
//! one look into the directory and one into about eight neighbours, which is what a cache line holds.

use std::ops::Range;

use crate::{
    Result,
    disk::{
        run::{Prefixes, Record, RunFile, Value},
        segment::Place,
    },
};

/// Neighbours that share an entry of the directory.
const TOGETHER: usize = 8;

/// The index file in memory.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) providers: Vec<String>,
    pub(crate) prefixes: Prefixes,
    ids: Vec<u64>,
    places: Vec<u64>,
    /// Provider and flags.
    marks: Vec<[u8; 2]>,
    id_starts: Directory,
    values: Values,
    value_starts: Directory,
    filter: Filter,
}

impl Table {
    pub(crate) fn load(file: &RunFile) -> Result<Self> {
        let (records, values) = (file.records as usize, file.values as usize);
        let mut table = Self {
            providers: file.providers.clone(),
            prefixes: file.prefixes,
            ids: Vec::with_capacity(records),
            places: Vec::with_capacity(records),
            marks: Vec::with_capacity(records),
            values: Values(Vec::with_capacity(values)),
            ..Self::default()
        };
        let Self {
            ids,
            places,
            marks,
            values,
            ..
        } = &mut table;
        file.read_all(
            |record| {
                ids.push(record.id);
                places.push(record.place.0);
                marks.push([record.provider, record.flags]);
            },
            |value| {
                values.push(value);
            },
        )?;
        table.id_starts = Directory::new(table.ids.iter().copied());
        table.value_starts = Directory::new(table.values.fingerprints());
        table.filter = Filter::new(table.values.fingerprints());
        Ok(table)
    }

    /// Records.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Pairs of a value and a record.
    pub(crate) fn value_count(&self) -> usize {
        self.values.0.len()
    }

    /// The record with this id.
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        let range = self.id_starts.range(id);
        let found = self.ids[range.clone()].binary_search(&id).ok()?;
        Some((range.start + found) as u32)
    }

    /// The records that have this value.
    pub(crate) fn owners(&self, value: u64) -> impl Iterator<Item = u32> + use<'_> {
        let range = match self.filter.may_have(value) {
            true => self.value_starts.range(value),
            false => 0..0,
        };
        self.values.owners(range, value)
    }

    /// One record; `None` where a damaged file names one that is not there.
    pub(crate) fn record(&self, number: u32) -> Option<Record> {
        let at = number as usize;
        let [provider, flags] = *self.marks.get(at)?;
        Some(Record {
            id: self.ids[at],
            place: Place(self.places[at]),
            provider,
            flags,
        })
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        (0..self.ids.len() as u32).filter_map(|number| self.record(number))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Value> {
        self.values.0.iter().map(|pair| pair.value())
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.ids.capacity() * 8
            + self.places.capacity() * 8
            + self.marks.capacity() * 2
            + self.values.0.capacity() * size_of::<Pair>()
            + (self.id_starts.starts.capacity() + self.value_starts.starts.capacity()) * 4
            + self.filter.words.capacity() * 8
    }
}

/// A Bloom filter with all bits of a fingerprint in one word. The first bits choose the word, so it is filled from one end to
/// the other; the last ones choose the bits.
#[derive(Debug, Default)]
struct Filter {
    words: Vec<u64>,
}

impl Filter {
    const BITS_A_VALUE: usize = 12;

    fn new(sorted: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut filter = Self {
            words: vec![0; (sorted.len() * Self::BITS_A_VALUE).div_ceil(64)],
        };
        for fingerprint in sorted {
            let at = filter.word(fingerprint);
            filter.words[at] |= Self::bits(fingerprint);
        }
        filter
    }

    fn may_have(&self, fingerprint: u64) -> bool {
        let bits = Self::bits(fingerprint);
        let word = self.words.get(self.word(fingerprint));
        word.is_some_and(|word| word & bits == bits)
    }

    fn word(&self, fingerprint: u64) -> usize {
        ((u128::from(fingerprint) * self.words.len() as u128) >> 64) as usize
    }

    fn bits(fingerprint: u64) -> u64 {
        (0..4).fold(0, |bits, n| bits | 1 << ((fingerprint >> (6 * n)) & 63))
    }
}

/// Where in a sorted column the fingerprints with the same first bits begin.
#[derive(Debug, Default)]
struct Directory {
    /// Bits that are not looked at.
    shift: u32,
    /// One more than there are groups; empty for an empty column.
    starts: Vec<u32>,
}

impl Directory {
    fn new(sorted: impl ExactSizeIterator<Item = u64>) -> Self {
        let length = sorted.len();
        if length == 0 {
            return Self::default();
        }
        let groups = (length / TOGETHER).next_power_of_two().max(2);
        let shift = 64 - groups.trailing_zeros();
        let mut starts = Vec::with_capacity(groups + 1);
        for (at, fingerprint) in sorted.enumerate() {
            while starts.len() <= (fingerprint >> shift) as usize {
                starts.push(at as u32);
            }
        }
        starts.resize(groups + 1, length as u32);
        Self { shift, starts }
    }

    fn range(&self, fingerprint: u64) -> Range<usize> {
        if self.starts.is_empty() {
            return 0..0;
        }
        let group = (fingerprint >> self.shift) as usize;
        self.starts[group] as usize..self.starts[group + 1] as usize
    }
}

/// Pairs of a value and its record, by value: side by side, so that what is found costs no further look into memory.
#[derive(Debug, Default)]
struct Values(Vec<Pair>);

/// The fingerprint's high and low half and the record's number. Of 32 bits each, so that a pair takes 12 bytes and not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    high: u32,
    low: u32,
    record: u32,
}

impl Pair {
    fn fingerprint(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    fn value(self) -> Value {
        Value {
            value: self.fingerprint(),
            record: self.record,
        }
    }
}

impl Values {
    fn push(&mut self, value: Value) {
        self.0.push(Pair {
            high: (value.value >> 32) as u32,
            low: value.value as u32,
            record: value.record,
        });
    }

    fn fingerprints(&self) -> impl ExactSizeIterator<Item = u64> {
        self.0.iter().map(|pair| pair.fingerprint())
    }

    fn owners(&self, within: Range<usize>, wanted: u64) -> impl Iterator<Item = u32> + use<'_> {
        let group = &self.0[within];
        // A group is a few pairs, unless thousands share a value.
        let first = match group.len() {
            ..=32 => group
                .iter()
                .position(|pair| pair.fingerprint() >= wanted)
                .unwrap_or(group.len()),
            _ => group.partition_point(|pair| pair.fingerprint() < wanted),
        };
        group[first..]
            .iter()
            .take_while(move |pair| pair.fingerprint() == wanted)
            .map(|pair| pair.record)
    }
}
