//! What an operator does with the file: check it, copy it, make it small. Called by `alertbridge ledger …`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{books, connection, error::SqlError, lock};
use crate::LedgerError;

/// Pages copied at a time; between two steps the writer has its turn.
const STEP_PAGES: i32 = 4096;

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Broken structure of the file, in SQLite's words.
    pub damage: Vec<String>,
    /// Rows that point at rows that are not there.
    pub dangling: Vec<String>,
    /// Sums in the books that do not come out.
    pub faults: Vec<String>,
}

impl CheckReport {
    /// Nothing was found.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.dangling.is_empty() && self.faults.is_empty()
    }
}

/// Checks a ledger: `quick_check` (or, `thorough`, `integrity_check`, which also holds each index against its table), that no
/// row points nowhere, and the books. Reads the whole file; works beside a running daemon.
///
/// # Errors
/// Where the file can't be opened at all. Damage found in it is in the report.
pub fn check(path: impl AsRef<Path>, thorough: bool) -> Result<CheckReport, LedgerError> {
    let path = path.as_ref();
    let mut report = CheckReport::default();
    let connection = match connection::reader(path) {
        Ok(connection) => connection,
        Err(error) => {
            let Some(damage) = error.damage() else {
                return Err(error.opening(path));
            };
            report.damage.push(damage);
            return Ok(report);
        }
    };
    let pragma = if thorough {
        "PRAGMA integrity_check"
    } else {
        "PRAGMA quick_check"
    };
    match sentences(&connection, pragma) {
        Ok(said) => report
            .damage
            .extend(said.into_iter().filter(|said| said != "ok")),
        Err(error) => report.damage.push(error.to_string()),
    }
    match dangling(&connection) {
        Ok(found) => report.dangling = found,
        Err(error) => report.damage.push(error.to_string()),
    }
    match books::books(&connection, None) {
        Ok(books) => report.faults = books.faults,
        Err(error) => report.damage.push(error.to_string()),
    }
    report.damage.dedup();
    Ok(report)
}

/// Copies a ledger into a new file, as it is at one moment, beside a running daemon.
///
/// The copy is made under a passing name (`TO.part`), synced, and only then gets its own, so that `TO` is always whole.
/// The daemon's log can't start over while the copy is made, so it may grow meanwhile.
///
/// # Errors
/// Where `to` exists already, or either file can't be read or written.
pub fn backup(path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), LedgerError> {
    let (path, to) = (path.as_ref(), to.as_ref());
    if to.exists() {
        return Err(LedgerError::Unusable {
            detail: format!("{} exists already; name a file that does not", to.display()),
        });
    }
    let part = beside(to, ".part");
    let unusable = |error: std::io::Error| LedgerError::Unusable {
        detail: format!("{}: {error}", part.display()),
    };
    // Only one backup to one name at a time; a part left by a crash is taken over.
    let _lock = lock(&part)?;
    remove(&part).map_err(unusable)?;
    let copied = copy(path, &part).map_err(|error| error.opening(&part));
    let kept = copied.and_then(|()| {
        File::open(&part)
            .and_then(|file| file.sync_all())
            .map_err(unusable)?;
        give_name(&part, to).map_err(unusable)
    });
    let removed = remove(&part).map_err(unusable);
    remove(&beside(&part, ".lock")).map_err(unusable)?;
    kept.and(removed)
}

/// Rewrites a ledger without its free pages. Needs the daemon to be stopped, and free space of the ledger's size.
///
/// # Errors
/// [`LedgerError::InUse`] while a daemon runs, or where the file can't be rewritten.
pub fn vacuum(path: impl AsRef<Path>) -> Result<(), LedgerError> {
    let path = path.as_ref();
    let connection = connection::short_writer(path).map_err(|error| error.opening(path))?;
    let _lock = lock(path)?;
    connection
        .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(|error| SqlError::from(error).opening(path))
}

/// A link fails where the name was taken meanwhile; file systems without links (network shares) get a rename. The folder is
/// synced, so that the name survives a power cut.
fn give_name(part: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(part, to) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists && !to.exists() => {
            std::fs::rename(part, to)?;
        }
        linked => linked?,
    }
    match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), SqlError> {
    let source = connection::reader(from)?;
    // One read transaction over all steps, so that the writer's commits do not make the copy start over.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT next_alert FROM sequence", [], |row| {
        row.get::<_, i64>(0)
    })?;
    connection::create(to)?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    Backup::new(&moment, &mut target)?.run_to_completion(STEP_PAGES, Duration::ZERO, None)?;
    // One file is what is asked for: without a log beside it. Opened as a ledger, it gets its log back.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(())
}

fn sentences(connection: &Connection, pragma: &str) -> Result<Vec<String>, SqlError> {
    let mut select = connection.prepare(pragma)?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn dangling(connection: &Connection) -> Result<Vec<String>, SqlError> {
    let mut found = Vec::new();
    let mut select = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (table, id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let parent: String = row.get(2)?;
        found.push(format!(
            "{table} {}: its {parent} is missing",
            id.unwrap_or_default()
        ));
    }
    for (question, kind, what) in [
        (
            "SELECT id FROM alert WHERE outcome NOT IN (0, 1, 2)
                OR (outcome = 2 AND (fold IS NULL OR deliveries > 0))
                OR (outcome = 1 AND deliveries > 0)",
            "alert",
            "its outcome does not fit",
        ),
        (
            "SELECT id FROM alert WHERE outcome = 1 AND NOT EXISTS
                (SELECT 1 FROM rule_hit WHERE rule_hit.id = alert.silenced_by)",
            "alert",
            "what silenced it is missing",
        ),
        (
            "SELECT id FROM fold WHERE NOT EXISTS
                (SELECT 1 FROM alert WHERE alert.id = fold.parent AND outcome = 0)",
            "group",
            "its alert is missing",
        ),
        (
            "SELECT id FROM fold WHERE folded < (SELECT count(*) FROM alert INDEXED BY alert_fold
                WHERE outcome = 2 AND alert.fold = fold.id)",
            "group",
            "more alerts are folded into it than it counts",
        ),
        (
            "SELECT delivery FROM telling WHERE NOT EXISTS
                (SELECT 1 FROM fold WHERE fold.id = telling.fold)
                OR NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = telling.delivery)",
            "telling",
            "its group or its delivery is missing",
        ),
        (
            "SELECT id FROM delivery WHERE NOT EXISTS
                (SELECT 1 FROM alert WHERE alert.id = delivery.alert)",
            "delivery",
            "its alert is missing",
        ),
        (
            "SELECT delivery.id FROM delivery WHERE state NOT IN (3, 4) AND NOT EXISTS
                (SELECT 1 FROM payload WHERE payload.alert = delivery.alert)",
            "delivery",
            "its alert's bytes are missing",
        ),
        (
            "SELECT id FROM delivery
             WHERE outcome <> CASE state WHEN 3 THEN 1 WHEN 4 THEN 2 ELSE 0 END",
            "delivery",
            "its state and its outcome do not fit",
        ),
    ] {
        let mut select = connection.prepare(question)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            found.push(format!("{kind} {}: {what}", row.get::<_, i64>(0)?));
        }
    }
    Ok(found)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
