//! Where to read: the first start, the stored position found again, and the segment after a finished one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use jiff::tz::TimeZone;

use super::archive::{Forms, Listing, open_if_present};
use super::checkpoint::{FilePosition, Identity, Position};
use super::config::Begin;
use super::fingerprint;
use super::segment::Segment;
use super::segment_name::SegmentName;
use super::{Follower, Place, Step, StepError};

impl Follower {
    /// The first start: no position is stored.
    pub(super) fn begin(&mut self) -> Result<(), StepError> {
        let live = self.open_live()?;
        match self.config.begin {
            Begin::End => {
                tracing::info!(file = %self.label(None), "no position stored: beginning at the end of the file");
                match live {
                    Some(file) => {
                        let offset = last_line_end(&file, self.config.line_limit)
                            .map_err(|error| self.io_trouble(&self.label(None), None, error))?;
                        self.enter_live(file, offset)?;
                    }
                    None => self.begin_behind_newest()?,
                }
            }
            Begin::Start => {
                tracing::info!(file = %self.label(None), "no position stored: beginning at the start of the file");
                match live {
                    Some(file) => self.enter_live(file, 0)?,
                    None => self.begin_behind_newest()?,
                }
            }
            Begin::Time(moment) => {
                tracing::info!(%moment, "no position stored: beginning with the alerts of this time");
                self.not_before = Some(moment);
                let before = last_name_before_day_of(moment);
                self.place = Place::Behind(Some(before));
            }
        }
        // Stored before any alert: a crash after this moment must not begin anew at a later end.
        self.flush()
    }

    /// There is no file yet: what appears from now on is new.
    fn begin_behind_newest(&mut self) -> Result<(), StepError> {
        let listing = self.listing(None)?;
        self.place = Place::Behind(listing.last_key_value().map(|(name, _)| *name));
        Ok(())
    }

    /// Finds the file of a stored position again.
    pub(super) fn resume(&mut self, position: &Position) -> Result<(), StepError> {
        self.not_before = position.not_before;
        self.last_read = position.last_read;
        let Some(stored) = &position.file else {
            self.place = Place::Behind(position.segment);
            return Ok(());
        };
        let listing = self.listing(None)?;
        let live = self.open_live()?;
        let mut overwritten = None;
        if let Some(file) = live {
            let metadata = self.metadata(&file)?;
            let live_name = self.name_of(metadata, &listing)?;
            let same_name = live_name.is_some() && live_name == position.segment;
            let same_file = metadata == stored.identity
                && (live_name.is_none() || position.segment.is_none() || same_name);
            let is_it = if stored.offset > 0 {
                self.content_matches(stored, &file)?
            } else {
                same_name || same_file
            };
            if is_it {
                return self.enter(file, live_name.or(position.segment), stored.offset);
            }
            if same_name || same_file {
                overwritten = Some((file, live_name));
            }
        }
        if let Some(name) = position.segment
            && overwritten.is_none()
            && self.resume_archived(name, stored)?
        {
            return Ok(());
        }
        if stored.offset > 0 && self.resume_by_content(stored, position, &listing)? {
            return Ok(());
        }
        if let Some((file, name)) = overwritten {
            tracing::warn!(
                file = %self.label(name),
                offset = stored.offset,
                "the file was cut or overwritten while nothing followed it; reading it from its start"
            );
            self.status.change(|status| {
                status.truncations += 1;
                status.gaps += 1;
            });
            return self.enter(file, name, 0);
        }
        self.resume_behind_lost(stored, position, &listing);
        Ok(())
    }

