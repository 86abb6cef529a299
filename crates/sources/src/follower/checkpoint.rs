//! The follower's position, and the JSON text in which the ledger keeps it.
//!
//! The text is opaque to the ledger and stored in the transaction that records what became of the alerts before it.
//! Format, version 1:
//!
//! ```json
//! {"version":1,
//!  "segment":"2026/Nov/ossec-alerts-21-001.json",
//!  "behind":null,
//!  "file":{"device":2049,"inode":131,"offset":8123,"fingerprint":{"head":"<32 hex>","tail":"<32 hex>"}},
//!  "not_before":null,
//!  "last_read":"2026-11-21T08:26:17Z"}
//! ```
//!
//! `segment` is null where the archive did not show the file's name; `behind` is then the last name before it. `file` is null where nothing of the next file has been
//! read: everything after `segment` is still to come. `not_before` is set while a first start "from a time" still skips
//! older lines. A program that adds a field whose loss would matter raises `version`; an older one then refuses to go on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::segment_name::SegmentName;
use crate::intake::Checkpoint;

/// The version this program writes, and the only one it reads so far.
const VERSION: u32 = 1;

/// What the kernel calls a file. Inodes are reused: it takes a fingerprint to be sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub device: u64,
    pub inode: u64,
}

/// Where the follower stands: always behind a whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The file's name in the archive, where known.
    pub segment: Option<SegmentName>,
    /// The archive's last segment before a file without a name.
    pub behind: Option<SegmentName>,
    /// `None`: all of what comes after `segment` is still to be read.
    pub file: Option<FilePosition>,
    /// Lines with an earlier timestamp are skipped.
    pub not_before: Option<Timestamp>,
    /// When the last bytes before this position were read.
    pub last_read: Option<Timestamp>,
}

/// A place inside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePosition {
    pub identity: Identity,
    /// Bytes of the (decompressed) file before the position.
    pub offset: u64,
    pub fingerprint: Fingerprint,
}

/// Why a stored position can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is no position at all.
    #[error(
        "the ledger's position of the follower can't be read ({why}); \
         restore the ledger from a backup, or remove the follower's checkpoint to begin anew"
    )]
    Damaged {
        /// What is wrong with the text.
        why: String,
    },
    /// A newer program wrote it.
    #[error(
        "the follower's position was written by a newer alertbridge (format {found}, this one reads {VERSION}); \
         start the newer version again"
    )]
    Newer {
        /// The version found.
        found: u32,
    },
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    segment: Option<String>,
    behind: Option<String>,
    file: Option<StoredFile>,
    not_before: Option<Timestamp>,
    last_read: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct StoredFile {
    device: u64,
    inode: u64,
    offset: u64,
    fingerprint: Fingerprint,
}

impl Position {
    /// The text the ledger keeps.
    pub(super) fn to_checkpoint(&self) -> Checkpoint {
        let stored = Stored {
            version: VERSION,
            segment: self.segment.map(|name| name.to_string()),
            behind: self.behind.map(|name| name.to_string()),
            file: self.file.as_ref().map(|file| StoredFile {
                device: file.identity.device,
                inode: file.identity.inode,
                offset: file.offset,
                fingerprint: file.fingerprint.clone(),
            }),
            not_before: self.not_before,
            last_read: self.last_read,
        };
        #[expect(
            clippy::expect_used,
            reason = "strings and numbers only: nothing that JSON can't hold"
        )]
        let text = serde_json::to_string(&stored).expect("a position is plain JSON");
        Checkpoint(text)
    }

    /// Reads what [`Position::to_checkpoint`] wrote.
    pub(super) fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Position, CheckpointError> {
        let damaged = |why: &dyn std::fmt::Display| CheckpointError::Damaged {
            why: why.to_string(),
        };
        let VersionOnly { version } =
            serde_json::from_str(&checkpoint.0).map_err(|error| damaged(&error))?;
        if version > VERSION {
            return Err(CheckpointError::Newer { found: version });
        }
        let stored: Stored =
            serde_json::from_str(&checkpoint.0).map_err(|error| damaged(&error))?;
        let name = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => match SegmentName::parse(text) {
                Some(name) => Ok(Some(name)),
                None => Err(damaged(&format!("'{text}' names no segment"))),
            },
        };
        let file = stored.file.map(|file| FilePosition {
            identity: Identity {
                device: file.device,
                inode: file.inode,
            },
            offset: file.offset,
            fingerprint: file.fingerprint,
        });
        Ok(Position {
            segment: name(&stored.segment)?,
            behind: name(&stored.behind)?,
            file,
            not_before: stored.not_before,
            last_read: stored.last_read,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards old ledgers: the text below must stay readable by every later program.
    #[test]
    fn version_one_reads_back_as_it_was_written() {
        let text = concat!(
            r#"{"version":1,"segment":"2026/Nov/ossec-alerts-21-001.json","behind":null,"#,
            r#""file":{"device":2049,"inode":131,"offset":8123,"fingerprint":{"head":"aa","tail":"bb"}},"#,
            r#""not_before":null,"last_read":"2026-11-21T08:26:17Z"}"#
        );
        let position = Position::from_checkpoint(&Checkpoint(text.to_owned())).unwrap();
        assert_eq!(position.file.as_ref().unwrap().offset, 8123);
        assert_eq!(position.to_checkpoint().0, text);
    }

    #[test]
    fn damaged_and_newer_positions_are_refused_with_a_remedy() {
        for text in [
            "",
            "null",
            "{}",
            r#"{"version":1}x"#,
            r#"{"version":1,"segment":"../etc"}"#,
        ] {
            let error = Position::from_checkpoint(&Checkpoint(text.to_owned())).unwrap_err();
            assert!(
                matches!(error, CheckpointError::Damaged { .. }),
                "{text}: {error}"
            );
        }
        let newer = Checkpoint(r#"{"version":2,"other":1}"#.to_owned());
        let error = Position::from_checkpoint(&newer).unwrap_err();
        assert_eq!(error, CheckpointError::Newer { found: 2 });
        assert!(error.to_string().contains("start the newer version"));
    }
}
