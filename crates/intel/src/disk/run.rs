//! Runs: sorted fingerprints with the places of their indicators. The index file is one, and so is each part of a whole list.
//!
//! ```text
//! "ABINDEX\0" │ u32 format │ u32 number of providers, each a text
//! records, by id:    u64 fingerprint of provider and id │ u64 place │ u8 provider │ u8 flags (entry.rs; bit 7: deleted)
//! values, by value:  u64 fingerprint of the value │ u32 number of its record, counted from 0
//! u64 records │ u64 values │ 3 × u64 set of prefix numbers │ u64 length of what stands before the records │ u32 CRC-32 of all before
//! ```

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    bytes::{Reader, put_text},
    folder::Folder,
    segment::Place,
};
use crate::{IntelError, Result};

const MAGIC: &[u8; 8] = b"ABINDEX\0";
const FORMAT: u32 = 1;
const FOOTER: u64 = 8 + 8 + 24 + 8 + 4;
pub(crate) const RECORD: usize = 18;
pub(crate) const VALUE: usize = 12;
/// Bit of a record's flags: the indicator is deleted; only in runs that others lie beneath.
pub(crate) const DELETED: u8 = 0x80;

/// Which prefix lengths networks have, by prefix number (entry.rs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefixes(pub(crate) [u64; 3]);

impl Prefixes {
    pub(crate) fn add(&mut self, number: u8) {
        if let Some(word) = self.0.get_mut(usize::from(number) / 64)
            && number > 0
        {
            *word |= 1 << (number % 64);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    /// The prefix lengths of one family, the longest first.
    pub(crate) fn lengths(self, v6: bool) -> impl Iterator<Item = u8> {
        let (from, to) = if v6 { (33, 160) } else { (1, 32) };
        (from..=to)
            .rev()
            .filter(move |number: &u8| self.0[usize::from(*number) / 64] >> (number % 64) & 1 == 1)
            .map(move |number| if v6 { number - 32 } else { number })
    }
}

/// A record of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) place: Place,
    pub(crate) provider: u8,
    pub(crate) flags: u8,
}

/// A value of a run and the record it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Value {
    pub(crate) value: u64,
    pub(crate) record: u32,
}

/// Counts every byte into the checksum.
struct Summed<W> {
    inner: W,
    crc: crc32fast::Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a run: all records, then all values, both in order.
pub(crate) struct RunWriter {
    out: BufWriter<Summed<File>>,
    path: PathBuf,
    head: u64,
    records: u64,
    values: u64,
    prefixes: Prefixes,
}

impl RunWriter {
    pub(crate) fn create(folder: &Folder, name: &str, providers: &[String]) -> Result<Self> {
        let path = folder.path(name);
        let file = folder
            .step("run: create")
            .and_then(|()| File::create(&path))
            .map_err(IntelError::io("create", &path))?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&(providers.len() as u32).to_le_bytes());
        for provider in providers {
            put_text(&mut head, provider);
        }
        let mut writer = Self {
            out: BufWriter::with_capacity(
                1 << 20,
                Summed {
                    inner: file,
                    crc: crc32fast::Hasher::new(),
                },
            ),
            path,
            head: head.len() as u64,
            records: 0,
            values: 0,
            prefixes: Prefixes::default(),
        };
        writer.put(&head)?;
        Ok(writer)
    }

    pub(crate) fn record(&mut self, record: Record) -> Result<()> {
        let mut row = [0; RECORD];
        row[..8].copy_from_slice(&record.id.to_le_bytes());
        row[8..16].copy_from_slice(&record.place.0.to_le_bytes());
        row[16] = record.provider;
        row[17] = record.flags;
        self.records += 1;
        self.put(&row)
    }

    pub(crate) fn value(&mut self, value: Value) -> Result<()> {
        let mut row = [0; VALUE];
        row[..8].copy_from_slice(&value.value.to_le_bytes());
        row[8..].copy_from_slice(&value.record.to_le_bytes());
        self.values += 1;
        self.put(&row)
    }

    pub(crate) fn prefixes(&mut self, prefixes: Prefixes) {
        self.prefixes.join(prefixes);
    }

    /// Durable, but for its name.
    pub(crate) fn finish(mut self, folder: &Folder) -> Result<()> {
        let mut footer = Vec::new();
        footer.extend_from_slice(&self.records.to_le_bytes());
        footer.extend_from_slice(&self.values.to_le_bytes());
        for word in self.prefixes.0 {
            footer.extend_from_slice(&word.to_le_bytes());
        }
        footer.extend_from_slice(&self.head.to_le_bytes());
        self.put(&footer)?;
        let path = self.path;
        let summed = self
            .out
            .into_inner()
            .map_err(|error| IntelError::io("write", &path)(error.into_error()))?;
        let Summed {
            inner: mut file,
            crc,
        } = summed;
        file.write_all(&crc.finalize().to_le_bytes())
            .and_then(|()| folder.step("run: sync"))
            .and_then(|()| file.sync_all())
            .map_err(IntelError::io("write", &path))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(IntelError::io("write", &self.path))
    }
}

/// A run on disk.
pub(crate) struct RunFile {
    path: PathBuf,
    pub(crate) providers: Vec<String>,
    pub(crate) records: u64,
    pub(crate) values: u64,
    pub(crate) prefixes: Prefixes,
    head: u64,
}

