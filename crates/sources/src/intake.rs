//! The boundary between a source and whoever keeps its alerts.

use bytes::Bytes;

/// One thing a source read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The bytes of one alert as they came (one line without its newline, or one hook frame). Not yet known to be JSON.
    Alert(Bytes),
    /// Something that was read and can't be an alert whatever its content: a line over the size limit, an unreadable
    /// archive. Counted as `malformed` and kept as a dead letter.
    Unreadable {
        /// What there is of it, cut to 64 KiB by the source.
        head: Bytes,
        /// Where it stood, for a person: path and byte offset.
        place: String,
        /// Why it could not be read, one lower-case fragment.
        why: String,
    },
}

/// How far a source has read, in the source's own form (JSON text). Opaque to everyone else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint(pub String);

/// Records of one source, in order, and the position behind them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The source's name as the books show it: `follower`, `hook`, `spool`.
    pub source: &'static str,
    /// What was read, oldest first. May be empty where only the position moves.
    pub records: Vec<Record>,
    /// Where the records stood, for dead letters (`alerts.json@12345`): place of the first record.
    pub place: String,
    /// The checkpoint these records were read behind: that of the batch before, or the stored one. A batch is kept only where the
    /// stored checkpoint is this one, so that none is kept behind one that was refused. `None` at the first start and for
    /// sources that have no position.
    pub follows: Option<Checkpoint>,
    /// Stored in the same transaction as the records' outcomes. `None` for sources that have no position (the hook).
    pub checkpoint: Option<Checkpoint>,
}

/// Says when a batch is durable. Await it, or `blocking_recv()` it from a plain thread.
pub type Receipt = tokio::sync::oneshot::Receiver<Result<(), Rejected>>;

/// Why a batch was not kept. The source must keep or re-read it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The program is stopping: read the same records again at the next start.
    #[error("the daemon is stopping")]
    Stopping,
    /// The ledger refused it in a way that waiting does not mend.
    #[error("the ledger could not keep the batch: {0}")]
    Ledger(String),
}

/// Takes batches and makes them durable. The program implements it over the ledger; tests implement it in memory.
pub trait Intake: Send + Sync + 'static {
    /// Queues the batch; batches of one source are committed in the order of the calls. A full disk delays the receipt,
    /// it does not fail it. The receipt's sender dropped without an answer means the same as [`Rejected::Stopping`].
    fn submit(&self, batch: Batch) -> Receipt;

    /// The checkpoint this source stored last, `None` at its first start.
    ///
    /// # Errors
    /// Where the ledger can't be read.
    fn checkpoint(&self, source: &str) -> Result<Option<Checkpoint>, Rejected>;
}
