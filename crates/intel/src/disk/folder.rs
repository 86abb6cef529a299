//! The store's folder: its lock, its files' names, and the steps after which a test may pull the plug.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{IntelError, Result};

/// Called before each step that changes what is on disk, with the step's name. A test copies the folder here, as a crash would
/// leave it, or refuses.
pub type StepHook = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// A folder in use.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    hook: Option<StepHook>,
    /// Held until the last clone is gone; `None` for reading only.
    _lock: Option<Arc<File>>,
}

impl Folder {
    pub(crate) fn open(path: &Path, read_only: bool, hook: Option<StepHook>) -> Result<Self> {
        let lock = if read_only {
            None
        } else {
            std::fs::create_dir_all(path).map_err(IntelError::io("create", path))?;
            let lock_path = path.join("lock");
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&lock_path)
                .map_err(IntelError::io("open", &lock_path))?;
            match lock.try_lock() {
                Ok(()) => Some(Arc::new(lock)),
                Err(TryLockError::WouldBlock) => return Err(IntelError::InUse(path.to_owned())),
                Err(TryLockError::Error(error)) => {
                    return Err(IntelError::io("lock", &lock_path)(error));
                }
            }
        };
        Ok(Self {
            path: path.to_owned(),
            hook,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// See [`StepHook`].
    pub(crate) fn step(&self, name: &str) -> io::Result<()> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(name))
    }

    /// Makes names durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.step("folder: sync")
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(IntelError::io("sync", &self.path))
    }

    /// Removes our files that nothing names any more.
    pub(crate) fn remove_others(&self, keep: &std::collections::BTreeSet<String>) {
        let ours = |name: &str| {
            name.starts_with("indicators-") && name.ends_with(".log")
                || (name.starts_with("index-") || name.starts_with("staged-"))
                    && name.ends_with(".run")
                || name == "MANIFEST.new"
        };
        for entry in std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if ours(name) && !keep.contains(name) {
                let removed = self
                    .step("folder: remove")
                    .and_then(|()| std::fs::remove_file(entry.path()));
                if let Err(error) = removed {
                    tracing::warn!(file = name, %error, "an old file can't be removed; the next start tries again");
                }
            }
        }
    }

    /// The files' sizes.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten();
        sizes
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Folder").field(&self.path).finish()
    }
}
