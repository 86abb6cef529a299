//! Where to read: the first start, the stored position found again, and the segment after a finished one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::archive::{Forms, Listing, open_if_present};
use super::checkpoint::{FilePosition, Identity, Position};
use super::config::Begin;
use super::fingerprint;
use super::segment::Segment;
use super::segment_name::SegmentName;
use super::{Follower, Place, Step, StepError, Unreadable};

/// A tenth of the shortest `rotate_interval` analysisd takes (600 s, `facts/wazuh.md` §2).
const ROTATION_AT_LEAST: SignedDuration = SignedDuration::from_secs(60);

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
                            .map_err(|error| self.trouble(Unreadable::Live, error))?;
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
        // Stored before any alert: neither a refusal nor a crash may begin anew at a later end.
        let position = self.position();
        self.delivery.begin_at(None, position);
        self.flush()
    }

    /// There is no file yet: what appears from now on is new.
    fn begin_behind_newest(&mut self) -> Result<(), StepError> {
        let listing = self.listing(None)?;
        self.place = Place::Behind(listing.last_key_value().map(|(name, _)| *name));
        self.gap_told = true; // nothing was to be read before
        Ok(())
    }

    /// Finds the file of a stored position again.
    pub(super) fn resume(&mut self, position: &Position) -> Result<(), StepError> {
        self.behind = position.behind;
        self.not_before = position.not_before;
        self.last_read = position.last_read;
        let Some(stored) = &position.file else {
            self.place = Place::Behind(position.segment);
            return Ok(());
        };
        let listing = self.listing(None)?;
        let live = self.open_live()?;
        if live.is_none() && listing.is_empty() {
            return Ok(()); // the whole folder is away: wait for it
        }
        let mut overwritten = None;
        if let Some(file) = live {
            let identity = self.identity(&file)?;
            let live_name = self.name_of(identity, &listing)?;
            let same_name = live_name.is_some() && live_name == position.segment;
            // An inode is reused at once on ext4: it counts only where there are no names.
            let same_file =
                identity == stored.identity && (position.segment.is_none() || listing.is_empty());
            let is_other_segment = live_name.is_some() && position.segment.is_some() && !same_name;
            let is_it = if is_other_segment {
                false
            } else if stored.offset > 0 {
                self.content_matches(stored, &file, Unreadable::Live)?
            } else {
                same_name || same_file
            };
            if is_it {
                let name = live_name.or(position.segment);
                return self.enter(file, name, stored.offset, Unreadable::Live);
            }
            if same_name || same_file {
                overwritten = Some((file, live_name));
            }
        }
        if let Some(name) = position.segment
            && self.resume_archived(name, stored)?
        {
            return Ok(());
        }
        if stored.offset > 0 && self.resume_by_content(stored, position, &listing)? {
            return Ok(());
        }
        let forms = position
            .segment
            .and_then(|name| listing.get(&name).map(|forms| (name, *forms)));
        if forms.is_none() && overwritten.is_none() {
            self.resume_behind_lost(stored, position, &listing);
            return Ok(());
        }
        tracing::warn!(
            file = %self.label(position.segment),
            offset = stored.offset,
            "the file was cut or overwritten while nothing followed it; reading it from its start"
        );
        self.status.change(|status| {
            status.truncations += 1;
            status.gaps += 1;
        });
        match (forms, overwritten) {
            (Some((name, forms)), _) => self.open_waiting(name, forms).map(|_| ()),
            (None, Some((file, name))) => self.enter(file, name, 0, Unreadable::Live),
            (None, None) => Ok(()),
        }
    }

    /// Goes on in the archived segment of the stored name, plain or gzip. False where there is none.
    fn resume_archived(
        &mut self,
        name: SegmentName,
        stored: &FilePosition,
    ) -> Result<bool, StepError> {
        if let Some(file) = self.open_archived(name)? {
            let what = Unreadable::Archived(name);
            if self.content_matches(stored, &file, what)? {
                self.enter(file, Some(name), stored.offset, what)?;
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
                && self.content_matches(stored, &file, Unreadable::Archived(*name))?
            {
                let what = Unreadable::Archived(*name);
                self.enter(file, Some(*name), stored.offset, what)?;
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
            .or(position.behind)
            .or_else(|| position.last_read.map(last_name_before_day_of));
        let is_harmless = stored.offset == 0 && follows_closely(position.segment, listing);
        if !is_harmless {
            tracing::warn!(
                segment = %self.label(position.segment),
                offset = stored.offset,
                "the file read last is gone; alerts may be missing"
            );
            self.count_gap();
        }
        self.place = Place::Behind(after.filter(|_| !listing.is_empty()));
    }

    /// Opens the segment behind a finished one: the next name in the archive, or the live file.
    pub(super) fn open_next(&mut self, after: Option<SegmentName>) -> Result<Step, StepError> {
        if !self.records.is_empty() {
            self.flush()?;
        }
        let live = self.open_live()?;
        // The whole archive only where the live file's name is looked for: it may be an older one (a clock set back).
        let listing = match (&live, after) {
            (None, None) => Listing::new(),
            (None, Some(_)) => self.listing(after)?,
            (Some(_), _) => self.listing(None)?,
        };
        let live_name = match &live {
            Some(file) => self.name_of(self.identity(file)?, &listing)?,
            None => None,
        };
        let mut waiting = listing;
        waiting.retain(|name, _| {
            after.is_some_and(|after| *name > after) && live_name.is_none_or(|live| *name <= live)
        });
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
            self.flush()?;
            return Ok(Step::Idle);
        };
        if live_name.is_none() && !self.was_caught_up_lately() {
            tracing::warn!(
                file = %self.label(None),
                "the archive does not show what came before this file; alerts may be missing"
            );
            self.count_gap();
        }
        self.behind = after;
        self.enter(file, live_name, 0, Unreadable::Live)?;
        Ok(Step::Busy)
    }

    /// True where the old file was seen at `alerts.json` so lately that there was hardly time for two rotations.
    fn was_caught_up_lately(&self) -> bool {
        let now = (self.config.clock)();
        self.caught_up_at
            .is_some_and(|then| now.duration_since(then) < ROTATION_AT_LEAST)
    }

    fn open_waiting(&mut self, name: SegmentName, forms: Forms) -> Result<Step, StepError> {
        if forms.plain
            && let Some(file) = self.open_archived(name)?
        {
            self.enter(file, Some(name), 0, Unreadable::Archived(name))?;
            return Ok(Step::Busy);
        }
        match self.open_gzip(name, 0)? {
            Some(segment) => {
                self.enter_segment(segment);
                Ok(Step::Busy)
            }
            // Compressed or removed since the listing: the next look lists again. A dangling link stays, and is given up.
            None => {
                let gone = io::Error::from(io::ErrorKind::NotFound);
                Err(self.trouble(Unreadable::Archived(name), gone))
            }
        }
    }

    fn enter_live(&mut self, file: File, offset: u64) -> Result<(), StepError> {
        let listing = self.listing(None)?;
        let name = self.name_of(self.identity(&file)?, &listing)?;
        self.enter(file, name, offset, Unreadable::Live)
    }

    pub(super) fn open_live(&self) -> Result<Option<File>, StepError> {
        open_if_present(&self.config.alerts_json)
            .map_err(|error| self.trouble(Unreadable::Live, error))
    }

    pub(super) fn open_archived(&self, name: SegmentName) -> Result<Option<File>, StepError> {
        self.archive
            .open_plain(name)
            .map_err(|error| self.trouble(Unreadable::Archived(name), error))
    }

    fn open_gzip(&self, name: SegmentName, offset: u64) -> Result<Option<Segment>, StepError> {
        let trouble = |error| self.trouble(Unreadable::Archived(name), error);
        let Some(file) = open_if_present(&self.archive.gzip_path(name)).map_err(trouble)? else {
            return Ok(None);
        };
        Segment::gzip(file, name, offset, self.config.line_limit, &self.stop).map_err(trouble)
    }

    /// The archive's segments from `first` on; none once the archive has been given up and still can't be read.
    pub(super) fn listing(&self, first: Option<SegmentName>) -> Result<Listing, StepError> {
        match self.archive.list_from(first) {
            Err(error) if !self.archive_given_up => Err(self.trouble(Unreadable::Archive, error)),
            listing => Ok(listing.unwrap_or_default()),
        }
    }

    pub(super) fn name_of(
        &self,
        identity: Identity,
        listing: &Listing,
    ) -> Result<Option<SegmentName>, StepError> {
        match self.archive.name_of(identity, listing) {
            Err(error) if !self.archive_given_up => Err(self.trouble(Unreadable::Archive, error)),
            name => Ok(name.unwrap_or_default()),
        }
    }

    pub(super) fn identity(&self, file: &File) -> Result<Identity, StepError> {
        let metadata = file
            .metadata()
            .map_err(|error| self.trouble(Unreadable::Live, error))?;
        Ok(Identity::of(&metadata))
    }

    pub(super) fn content_matches(
        &self,
        stored: &FilePosition,
        file: &File,
        what: Unreadable,
    ) -> Result<bool, StepError> {
        fingerprint::matches(&stored.fingerprint, file, stored.offset)
            .map_err(|error| self.trouble(what, error))
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
