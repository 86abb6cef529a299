//! The ledger in one SQLite file: a writer thread, two reader threads, and handles onto them.
//!
//! Files: `PATH` (the database, see `schema`), `PATH-wal` and `PATH-shm` (SQLite's write-ahead log and its index), `PATH.lock`
//! (empty; locked while a daemon runs). All but the last are created with mode 0640, whatever wider the umask allows. What a crash leaves is told in `writer`.
//!
//! All changes, and the cheap questions `checkpoint` and `next_due`, go through the writer's queue and take effect in order.
//! `books`, `dead_letters` and `status` are answered beside it and show what is committed at that moment.

mod attempts;
mod batch;
mod books;
mod claim;
mod connection;
mod counters;
mod dead_letters;
mod error;
mod fold;
mod groups;
mod intake;
mod loudest;
mod maintenance;
mod noise;
mod pauses;
mod payload;
mod prune;
mod queue;
mod reader;
mod reroute;
mod schema;
mod settle;
mod silences;
mod status;
mod stored;
mod succession;
mod tellings;
mod time;
mod trace;
mod writer;

pub use self::maintenance::{CheckReport, backup, check, vacuum};

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::{
    error::SqlError,
    intake::PackedIntake,
    queue::Queue,
    reader::Reader,
    writer::{OpenGroups, Stall, Writer},
};
use crate::{
    Books, Chooser, Claim, Claimed, DeadLetter, Intake, IntakeReport, Ledger, LedgerError,
    MOST_GROUPS, Noise, Pause, Prune, PruneReport, Receipt, Settled, Settlement, Silence, Status,
    Stored, TellClaim, Telling, Told, Trace,
};

/// Files smaller than this are checked whole before use, others in the background.
const CHECK_FIRST: u64 = 64 << 20;

/// How a ledger is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Tells the time, for [`Status::stalled`].
    pub clock: fn() -> Timestamp,
    /// So many groups are open at most; the ones that would end first leave before their time.
    pub most_groups: u64,
    /// For tests of a full disk: the file may have so many pages at most.
    #[doc(hidden)]
    pub max_pages: Option<u32>,
}

impl OpenOptions {
    /// With the clock of the program.
    pub fn new(clock: fn() -> Timestamp) -> Self {
        Self {
            clock,
            most_groups: MOST_GROUPS,
            max_pages: None,
        }
    }
}

/// What `PRAGMA quick_check` or a command found broken.
#[derive(Clone, Default)]
pub(crate) struct Damage(Arc<Mutex<Option<String>>>);

impl Damage {
    fn found(&self, detail: String) {
        let error = LedgerError::Damaged {
            detail: detail.clone(),
        };
        tracing::error!(%error, "the ledger is damaged");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(detail);
    }
}

/// A ledger in one SQLite file.
///
/// Dropping it does what is queued, closes the file and waits for both.
pub struct SqliteLedger {
    path: PathBuf,
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
    counts: Option<Reader>,
    lists: Option<Reader>,
    stall: Stall,
    open_groups: OpenGroups,
    damage: Damage,
    /// Held locked for as long as the ledger is open.
    _lock: Option<File>,
}

