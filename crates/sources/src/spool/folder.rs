//! The drain's blocking half: reading the spool folder, loading files into a batch, and putting them away. Called by
//! [`super::SpoolDrain`] only; the folder's promises are written there.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use alertbridge_hook::{
    frame::BODY_LIMIT,
    spool::{self, ReadError},
};
use bytes::Bytes;
use jiff::Timestamp;
use rustix::{fs::OFlags, io::Errno};

use crate::Record;

/// Files in one batch at most.
const BATCH_FILES: usize = 256;
/// Bytes in one batch; the last file may go over it.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// A temporary file older than this belongs to a hook that is gone.
const TEMPORARY_AGE: Duration = Duration::from_secs(3600);
/// What a dead letter holds of a file that is too long.
const HEAD_LIMIT: usize = 64 * 1024;
const FOLDER_MODE: u32 = 0o770;
const UNREADABLE: &str = "unreadable";

/// The spool folder and what is known of the files in it.
pub(super) struct Folder {
    path: PathBuf,
    /// Durable in the ledger, but could not be removed or moved aside.
    stuck: HashMap<OsString, Afterwards>,
    /// Could not be opened for the time being.
    waiting: HashSet<OsString>,
}

/// What becomes of a file once the ledger has its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    MoveAside,
    Remove,
}

