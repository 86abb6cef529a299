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
mod job_claims;
mod job_lists;
mod jobs;
mod ledger;
mod loudest;
mod maintenance;
mod migrations;
mod noise;
mod pauses;
mod payload;
mod prune;
mod queue;
mod reader;
mod reroute;
mod reviews;
mod schema;
mod seen;
mod settle;
mod silences;
mod status;
mod stored;
mod succession;
mod tallies;
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

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::{
    error::SqlError,
    queue::Queue,
    reader::Reader,
    writer::{OpenGroups, Stall, Writer},
};
use crate::{Ledger, LedgerError, MOST_GROUPS, Receipt};

/// Files smaller than this are checked whole before use, others in the background.
const CHECK_FIRST: u64 = 64 << 20;

/// How a ledger is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Tells the time, for [`crate::Status::stalled`].
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

    /// Opens an existing ledger for changes beside a running daemon: `replay`, `dismiss`, `resume`, silences, and all that
    /// concerns triage jobs. Any number of processes may do so at once; each change waits for its turn to write.
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
            beside: lock.is_none(),
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
