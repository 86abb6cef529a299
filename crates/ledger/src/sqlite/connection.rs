//! Connections: how the file is opened, and with which settings.

use std::{fs::File, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{error::SqlError, schema};
use crate::LedgerError;

/// The mode of files with alerts in them; the umask may take more away.
const PRIVATE: u32 = 0o640;
/// Other processes hold the write lock for one short transaction at a time.
const BUSY: Duration = Duration::from_secs(5);
/// Pages in the log before a checkpoint moves them into the database: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;
/// The log is cut back to this after a burst: 64 MiB.
const LOG_LIMIT: u32 = 64 << 20;

/// The daemon's writer: creates the file and brings it to the newest schema.
pub(super) fn writer(path: &Path, max_pages: Option<u32>) -> Result<Connection, SqlError> {
    create(path)?;
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    settings(&connection)?;
    schema::version(&connection)?;
    // Only takes effect before the first table is made.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    write_settings(&connection)?;
    schema::migrate(&mut connection)?;
    if let Some(pages) = max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(connection)
}

/// Creates the file where it is missing, readable by nobody but its owner and group: alerts hold names, addresses and
/// commands. SQLite gives its log the mode of the database, and would itself create that for everyone to read. A file that is
/// there keeps the mode it has, and is not even opened: closing it here would end the locks of this process's other
/// connections to it.
pub(super) fn create(path: &Path) -> Result<(), SqlError> {
    let created = File::options()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path);
    match created {
        Err(error) if !path.exists() => Err(SqlError::Refused(LedgerError::Unusable {
            detail: format!("{} can't be created: {error}", path.display()),
        })),
        _ => Ok(()),
    }
}

/// A writer beside a daemon: the file must be there, with the schema this program knows.
pub(super) fn short_writer(path: &Path) -> Result<Connection, SqlError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    settings(&connection)?;
    same_version(&connection)?;
    write_settings(&connection)?;
    Ok(connection)
}

/// A reader. Reading a database in WAL mode needs its `-shm` file, so the file is opened for writing where that is allowed,
/// and writing is then switched off.
pub(super) fn reader(path: &Path) -> Result<Connection, SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
        .or_else(|_| {
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)
    })?;
    settings(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    same_version(&connection)?;
    Ok(connection)
}

fn settings(connection: &Connection) -> Result<(), SqlError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Else SQLite plans some statements anew for each value bound to them, which costs more than running them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The page size stays SQLite's 4096: pages of 8 KiB cost a batch of 256 alerts 5 % less CPU time, but a commit of one alert,
/// which is what the hook's and most of the follower's are, 15 % more.
fn write_settings(connection: &Connection) -> Result<(), SqlError> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -16384)?;
    Ok(())
}

fn same_version(connection: &Connection) -> Result<(), SqlError> {
    let found = schema::version(connection)?;
    if found < schema::KNOWN {
        let known = schema::KNOWN;
        return Err(SqlError::Refused(LedgerError::Unusable {
            detail: format!(
                "its schema has version {found}, this program's is {known}; start the alertbridge service once, it brings it up to date"
            ),
        }));
    }
    Ok(())
}