impl SqliteLedger {
    /// Opens (or creates) the ledger for the daemon. Claims of an earlier process are released.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] where another daemon has it, [`LedgerError::Newer`], [`LedgerError::Damaged`] (found before
    /// use in files below 64 MiB; in larger ones the check runs on, see [`Self::damage`]), [`LedgerError::Unusable`].
    pub fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let lock = lock(path)?;
        let connection =
            connection::writer(path, options.max_pages).map_err(|error| error.opening(path))?;
        let damage = Damage::default();
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if size < CHECK_FIRST {
            quick_check(&connection).map_err(|error| error.opening(path))?;
        } else {
            check_in_background(path, &damage)?;
        }
        let ledger = Self::start(path, connection, options, damage, Some(lock))?;
        // Durable whenever the disk allows it; claims wait behind it in the queue.
        drop(ledger.release(None));
        Ok(ledger)
    }

    /// Opens an existing ledger for short changes beside a running daemon: `replay`, `dismiss`, `resume`.
    ///
    /// # Errors
    /// As [`Self::open`], without `InUse`.
    pub fn open_writer(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let connection = connection::short_writer(path).map_err(|error| error.opening(path))?;
        Self::start(path, connection, options, Damage::default(), None)
    }

    /// Opens an existing ledger for reading, also beside a running daemon. Changes (and `next_due`, which
    /// waits in the queue of changes) are refused with [`LedgerError::Unusable`].
    ///
    /// # Errors
    /// As [`Self::open`], without `InUse`.
    pub fn open_reader(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        Self::readers(
            path,
            Arc::default(),
            None,
            Stall::default(),
            Damage::default(),
            None,
        )
    }

    /// What was found broken since the ledger was opened.
    pub fn damage(&self) -> Option<String> {
        self.damage
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn start(
        path: &Path,
        connection: Connection,
        options: OpenOptions,
        damage: Damage,
        lock: Option<File>,
    ) -> Result<Self, LedgerError> {
        let queue = Arc::new(Queue::default());
        let stall = Stall::default();
        let open_groups = OpenGroups::default();
        let writer = Writer {
            connection,
            queue: queue.clone(),
            stall: stall.clone(),
            damage: damage.clone(),
            clock: options.clock,
            most_groups: options.most_groups,
            open_groups: open_groups.clone(),
        };
        let writer = spawn("ledger-writer", move || writer.run())?;
        let mut ledger = Self::readers(path, queue, Some(writer), stall, damage, lock)?;
        ledger.open_groups = open_groups;
        Ok(ledger)
    }

    fn readers(
        path: &Path,
        queue: Arc<Queue>,
        writer: Option<JoinHandle<()>>,
        stall: Stall,
        damage: Damage,
        lock: Option<File>,
    ) -> Result<Self, LedgerError> {
        // Made first: dropping it on an error below ends the writer in good order.
        let mut ledger = Self {
            path: path.into(),
            queue,
            writer,
            counts: None,
            lists: None,
            stall,
            open_groups: OpenGroups::default(),
            damage,
            _lock: lock,
        };
        ledger.counts = Some(Reader::open(path, "ledger-status")?);
        ledger.lists = Some(Reader::open(path, "ledger-books")?);
        Ok(ledger)
    }

    fn change<T, F>(&self, run: F) -> Receipt<T>
    where
        T: Send + 'static,
        F: FnMut(&mut batch::Batch<'_>) -> Result<T, SqlError> + Send + 'static,
    {
        if self.writer.is_none() {
            return refused(LedgerError::Unusable {
                detail: format!("{} was opened for reading only", self.path.display()),
            });
        }
        self.queue.submit(0, run)
    }

    fn read<T, F>(&self, reader: Option<&Reader>, run: F) -> Receipt<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        match reader {
            Some(reader) => reader.submit(run),
            None => refused(LedgerError::Closed),
        }
    }
}

impl Ledger for SqliteLedger {
    fn intake(&self, intake: Intake) -> Receipt<IntakeReport> {
        if self.writer.is_none() {
            return self.change(|_| Ok(IntakeReport::default()));
        }
        // Compressed here, on the caller's thread: the writer's time is the scarcer.
        let packed = PackedIntake::new(intake);
        self.queue
            .submit(packed.bytes(), move |batch| intake::intake(batch, &packed))
    }

    fn checkpoint(&self, source: &str) -> Receipt<Option<String>> {
        let source = source.to_owned();
        if self.writer.is_none() {
            return self.read(self.counts.as_ref(), move |connection| {
                intake::checkpoint(connection, &source)
            });
        }
        self.change(move |batch| intake::checkpoint(batch.connection, &source))
    }

    fn claim(&self, claim: Claim) -> Receipt<Vec<Claimed>> {
        self.change(move |batch| claim::claim(batch, &claim))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Receipt<Settled> {
        self.change(move |batch| settle::settle(batch, &settlements))
    }

    fn release(&self, expired_before: Option<Timestamp>) -> Receipt<u64> {
        self.change(move |batch| settle::release(batch, expired_before))
    }

    fn pause(&self, pause: Pause) -> Receipt<()> {
        self.change(move |batch| pauses::pause(batch, &pause))
    }

    fn resume(&self, sink: &str, lane: Option<&str>, everything: bool) -> Receipt<u64> {
        let sink = sink.to_owned();
        let lane = lane.map(str::to_owned);
        self.change(move |batch| pauses::resume(batch, &sink, lane.as_deref(), everything))
    }

    fn reroute(&self, sink: &str, lane: &str, choose: Chooser) -> Receipt<u64> {
        let (sink, lane) = (sink.to_owned(), lane.to_owned());
        self.change(move |batch| reroute::reroute(batch, &sink, &lane, &choose))
    }

    fn next_due(&self, sink: &str, now: Timestamp) -> Receipt<Option<Timestamp>> {
        let sink = sink.to_owned();
        self.change(move |batch| pauses::next_due(batch.connection, &sink, now))
    }

    fn books(&self, since: Option<Timestamp>) -> Receipt<Books> {
        self.read(self.lists.as_ref(), move |connection| {
            books::books(connection, since)
        })
    }

    fn dead_letters(&self, after: Option<String>, limit: usize) -> Receipt<Vec<DeadLetter>> {
        self.read(self.lists.as_ref(), move |connection| {
            dead_letters::list(connection, after.as_deref(), limit)
        })
    }

    fn replay(&self, id: &str, _now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| dead_letters::replay(batch, &id))
    }

