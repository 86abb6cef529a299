//! What can go wrong with the store. Its disk is the only thing that can: bad indicators are counted, not errors.

use std::{io, path::PathBuf};

/// The result of the store's operations.
pub type Result<T> = std::result::Result<T, IntelError>;

/// What went wrong with the store of indicators.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    /// Another process has the folder open for writing.
    #[error("{0} is in use by another process; stop it, or open the store for reading only")]
    InUse(PathBuf),
    /// A file can't be read or written.
    #[error("can't {action} {path}: {source}")]
    Io {
        /// What was tried: "write", "sync".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what this program wrote.
    #[error(
        "{path} is damaged ({reason}); move the folder away: it is filled anew from the providers"
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a newer version of this program.
    #[error(
        "{path} has format {found}, this program knows {known}; use the version that wrote it, or move the folder away"
    )]
    Format {
        /// Which file.
        path: PathBuf,
        /// The format in it.
        found: u32,
        /// The newest one known.
        known: u32,
    },
    /// The list was finished or thrown away already, or its last part was lost with a failed write.
    #[error(
        "this list of {0} is not being taken in any more; begin again, it goes on where it was durable"
    )]
    NoFullSync(String),
    /// Opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// An earlier write failed and could not be undone.
    #[error("an earlier write to {0} failed and could not be undone; free the disk and restart")]
    Stopped(PathBuf),
    /// More than the format holds.
    #[error("too many {0} for one store")]
    TooMany(&'static str),
}

impl IntelError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