impl RunFile {
    /// Reads what stands before and behind the rows.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let damaged = |reason: &str| IntelError::Damaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let mut file = File::open(path).map_err(IntelError::io("open", path))?;
        let size = file.metadata().map_err(IntelError::io("read", path))?.len();
        let mut footer = [0; FOOTER as usize];
        let mut read = |at: u64, bytes: &mut [u8]| {
            file.seek(SeekFrom::Start(at))
                .and_then(|_| file.read_exact(bytes))
                .map_err(IntelError::io("read", path))
        };
        let footer_at = size
            .checked_sub(FOOTER)
            .ok_or_else(|| damaged("it is too short"))?;
        read(footer_at, &mut footer)?;
        let mut reader = Reader(&footer);
        let mut next = || reader.u64().unwrap_or(0);
        let (records, values) = (next(), next());
        let prefixes = Prefixes([next(), next(), next()]);
        let head = next();
        let rows = records
            .checked_mul(RECORD as u64)
            .zip(values.checked_mul(VALUE as u64))
            .and_then(|(records, values)| records.checked_add(values)?.checked_add(head));
        if rows != Some(footer_at) || head > 1 << 20 {
            return Err(damaged("its parts do not fit its size"));
        }
        if records > u64::from(u32::MAX) || values > u64::from(u32::MAX) {
            return Err(IntelError::TooMany("indicators"));
        }
        let mut start = vec![0; head as usize];
        read(0, &mut start)?;
        let mut reader = Reader(&start);
        if reader.take(8) != Some(MAGIC) {
            return Err(damaged("it is no index"));
        }
        match reader.u32() {
            Some(FORMAT) => {}
            found => {
                return Err(IntelError::Format {
                    path: path.to_owned(),
                    found: found.unwrap_or(0),
                    known: FORMAT,
                });
            }
        }
        let count = reader.u32().filter(|count| *count <= 256);
        let providers = count
            .and_then(|count| {
                (0..count)
                    .map(|_| reader.text().map(str::to_owned))
                    .collect()
            })
            .ok_or_else(|| damaged("its providers can't be read"))?;
        Ok(Self {
            path: path.to_owned(),
            providers,
            records,
            values,
            prefixes,
            head,
        })
    }

    /// Reads all of it once and hands over each record and then each value; fails at the end where the checksum is another.
    pub(crate) fn read_all(
        &self,
        mut record: impl FnMut(Record),
        mut value: impl FnMut(Value),
    ) -> Result<()> {
        let file = File::open(&self.path).map_err(IntelError::io("open", &self.path))?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut crc = crc32fast::Hasher::new();
        let mut read = |bytes: &mut [u8]| {
            file.read_exact(bytes)
                .map_err(IntelError::io("read", &self.path))?;
            crc.update(bytes);
            Ok(())
        };
        let mut head = vec![0; self.head as usize];
        read(&mut head)?;
        let mut block = vec![0; RECORD * 4096];
        rows::<RECORD>(self.records, &mut block, &mut read, |row| {
            record(record_of(row))
        })?;
        rows::<VALUE>(self.values, &mut block, &mut read, |row| {
            value(value_of(row))
        })?;
        let mut footer = [0; FOOTER as usize - 4];
        read(&mut footer)?;
        let mut sum = [0; 4];
        file.read_exact(&mut sum)
            .map_err(IntelError::io("read", &self.path))?;
        if u32::from_le_bytes(sum) != crc.finalize() {
            return Err(IntelError::Damaged {
                path: self.path.clone(),
                reason: "its checksum is wrong".to_owned(),
            });
        }
        Ok(())
    }

    /// The records one after the other, in little memory.
    pub(crate) fn iter_records(&self) -> Result<impl Iterator<Item = Result<Record>> + use<>> {
        let rows = self.iter_rows::<RECORD>(self.head, self.records)?;
        Ok(rows.map(|row| row.map(|row| record_of(&row))))
    }

    /// The values one after the other, in little memory.
    pub(crate) fn iter_values(&self) -> Result<impl Iterator<Item = Result<Value>> + use<>> {
        let start = self.head + self.records * RECORD as u64;
        let rows = self.iter_rows::<VALUE>(start, self.values)?;
        Ok(rows.map(|row| row.map(|row| value_of(&row))))
    }

    fn iter_rows<const N: usize>(
        &self,
        start: u64,
        count: u64,
    ) -> Result<impl Iterator<Item = Result<[u8; N]>> + use<N>> {
        let mut file = File::open(&self.path).map_err(IntelError::io("open", &self.path))?;
        file.seek(SeekFrom::Start(start))
            .map_err(IntelError::io("read", &self.path))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let path = self.path.clone();
        Ok((0..count).map(move |_| {
            let mut row = [0; N];
            file.read_exact(&mut row)
                .map_err(IntelError::io("read", &path))?;
            Ok(row)
        }))
    }
}

/// Rows of `N` bytes in blocks.
fn rows<const N: usize>(
    count: u64,
    block: &mut [u8],
    read: &mut impl FnMut(&mut [u8]) -> Result<()>,
    mut each: impl FnMut(&[u8; N]),
) -> Result<()> {
    let at_once = (block.len() / N) as u64;
    let mut left = count;
    while left > 0 {
        let now = left.min(at_once);
        let bytes = &mut block[..now as usize * N];
        read(bytes)?;
        let (rows, _) = bytes.as_chunks::<N>();
        rows.iter().for_each(&mut each);
        left -= now;
    }
    Ok(())
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

fn record_of(row: &[u8; RECORD]) -> Record {
    Record {
        id: word(&row[..8]),
        place: Place(word(&row[8..16])),
        provider: row[16],
        flags: row[17],
    }
}

fn value_of(row: &[u8; VALUE]) -> Value {
    Value {
        value: word(&row[..8]),
        record: u32::from_le_bytes([row[8], row[9], row[10], row[11]]),
    }
}
