//! Why a ledger could not do something, and how it answers.

/// An answer that comes when the change is durable. Await it, or `blocking_recv()` it from a plain thread. A dropped sender
/// means the ledger has stopped.
pub type Receipt<T> = tokio::sync::oneshot::Receiver<Result<T, LedgerError>>;

/// Why the ledger could not do it. A full disk or a failed sync is none of these: such work waits and goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process writes this ledger.
    #[error(
        "the ledger {path} is in use by another alertbridge process; stop it first, or give this one its own `ledger.path`"
    )]
    InUse {
        /// The database file.
        path: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the ledger has schema version {found}, this program knows up to {known}; install the newer alertbridge again, or restore a backup from before the upgrade"
    )]
    Newer {
        /// Version in the file.
        found: u32,
        /// Newest version this program knows.
        known: u32,
    },
    /// `PRAGMA quick_check` found damage.
    #[error(
        "the ledger is damaged: {detail}; stop alertbridge, keep a copy of the file, then restore the last `alertbridge ledger backup` or rebuild it with `sqlite3 OLD .recover | sqlite3 NEW`"
    )]
    Damaged {
        /// What SQLite said.
        detail: String,
    },
    /// The file can't be opened or read.
    #[error("the ledger can't be used: {detail}")]
    Unusable {
        /// What went wrong.
        detail: String,
    },
    /// Something that must not happen; a fault in this program.
    #[error("fault in the ledger: {detail}")]
    Fault {
        /// What went wrong.
        detail: String,
    },
    /// The ledger has been closed.
    #[error("the ledger is closed")]
    Closed,
    /// Too many alerts wait for a disk that takes none. Nothing was kept: the source must come again.
    #[error("too many alerts wait for the ledger's disk; try again later")]
    Overloaded,
}