    /// Goes on in the archived segment of the stored name, plain or gzip. False where there is none.
    fn resume_archived(
        &mut self,
        name: SegmentName,
        stored: &FilePosition,
    ) -> Result<bool, StepError> {
        if let Some(file) = self.open_archived(name)? {
            if self.content_matches(stored, &file)? {
                self.enter(file, Some(name), stored.offset)?;
                return Ok(true);
            }
            return Ok(false);
        }
        let Some(mut segment) = self.open_gzip(name, stored.offset)? else {
            return Ok(false);
        };
        if segment.lines.fingerprint() != stored.fingerprint {
            return Ok(false);
        }
        self.enter_segment(segment);
        Ok(true)
    }

    /// Looks for the stored content under another name: a renamed file, or one whose name was never known.
    fn resume_by_content(
        &mut self,
        stored: &FilePosition,
        position: &Position,
        listing: &Listing,
    ) -> Result<bool, StepError> {
        let first = position
            .segment
            .or_else(|| position.last_read.map(last_name_before_day_of));
        for (name, forms) in listing {
            if first.is_some_and(|first| *name < first) || position.segment == Some(*name) {
                continue;
            }
            if forms.plain
                && let Some(file) = self.open_archived(*name)?
                && self.content_matches(stored, &file)?
            {
                self.enter(file, Some(*name), stored.offset)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The file of the position is gone. Goes on with what is known to come after it.
    fn resume_behind_lost(
        &mut self,
        stored: &FilePosition,
        position: &Position,
        listing: &Listing,
    ) {
        let after = position
            .segment
            .or_else(|| position.last_read.map(last_name_before_day_of));
        let is_harmless = stored.offset == 0 && follows_closely(position.segment, listing);
        if !is_harmless {
            tracing::warn!(
                segment = %self.label(position.segment),
                offset = stored.offset,
                "the file read last is gone; alerts may be missing"
            );
            self.status.change(|status| status.gaps += 1);
        }
        self.place = Place::Behind(after.filter(|_| !listing.is_empty()));
    }

    /// Opens the segment behind a finished one: the next name in the archive, or the live file.
    pub(super) fn open_next(&mut self, after: Option<SegmentName>) -> Result<Step, StepError> {
        self.flush()?;
        let live = self.open_live()?;
        let mut live_name = None;
        if let Some(file) = &live {
            let listing = self.listing(after)?;
            live_name = self.name_of(self.metadata(file)?, &listing)?;
        }
        let mut waiting = Listing::new();
        if let Some(after) = after {
            waiting = self.listing(Some(after))?;
            waiting.retain(|name, _| {
                *name > after && live_name.is_none_or(|live| live <= after || *name <= live)
            });
            if live_name.is_some_and(|live| live <= after) {
                waiting.clear();
            }
        }
        let behind = waiting.len() as u64;
        self.status
            .change(|status| status.segments_behind = behind.saturating_sub(1));
        if let Some((next, forms)) = waiting.first_key_value()
            && live_name != Some(*next)
        {
            let (next, forms) = (*next, *forms);
            return self.open_waiting(next, forms);
        }
        let Some(file) = live else {
            return Ok(Step::Idle);
        };
        if live_name.is_none() && !self.caught_up {
            tracing::warn!(
                file = %self.label(None),
                "the archive does not show what came before this file; alerts may be missing"
            );
            self.status.change(|status| status.gaps += 1);
        }
        self.enter(file, live_name, 0)?;
        Ok(Step::Busy)
    }

    fn open_waiting(&mut self, name: SegmentName, forms: Forms) -> Result<Step, StepError> {
        if forms.plain
            && let Some(file) = self.open_archived(name)?
        {
            self.enter(file, Some(name), 0)?;
            return Ok(Step::Busy);
        }
        match self.open_gzip(name, 0)? {
            Some(segment) => {
                self.enter_segment(segment);
                Ok(Step::Busy)
            }
            // Gone since the listing (compressed or removed): list again.
            None => Ok(Step::Idle),
        }
    }

    fn enter_live(&mut self, file: File, offset: u64) -> Result<(), StepError> {
        let listing = self.listing(None)?;
        let name = self.name_of(self.metadata(&file)?, &listing)?;
        self.enter(file, name, offset)
    }

    pub(super) fn open_live(&self) -> Result<Option<File>, StepError> {
        open_if_present(&self.config.alerts_json)
            .map_err(|error| self.io_trouble(&self.label(None), None, error))
    }

    pub(super) fn open_archived(&self, name: SegmentName) -> Result<Option<File>, StepError> {
        self.archive
            .open_plain(name)
            .map_err(|error| self.io_trouble(&self.label(Some(name)), Some(name), error))
    }

    fn open_gzip(&self, name: SegmentName, offset: u64) -> Result<Option<Segment>, StepError> {
        let trouble = |error| self.io_trouble(&format!("{name}.gz"), Some(name), error);
        let Some(file) = open_if_present(&self.archive.gzip_path(name)).map_err(trouble)? else {
            return Ok(None);
        };
        Segment::gzip(file, name, offset, self.config.line_limit).map_err(trouble)
    }

    pub(super) fn listing(&self, first: Option<SegmentName>) -> Result<Listing, StepError> {
        let folder = self.config.archive.display().to_string();
        self.archive
            .list_from(first)
            .map_err(|error| self.io_trouble(&folder, None, error))
    }

    pub(super) fn name_of(
        &self,
        identity: Identity,
        listing: &Listing,
    ) -> Result<Option<SegmentName>, StepError> {
        let folder = self.config.archive.display().to_string();
        self.archive
            .name_of(identity, listing)
            .map_err(|error| self.io_trouble(&folder, None, error))
    }

    fn metadata(&self, file: &File) -> Result<Identity, StepError> {
        let metadata = file
            .metadata()
            .map_err(|error| self.io_trouble(&self.label(None), None, error))?;
        Ok(Identity::of(&metadata))
    }

    fn content_matches(&self, stored: &FilePosition, file: &File) -> Result<bool, StepError> {
        fingerprint::matches(&stored.fingerprint, file, stored.offset)
            .map_err(|error| self.io_trouble(&self.label(None), None, error))
    }
}

/// The last name that the day before a moment can have. The manager writes in its local day, which we do not know: one day
/// of slack covers every zone.
fn last_name_before_day_of(moment: jiff::Timestamp) -> SegmentName {
    let day = moment.to_zoned(TimeZone::UTC).date();
    let before = day
        .yesterday()
        .and_then(jiff::civil::Date::yesterday)
        .unwrap_or(day);
    SegmentName {
        part: u32::MAX,
        ..SegmentName::first_of(before)
    }
}

/// True where the archive goes on at most a day after `name`: a segment that held nothing is removed by analysisd itself
/// (`facts/wazuh.md` §2), so its absence means nothing.
fn follows_closely(name: Option<SegmentName>, listing: &Listing) -> bool {
    let Some(name) = name else {
        return false;
    };
    let Some((next, _)) = listing.range(name..).next() else {
        return true;
    };
    let (Some(day), Some(next_day)) = (name.date(), next.date()) else {
        return false;
    };
    day.tomorrow().is_ok_and(|tomorrow| next_day <= tomorrow)
}

/// Offset behind the last newline: an alert that is just being written belongs to what comes.
fn last_line_end(file: &File, line_limit: usize) -> io::Result<u64> {
    const PIECE: usize = 64 * 1024;
    let size = file.metadata()?.len();
    let lowest = size.saturating_sub(line_limit as u64);
    let mut end = size;
    let mut piece = vec![0; PIECE];
    while end > lowest {
        let start = end.saturating_sub(PIECE as u64);
        let length = usize::try_from(end - start).unwrap_or(PIECE);
        file.read_exact_at(&mut piece[..length], start)?;
        if let Some(found) = memchr::memrchr(b'\n', &piece[..length]) {
            return Ok(start + found as u64 + 1);
        }
        end = start;
    }
    Ok(if lowest == 0 { 0 } else { size })
}
