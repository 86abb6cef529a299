//! Cutting blocks of a file into lines without copying them.
//!
//! Invariants: `boundary` is always behind a whole line; `history` holds both ends of the content before `boundary`; at most
//! one line of `limit` bytes plus one block is held, however long the file's lines are. An empty line is no record: it only
//! moves the boundary. A trailing carriage return belongs to the line's end.

use bytes::Bytes;
use memchr::memchr;

use super::fingerprint::{Fingerprint, History};

/// How much of a line that is too long is kept for the dead letter.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Byte offset of its first byte.
    pub start: u64,
    pub text: LineText,
}

/// A line's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineText {
    /// Longer than the limit: its first 64 KiB and its length.
    Overlong { head: Bytes, length: u64 },
    /// The line without its end.
    Whole(Bytes),
}

/// The line that is being skipped because it is over the limit.
#[derive(Debug)]
struct Overlong {
    head: Bytes,
    start: u64,
    length: u64,
    /// Like the buffer's history, but including what was skipped.
    history: History,
}

/// What was read and not yet handed over as lines.
#[derive(Debug)]
pub(super) struct LineBuffer {
    block: Bytes,
    /// The pending line begins here.
    cursor: usize,
    /// No newline stands between `cursor` and here.
    searched: usize,
    /// `history` covers the block up to here.
    remembered: usize,
    /// Offset in the file of `block[cursor]`.
    offset: u64,
    history: History,
    overlong: Option<Overlong>,
    limit: usize,
}

impl LineBuffer {
    /// A buffer that begins at `offset`, with the history before it.
    pub(super) fn new(offset: u64, history: History, limit: usize) -> Self {
        LineBuffer {
            block: Bytes::new(),
            cursor: 0,
            searched: 0,
            remembered: 0,
            offset,
            history,
            overlong: None,
            limit,
        }
    }

    /// The next whole line, `None` where more must be read first.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(found) = memchr(b'\n', &self.block[self.searched..]) else {
                self.searched = self.block.len();
                self.skip_what_is_too_long();
                return None;
            };
            let end = self.searched + found;
            let line = self.take(end);
            self.cursor = end + 1;
            self.searched = end + 1;
            self.offset += 1;
            if line.is_some() {
                return line;
            }
        }
    }

    /// What stands behind the last newline, as a line: for the end of a finished file.
    pub(super) fn take_rest(&mut self) -> Option<Line> {
        let end = self.block.len();
        let line = self.take(end);
        self.cursor = end;
        self.searched = end;
        line
    }

    /// Offset behind the last whole line.
    pub(super) fn boundary(&self) -> u64 {
        self.overlong
            .as_ref()
            .map_or(self.offset, |overlong| overlong.start)
    }

    /// The fingerprint of the content before [`LineBuffer::boundary`].
    pub(super) fn fingerprint(&mut self) -> Fingerprint {
        self.remember();
        self.history.fingerprint()
    }

    /// Offset behind the last byte read.
    pub(super) fn read_to(&self) -> u64 {
        self.offset + (self.block.len() - self.cursor) as u64
    }

    /// Bytes held that belong to no whole line yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.block[self.cursor..]
    }

    /// Both ends of everything read, pending bytes included.
    pub(super) fn history_to_read_end(&mut self) -> History {
        self.remember();
        let mut history = match &self.overlong {
            Some(overlong) => overlong.history.clone(),
            None => self.history.clone(),
        };
        history.extend(self.pending());
        history
    }

    /// Takes a block that begins with the bytes of [`LineBuffer::pending`].
    pub(super) fn replace(&mut self, block: Bytes) {
        self.remember();
        self.searched -= self.cursor;
        self.cursor = 0;
        self.remembered = 0;
        self.block = block;
    }

    /// Takes the pending bytes up to `end` as a line; moves `offset` and the history behind it. `None` if it is empty.
    fn take(&mut self, end: usize) -> Option<Line> {
        let length = (end - self.cursor) as u64;
        if let Some(mut overlong) = self.overlong.take() {
            overlong.history.extend(&self.block[self.cursor..end]);
            self.history = overlong.history;
            self.remembered = end;
            self.offset += length;
            let text = LineText::Overlong {
                head: overlong.head,
                length: overlong.length + length,
            };
            return Some(Line {
                start: overlong.start,
                text,
            });
        }
        let start = self.offset;
        self.offset += length;
        let raw = &self.block[self.cursor..end];
        let text_length = raw.strip_suffix(b"\r").unwrap_or(raw).len();
        if text_length == 0 {
            return None;
        }
        let text = if text_length > self.limit {
            let head = Bytes::copy_from_slice(&raw[..text_length.min(HEAD_LIMIT)]);
            LineText::Overlong {
                head,
                length: text_length as u64,
            }
        } else {
            LineText::Whole(self.block.slice(self.cursor..self.cursor + text_length))
        };
        Some(Line { start, text })
    }

    /// Lets go of a pending line that has grown over the limit.
    fn skip_what_is_too_long(&mut self) {
        // One byte more than the limit may still be the carriage return of a line that just fits.
        let pending_length = self.block.len() - self.cursor;
        if self.overlong.is_none() && pending_length <= self.limit + 1 {
            return;
        }
        self.remember();
        let pending = &self.block[self.cursor..];
        let overlong = self.overlong.get_or_insert_with(|| Overlong {
            head: Bytes::copy_from_slice(&pending[..pending.len().min(HEAD_LIMIT)]),
            start: self.offset,
            length: 0,
            history: self.history.clone(),
        });
        overlong.length += pending_length as u64;
        overlong.history.extend(pending);
        self.offset += pending_length as u64;
        self.cursor = self.block.len();
        self.remembered = self.cursor;
    }

    fn remember(&mut self) {
        if self.remembered < self.cursor {
            self.history
                .extend(&self.block[self.remembered..self.cursor]);
            self.remembered = self.cursor;
        }
    }
}
