//! The archive folder: finding segments by name order, by inode, in plain or gzip form.
//!
//! Read only at a start, at a rotation and while `alerts.json` is missing; never while following.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::checkpoint::Identity;
use super::segment_name::{SegmentName, month_number};

/// In which form a segment lies on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms {
    pub plain: bool,
    pub gzip: bool,
}

/// Names and forms, in the order of writing.
pub(super) type Listing = BTreeMap<SegmentName, Forms>;

/// The folder that holds `YYYY/Mon/ossec-alerts-DD.json`.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    root: PathBuf,
}

impl Archive {
    pub(super) fn new(root: PathBuf) -> Self {
        Archive { root }
    }

    /// The path of a segment's plain form.
    pub(super) fn plain_path(&self, name: SegmentName) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// The path of a segment's gzip form.
    pub(super) fn gzip_path(&self, name: SegmentName) -> PathBuf {
        self.root.join(format!("{name}.gz"))
    }

    /// The identity of a segment's plain form, `None` where there is none.
    pub(super) fn plain_identity(&self, name: SegmentName) -> io::Result<Option<Identity>> {
        match fs::metadata(self.plain_path(name)) {
            Ok(metadata) => Ok(Some(Identity::of(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All segments from `first` on (all of them for `None`). A folder that does not exist holds none.
    ///
    /// # Errors
    /// Where a folder exists and can't be read.
    pub(super) fn list_from(&self, first: Option<SegmentName>) -> io::Result<Listing> {
        let mut listing = Listing::new();
        for year_name in entry_names(&self.root)? {
            let Some(year) = year_number(&year_name) else {
                continue;
            };
            if first.is_some_and(|first| year < first.year) {
                continue;
            }
            let year_folder = self.root.join(&year_name);
            for month_name in entry_names(&year_folder)? {
                let Some(month) = month_number(&month_name) else {
                    continue;
                };
                if first.is_some_and(|first| (year, month) < (first.year, first.month)) {
                    continue;
                }
                add_month(&mut listing, &year_folder.join(&month_name), year, month)?;
            }
        }
        if let Some(first) = first {
            listing = listing.split_off(&first);
        }
        Ok(listing)
    }

    /// The newest name whose plain form is the file `identity`: `alerts.json` is a hard link to it.
    pub(super) fn name_of(
        &self,
        identity: Identity,
        listing: &Listing,
    ) -> io::Result<Option<SegmentName>> {
        for (name, forms) in listing.iter().rev() {
            if forms.plain && self.plain_identity(*name)? == Some(identity) {
                return Ok(Some(*name));
            }
        }
        Ok(None)
    }

    /// Opens a segment's plain form, `None` where there is none.
    pub(super) fn open_plain(&self, name: SegmentName) -> io::Result<Option<File>> {
        open_if_present(&self.plain_path(name))
    }
}

/// Opens a regular file, `None` where it does not exist. Opening a named pipe would otherwise wait for its writer.
pub(super) fn open_if_present(path: &Path) -> io::Result<Option<File>> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    match File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
    {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// True for "no such file" and for a path that runs through something that is no folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn add_month(listing: &mut Listing, folder: &Path, year: u16, month: u8) -> io::Result<()> {
    for file_name in entry_names(folder)? {
        let Some((name, gzipped)) = SegmentName::from_file_name(year, month, &file_name) else {
            continue;
        };
        let forms = listing.entry(name).or_default();
        if gzipped {
            forms.gzip = true;
        } else {
            forms.plain = true;
        }
    }
    Ok(())
}

fn year_number(name: &str) -> Option<u16> {
    let is_year = name.len() == 4 && name.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| name.parse().ok()).flatten()
}

/// Names in a folder; none where it does not exist. Names that are not UTF-8 are none of Wazuh's.
fn entry_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

impl Identity {
    /// Device and inode.
    pub(super) fn of(metadata: &fs::Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}