    fn dismiss(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| dead_letters::dismiss(batch, &id, now))
    }

    fn prune(&self, prune: Prune) -> Receipt<PruneReport> {
        self.change(move |batch| prune::prune(batch, &prune))
    }

    fn status(&self) -> Receipt<Status> {
        let path = self.path.clone();
        let stall = self.stall.clone();
        let open_groups = self.open_groups.clone();
        self.read(self.counts.as_ref(), move |connection| {
            status::status(connection, &path, stall.now(), open_groups.now())
        })
    }

    fn claim_tellings(&self, claim: TellClaim) -> Receipt<Vec<Telling>> {
        self.change(move |batch| tellings::claim(batch, &claim))
    }

    fn settle_tellings(&self, told: Vec<Told>) -> Receipt<Settled> {
        self.change(move |batch| tellings::settle(batch, &told))
    }

    fn next_telling(&self, sink: &str, interval: Duration) -> Receipt<Option<Timestamp>> {
        let sink = sink.to_owned();
        self.change(move |batch| tellings::next(batch, &sink, interval))
    }

    fn put_silence(&self, silence: Silence) -> Receipt<()> {
        self.change(move |batch| silences::put(batch, &silence))
    }

    fn expire_silence(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| silences::expire(batch, &id, now))
    }

    fn silences(&self) -> Receipt<Vec<Silence>> {
        self.read(self.counts.as_ref(), silences::all)
    }

    fn silences_version(&self) -> Receipt<u64> {
        self.read(self.counts.as_ref(), silences::version)
    }

    fn trace(&self, reference: &str) -> Receipt<Option<Trace>> {
        let reference = reference.to_owned();
        self.read(self.lists.as_ref(), move |connection| {
            trace::trace(connection, &reference)
        })
    }

    fn newest(&self, limit: usize) -> Receipt<Vec<String>> {
        self.read(self.lists.as_ref(), move |connection| {
            trace::newest(connection, limit)
        })
    }

    fn reference_of(&self, sink: &str, id: &str) -> Receipt<Option<String>> {
        let (sink, id) = (sink.to_owned(), id.to_owned());
        self.read(self.lists.as_ref(), move |connection| {
            trace::reference_of(connection, &sink, &id)
        })
    }

    fn members(&self, group: i64, after: Option<String>, limit: usize) -> Receipt<Vec<String>> {
        self.read(self.lists.as_ref(), move |connection| {
            trace::members(connection, group, after.as_deref(), limit)
        })
    }

    fn noise(&self, since: Timestamp, limit: usize) -> Receipt<Noise> {
        self.read(self.lists.as_ref(), move |connection| {
            noise::noise(connection, since, limit)
        })
    }

    fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Receipt<Vec<Stored>> {
        self.read(self.lists.as_ref(), move |connection| {
            stored::stored(connection, since, after, limit)
        })
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.queue.close();
        // The readers end with their queues, and are waited for; the writer closes the file last and so cleans up its log.
        self.counts = None;
        self.lists = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the ledger's writer thread ended in a fault");
        }
    }
}

fn refused<T>(error: LedgerError) -> Receipt<T> {
    let (reply, receipt) = oneshot::channel();
    // Only fails where the receipt is gone.
    let _ = reply.send(Err(error));
    receipt
}

fn spawn<F>(name: &str, run: F) -> Result<JoinHandle<()>, LedgerError>
where
    F: FnOnce() + Send + 'static,
{
    std::thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(|error| LedgerError::Unusable {
            detail: format!("no thread for {name}: {error}"),
        })
}

fn lock(path: &Path) -> Result<File, LedgerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unusable = |error: std::io::Error| LedgerError::Unusable {
        detail: format!("{}: {error}", Path::new(&name).display()),
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse {
            path: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Fails with what SQLite finds broken in the structure of the file.
fn quick_check(connection: &Connection) -> Result<(), SqlError> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    Err(SqlError::Refused(LedgerError::Damaged { detail: said }))
}

/// Checks a large file without anyone waiting for it. Its read transaction keeps the log from starting over meanwhile, so the
/// log may grow for as long as it takes.
fn check_in_background(path: &Path, damage: &Damage) -> Result<(), LedgerError> {
    let connection = connection::reader(path).map_err(|error| error.opening(path))?;
    let damage = damage.clone();
    // Not waited for: nothing depends on it but the alarm.
    spawn("ledger-check", move || {
        if let Err(error) = quick_check(&connection) {
            match error.damage() {
                Some(detail) => damage.found(detail),
                None => tracing::error!(%error, "the ledger could not be checked"),
            }
        }
    })?;
    Ok(())
}
