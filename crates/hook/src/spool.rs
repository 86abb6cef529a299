//! The spool folder: where a hook leaves an alert that the daemon did not take, one file each.
//!
//! A file holds the bytes of the alert file, nothing else. Its name is `<nanoseconds since 1970, 20 digits>-<pid>.alert`,
//! so that names sort by time; while it is written it is called `.<the same>.tmp`. The daemon takes every name that
//! ends in `.alert` and does not begin with a dot, in the order of the names.
//!
//! | the machine stops… | what is left |
//! |---|---|
//! | while the temporary file is written | a `.tmp` file, which the daemon removes after an hour; integratord got no exit 0 |
//! | after the rename, before the folder's fsync | the one or the other name; integratord got no exit 0 |
//! | after the folder's fsync | the alert, whole |
//!
//! No file is ever overwritten: the temporary name is created exclusively, which makes it the lock on the final name; its
//! holder looks whether the final name is free and moves on to the next nanosecond where it is not.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Don't wait for the other side of a named pipe (`O_NONBLOCK`, the same number on every Linux Rust builds for but MIPS and SPARC).
pub(crate) const NEVER_BLOCK: i32 = 0o4000;

const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
const NAME_ATTEMPTS: u64 = 64;

/// Writes `body` into `folder` under a name made of `now` and `pid`, durably, and says which.
///
/// A missing folder is created (itself only, mode 0750). Where writing fails, nothing is left behind.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("spool");
/// use std::time::{Duration, UNIX_EPOCH};
/// use alertbridge_hook::spool;
///
/// let now = UNIX_EPOCH + Duration::from_secs(1_795_253_400);
/// let path = spool::store(&folder, b"{}\n", now, 4711)?;
/// assert!(path.ends_with("01795253400000000000-4711.alert"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Where the alert is not known to be on the disk: no space, no permission, no folder.
pub fn store(folder: &Path, body: &[u8], now: SystemTime, pid: u32) -> io::Result<PathBuf> {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let nanoseconds = u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX - NAME_ATTEMPTS);
    for attempt in 0..NAME_ATTEMPTS {
        let stem = format!("{:020}-{pid}", nanoseconds.saturating_add(attempt));
        let temporary = folder.join(format!(".{stem}.tmp"));
        let path = folder.join(format!("{stem}.alert"));
        let mut file = match create(folder, &temporary) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        let taken = fs::symlink_metadata(&path).is_ok();
        let written = if taken {
            Err(ErrorKind::AlreadyExists.into())
        } else {
            file.write_all(body)
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&temporary, &path))
        };
        if let Err(error) = written {
            // The error that matters is the first one; a temporary file that stays is removed by the daemon.
            let _ = fs::remove_file(&temporary);
            if taken {
                continue;
            }
            return Err(error);
        }
        File::open(folder)?.sync_all()?;
        return Ok(path);
    }
    Err(io::Error::new(
        ErrorKind::AlreadyExists,
        "no free name in the spool folder",
    ))
}

fn create(folder: &Path, temporary: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(FILE_MODE);
    let created = options.open(temporary);
    match &created {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ => return created,
    }
    let made = DirBuilder::new().mode(FOLDER_MODE).create(folder);
    match made {
        // Another hook was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
    // The new folder's own name must last as well. A parent that may be written but not read can't be synced.
    if let Some(parent) = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        && let Ok(parent) = File::open(parent)
    {
        parent.sync_all()?;
    }
    options.open(temporary)
}

/// Whether a name in the spool folder is a whole alert: ends in `.alert` and is not hidden.
pub fn is_alert(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".alert") && !name.starts_with(b".")
}

/// Whether a name in the spool folder is one that a hook is writing, or was when it ended.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") && name.ends_with(b".tmp")
}

/// Why there is no alert in a file.
#[derive(Debug)]
pub enum ReadError {
    /// It has no bytes.
    Empty,
    /// The system's own words.
    Io(io::Error),
    /// A folder, a pipe, a device.
    NotAFile,
    /// Longer than the limit; what was read of it, the limit's length.
    TooLong(Vec<u8>),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Empty => formatter.write_str("the file is empty"),
            ReadError::Io(error) => write!(formatter, "{error}"),
            ReadError::NotAFile => formatter.write_str("not a regular file"),
            ReadError::TooLong(read) => write!(formatter, "longer than {} bytes", read.len()),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

/// Reads an alert file of 1 to `limit` bytes behind what `buffer` holds.
///
/// # Errors
/// Where there is no such alert. `buffer`'s content is then unspecified.
pub fn read(path: &Path, limit: usize, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NEVER_BLOCK)
        .open(path)?;
    read_open(file, limit, buffer)
}

/// [`read`] from a file that the caller opened (not blocking: it may be a pipe).
///
/// # Errors
/// As [`read`].
pub fn read_open(file: File, limit: usize, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    let before = buffer.len();
    let expected = usize::try_from(metadata.len()).unwrap_or(limit).min(limit);
    buffer
        .try_reserve_exact(expected + 1)
        .map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX - 1) + 1;
    let length = file.take(one_more).read_to_end(buffer)?;
    if length == 0 {
        return Err(ReadError::Empty);
    }
    if length > limit {
        let mut read = buffer.split_off(before);
        read.truncate(limit);
        return Err(ReadError::TooLong(read));
    }
    Ok(())
}
