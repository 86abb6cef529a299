//! What tells one file's content from another's: the bytes before a position.
//!
//! Inode numbers are reused and copies get new ones, so the follower believes content: the first and the last bytes (1 KiB
//! at most each) of what lies before its position. Every alert holds its own id and time, so two different alert files
//! agree in these bytes only if one is a copy of the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

/// How many bytes of each end are compared.
pub(super) const WINDOW: usize = 1024;

/// Hashes of the content before a position, as the checkpoint keeps them. Lengths follow from the offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// BLAKE3 of the first min(offset, 1024) bytes of the file, first 128 bits, hexadecimal.
    pub head: String,
    /// The same of the last min(offset, 1024) bytes before the offset.
    pub tail: String,
}

/// Both ends of the content before a position, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl History {
    /// Reads both ends from a file that holds at least `offset` bytes; `None` where it holds fewer.
    pub(super) fn read(file: &File, offset: u64) -> io::Result<Option<History>> {
        if file.metadata()?.len() < offset {
            return Ok(None);
        }
        let length = usize::try_from(offset).map_or(WINDOW, |offset| offset.min(WINDOW));
        let Some(head) = read_exactly(file, 0, length)? else {
            return Ok(None);
        };
        let Some(tail) = read_exactly(file, offset - length as u64, length)? else {
            return Ok(None);
        };
        Ok(Some(History { head, tail }))
    }

    /// Appends content that follows what is already known.
    pub(super) fn extend(&mut self, content: &[u8]) {
        let missing = WINDOW - self.head.len();
        if missing > 0 {
            self.head
                .extend_from_slice(&content[..missing.min(content.len())]);
        }
        if content.len() >= WINDOW {
            self.tail.clear();
            self.tail
                .extend_from_slice(&content[content.len() - WINDOW..]);
            return;
        }
        let surplus = (self.tail.len() + content.len()).saturating_sub(WINDOW);
        self.tail.drain(..surplus);
        self.tail.extend_from_slice(content);
    }

    /// The hashes of both ends.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            head: short_hash(&self.head),
            tail: short_hash(&self.tail),
        }
    }

    /// True where `file` still holds the same last bytes before `offset`. The one cheap check made while following.
    pub(super) fn tail_stands_in(&self, file: &File, offset: u64) -> io::Result<bool> {
        let start = offset.saturating_sub(self.tail.len() as u64);
        let found = read_exactly(file, start, self.tail.len())?;
        Ok(found.is_some_and(|found| found == self.tail))
    }
}

/// True where `file` holds `offset` bytes or more and they look like the ones `fingerprint` was taken from.
pub(super) fn matches(fingerprint: &Fingerprint, file: &File, offset: u64) -> io::Result<bool> {
    let found = History::read(file, offset)?;
    Ok(found.is_some_and(|found| found.fingerprint() == *fingerprint))
}

fn read_exactly(file: &File, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; length];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Guards the fingerprint: it must not depend on the pieces in which the content was read.
        #[test]
        fn history_read_in_pieces_equals_history_read_from_the_file(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..6),
        ) {
            let mut in_pieces = History::default();
            for piece in &pieces {
                in_pieces.extend(piece);
            }
            let content = pieces.concat();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            std::fs::write(&path, &content).unwrap();
            let file = File::open(&path).unwrap();
            let from_file = History::read(&file, content.len() as u64).unwrap().unwrap();
            prop_assert_eq!(&in_pieces, &from_file);
            prop_assert!(matches(&in_pieces.fingerprint(), &file, content.len() as u64).unwrap());
        }
    }
}