/// Some files, read.
pub(super) struct Load {
    pub(super) records: Vec<Record>,
    /// The files the records stand for.
    pub(super) done: Vec<(OsString, Afterwards)>,
    /// The first record's file.
    pub(super) place: String,
    /// Names not looked at yet.
    pub(super) rest: VecDeque<OsString>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            stuck: HashMap::new(),
            waiting: HashSet::new(),
        }
    }

    /// Creates the folder where it is missing, for the daemon and its group: hooks, which run in Wazuh's group, must be able to
    /// write there and the daemon to remove what they wrote. A failure is logged; the folder may still come later.
    pub(super) fn create(&self) {
        let created = match fs::create_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return,
            // Not by the folder's birth: the umask would take the group's right to write.
            created => created.and_then(|()| {
                fs::set_permissions(&self.path, PermissionsExt::from_mode(FOLDER_MODE))
            }),
        };
        if let Err(error) = created {
            tracing::warn!(%error, folder = %self.path.display(),
                "the spool folder is missing and can't be created: hooks lose alerts while the daemon is away");
        }
    }

    /// The names of the alerts in the folder, in order. With `full`, the files that made trouble before are among them, and
    /// old temporary files are removed.
    pub(super) fn scan(&mut self, full: bool, now: Timestamp) -> VecDeque<OsString> {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, folder = %self.path.display(), "can't read the spool folder");
                }
                Vec::new()
            }
        };
        if full {
            self.try_again(&names);
            for name in names.iter().filter(|name| spool::is_temporary(name)) {
                self.remove_if_old(name, now);
            }
        }
        let mut alerts: Vec<OsString> = names
            .into_iter()
            .filter(|name| self.is_wanted(name))
            .collect();
        alerts.sort_unstable();
        alerts.into()
    }

    /// Reads files from the front of `names` until a batch is full.
    pub(super) fn load(&mut self, mut names: VecDeque<OsString>) -> Load {
        let (mut records, mut done, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut first_error = None;
        while records.len() < BATCH_FILES && bytes < BATCH_BYTES {
            let Some(name) = names.pop_front() else { break };
            let (record, afterwards) = match self.read(&name) {
                Ok(body) => {
                    bytes += body.len();
                    (Record::Alert(body), Afterwards::Remove)
                }
                Err(ReadError::Io(error)) if Errno::from_io_error(&error) != Some(Errno::IO) => {
                    // Gone is gone: somebody took it out of the folder.
                    if error.kind() != io::ErrorKind::NotFound {
                        self.waiting.insert(name);
                        first_error.get_or_insert(error);
                    }
                    continue;
                }
                Err(error) => (self.unreadable(&name, error), Afterwards::MoveAside),
            };
            records.push(record);
            done.push((name, afterwards));
        }
        if let Some(error) = first_error {
            tracing::warn!(%error, files = self.waiting.len(), folder = %self.path.display(),
                "spooled alerts can't be opened and wait: let the daemon's user read them");
        }
        let place = done
            .first()
            .map(|(name, _)| self.place(name))
            .unwrap_or_default();
        Load {
            records,
            done,
            place,
            rest: names,
        }
    }

    /// Removes or moves aside the files of a load that is durable.
    pub(super) fn put_away(&mut self, done: Vec<(OsString, Afterwards)>) {
        let mut first_error = None;
        for (name, afterwards) in done {
            let put_away = match afterwards {
                Afterwards::MoveAside => self.move_aside(&name),
                Afterwards::Remove => fs::remove_file(self.path.join(&name)),
            };
            match put_away {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    first_error.get_or_insert(error);
                    self.stuck.insert(name, afterwards);
                }
                _ => {}
            }
        }
        if let Some(error) = first_error {
            tracing::warn!(%error, files = self.stuck.len(), folder = %self.path.display(),
                "spooled alerts are in the ledger, but their files stay: let the daemon's user write to the folder");
        }
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn is_wanted(&self, name: &OsStr) -> bool {
        spool::is_alert(name) && !self.stuck.contains_key(name) && !self.waiting.contains(name)
    }

    /// Lets waiting files be opened again, and puts stuck ones away that are still there.
    fn try_again(&mut self, names: &[OsString]) {
        self.waiting.clear();
        let mut stuck = std::mem::take(&mut self.stuck);
        let still_there = names
            .iter()
            .filter_map(|name| stuck.remove_entry(name))
            .collect();
        self.put_away(still_there);
    }

    fn read(&self, name: &OsStr) -> Result<Bytes, ReadError> {
        let file = self
            .open(name)
            .map_err(|error| match Errno::from_io_error(&error) {
                // A symbolic link. Whoever may write here may not make the daemon read what is elsewhere.
                Some(Errno::LOOP) => ReadError::NotAFile,
                // A socket.
                Some(Errno::NXIO) => ReadError::NotAFile,
                _ => ReadError::Io(error),
            })?;
        let mut body = Vec::new();
        spool::read_open(file, BODY_LIMIT, &mut body)?;
        Ok(Bytes::from(body))
    }

    fn open(&self, name: &OsStr) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        OpenOptions::new()
            .read(true)
            .custom_flags(flags.cast_signed())
            .open(self.path.join(name))
    }

    fn unreadable(&self, name: &OsStr, error: ReadError) -> Record {
        let why = error.to_string();
        let mut head = match error {
            ReadError::TooLong(read) => read,
            _ => Vec::new(),
        };
        head.truncate(HEAD_LIMIT);
        head.shrink_to_fit();
        Record::Unreadable {
            head: Bytes::from(head),
            place: self.place(name),
            why,
        }
    }

    /// Into the folder for unreadable files, under a name that is free there.
    fn move_aside(&self, name: &OsStr) -> io::Result<()> {
        let aside = self.path.join(UNREADABLE);
        match fs::create_dir(&aside) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut target = aside.join(name);
        let mut number = 0;
        while fs::symlink_metadata(&target).is_ok() {
            number += 1;
            let mut numbered = name.to_owned();
            numbered.push(format!(".{number}"));
            target = aside.join(numbered);
        }
        fs::rename(self.path.join(name), target)
    }

    fn remove_if_old(&self, name: &OsStr, now: Timestamp) {
        let path = self.path.join(name);
        let Ok(modified) = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified())
        else {
            return;
        };
        let is_old = SystemTime::from(now)
            .duration_since(modified)
            .is_ok_and(|age| age > TEMPORARY_AGE);
        if is_old && fs::remove_file(&path).is_ok() {
            tracing::info!(
                file = self.place(name),
                "removed what a hook left half-written"
            );
        }
    }

    fn place(&self, name: &OsStr) -> String {
        self.path.join(name).display().to_string()
    }
}

/// When the folder last changed; `None` while it does not exist.
pub(super) fn modified(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder)
        .and_then(|metadata| metadata.modified())
        .ok()
}
