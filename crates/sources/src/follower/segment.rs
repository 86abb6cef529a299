//! One open file of alerts, plain or gzip, read forward in blocks.
//!
//! Invariant: bytes are taken from a plain file only after the content before them was compared with what was read before
//! (whenever the file's size has changed), so cutting, overwriting and regrowing are seen.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::checkpoint::{FilePosition, Identity};
use super::delivery::Stop;
use super::fingerprint::History;
use super::lines::LineBuffer;
use super::segment_name::SegmentName;

/// Bytes asked for in one read.
pub(super) const BLOCK: usize = 1024 * 1024;

/// What one read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// New bytes are in the line buffer.
    Bytes,
    /// Nothing behind the last byte (so far).
    End,
    /// A plain file was cut or overwritten: what was read before is no longer there. Tells the unread bytes known of.
    Truncated { unread: u64 },
}

enum Content {
    /// `failed` holds an error met behind bytes that had to be handed over first.
    Gzip {
        decoder: Box<MultiGzDecoder<BufReader<File>>>,
        failed: Option<io::Error>,
    },
    Plain(File),
}

/// An open segment and what was read of it.
pub(super) struct Segment {
    pub name: Option<SegmentName>,
    /// For people: the archive name, else the path.
    pub label: String,
    pub identity: Identity,
    pub lines: LineBuffer,
    /// The file's size when it was last looked at; gzip: bytes read so far.
    pub size: u64,
    /// Seconds and nanoseconds of the last change when the file was last looked at.
    changed_at: (i64, i64),
    content: Content,
}

impl Segment {
    /// A plain file from `offset` on; the caller has made sure that it is the right file.
    ///
    /// # Errors
    /// Where the file can't be read or is shorter than `offset`.
    pub(super) fn plain(
        file: File,
        name: Option<SegmentName>,
        label: String,
        offset: u64,
        line_limit: usize,
    ) -> io::Result<Segment> {
        let identity = Identity::of(&file.metadata()?);
        let history = History::read(&file, offset)?
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let lines = LineBuffer::new(offset, history, line_limit);
        Ok(Segment {
            name,
            label,
            identity,
            lines,
            size: offset,
            changed_at: (0, 0),
            content: Content::Plain(file),
        })
    }

    /// A gzip file from `offset` (of the decompressed bytes) on. `None` where it holds less than that.
    ///
    /// # Errors
    /// Where the file can't be read, its data before `offset` is damaged, or the follower is stopped meanwhile.
    pub(super) fn gzip(
        file: File,
        name: SegmentName,
        offset: u64,
        line_limit: usize,
        stop: &Stop,
    ) -> io::Result<Option<Segment>> {
        let identity = Identity::of(&file.metadata()?);
        let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, file));
        let mut history = History::default();
        let mut skipped = 0;
        while skipped < offset {
            if stop.is_requested() {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            let missing = usize::try_from(offset - skipped).unwrap_or(usize::MAX);
            let (block, failed) = read_gzip(&mut decoder, &[], missing.min(BLOCK));
            history.extend(&block);
            skipped += block.len() as u64;
            match failed {
                Some(error) => return Err(error),
                None if block.is_empty() => return Ok(None),
                None => {}
            }
        }
        Ok(Some(Segment {
            name: Some(name),
            label: format!("{name}.gz"),
            identity,
            lines: LineBuffer::new(offset, history, line_limit),
            size: offset,
            changed_at: (0, 0),
            content: Content::Gzip {
                decoder: Box::new(decoder),
                failed: None,
            },
        }))
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.content, Content::Gzip { .. })
    }

    /// True where `other` holds nothing but the beginning of this plain file, as far as its two ends show.
    ///
    /// # Errors
    /// Where one of the files can't be read.
    pub(super) fn begins_with(&self, other: &File) -> io::Result<bool> {
        let Content::Plain(file) = &self.content else {
            return Ok(false);
        };
        let size = other.metadata()?.len();
        if size > self.lines.read_to() {
            return Ok(false);
        }
        let theirs = History::read(other, size)?;
        Ok(theirs.is_some() && theirs == History::read(file, size)?)
    }

    /// The place behind the last whole line.
    pub(super) fn position(&mut self) -> FilePosition {
        FilePosition {
            identity: self.identity,
            offset: self.lines.boundary(),
            fingerprint: self.lines.fingerprint(),
        }
    }

    /// Reads one block behind what was read before.
    ///
    /// # Errors
    /// Of the disk, or of the gzip data.
    pub(super) fn read(&mut self) -> io::Result<Reading> {
        match &mut self.content {
            Content::Gzip { decoder, failed } => {
                if let Some(error) = failed.take() {
                    return Err(error);
                }
                let pending = self.lines.pending().len();
                let (block, error) = read_gzip(decoder, self.lines.pending(), BLOCK.max(pending));
                *failed = error;
                if block.len() == pending {
                    return failed.take().map_or(Ok(Reading::End), Err);
                }
                self.lines.replace(block);
                self.size = self.lines.read_to();
                Ok(Reading::Bytes)
            }
            Content::Plain(file) => {
                let metadata = file.metadata()?;
                let (size, changed_at) =
                    (metadata.len(), (metadata.mtime(), metadata.mtime_nsec()));
                let read_to = self.lines.read_to();
                if size != self.size || changed_at != self.changed_at {
                    let unread = self.size.saturating_sub(read_to);
                    if size < read_to
                        || !self
                            .lines
                            .history_to_read_end()
                            .tail_stands_in(file, read_to)?
                    {
                        return Ok(Reading::Truncated { unread });
                    }
                    self.size = size;
                    self.changed_at = changed_at;
                }
                if size == read_to {
                    return Ok(Reading::End);
                }
                let pending = self.lines.pending();
                let unread = usize::try_from(size - read_to).unwrap_or(usize::MAX);
                let wanted = unread.min(BLOCK.max(pending.len()));
                let mut block = vec![0; pending.len() + wanted];
                block[..pending.len()].copy_from_slice(pending);
                let count = read_at_most(file, &mut block[pending.len()..], read_to)?;
                if count == 0 {
                    return Ok(Reading::End); // cut since fstat: the next look sees it
                }
                block.truncate(pending.len() + count);
                self.lines.replace(Bytes::from(block));
                Ok(Reading::Bytes)
            }
        }
    }
}

fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Decompresses up to `wanted` bytes behind a copy of `pending`, and the error that ended it. What the decompressor held
/// back when it met damaged data (32 KiB at most) is lost with the damage.
fn read_gzip(decoder: &mut impl Read, pending: &[u8], wanted: usize) -> (Bytes, Option<io::Error>) {
    let mut block = vec![0; pending.len() + wanted];
    block[..pending.len()].copy_from_slice(pending);
    let mut filled = pending.len();
    let mut failed = None;
    while filled < block.len() && failed.is_none() {
        match decoder.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => failed = Some(error),
        }
    }
    block.truncate(filled);
    (Bytes::from(block), failed)
}
