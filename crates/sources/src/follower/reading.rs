//! Reading on in the open segment: lines into batches, the end of a segment, and what can't be read.

use std::fs;
use std::io;

use bytes::Bytes;
use jiff::SignedDuration;

use super::archive::is_absent;
use super::checkpoint::{FilePosition, Identity, Position};
use super::fingerprint::History;
use super::lines::{HEAD_LIMIT, Line, LineBuffer, LineText};
use super::segment::{Reading, Segment};
use super::segment_name::SegmentName;
use super::timestamp::first_timestamp;
use super::{Follower, IoTrouble, Place, Step, StepError, Unreadable};
use crate::intake::Record;

/// Most records in a batch.
const BATCH_RECORDS: usize = 4096;

/// A batch of this many bytes takes no further line.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Behind a line this much later than the wanted beginning no earlier one is expected: analysisd's threads write nearly in
/// the order of time.
const ORDER_SLACK: SignedDuration = SignedDuration::from_hours(1);

impl Follower {
    /// Reads one block of the open segment, or finds that there is no more.
    pub(super) fn read_on(&mut self) -> Result<Step, StepError> {
        let Place::Inside(segment) = &mut self.place else {
            return Ok(Step::Busy);
        };
        match segment.read() {
            Ok(Reading::Bytes) => {
                self.last_read = Some((self.config.clock)());
                self.ended_quietly = false;
                self.take_lines()?;
                Ok(Step::Busy)
            }
            Ok(Reading::End) => self.at_end(),
            Ok(Reading::Truncated { unread }) => {
                self.begin_anew(unread)?;
                Ok(Step::Busy)
            }
            Err(error) => Err(self.trouble_inside(error)),
        }
    }

    /// Moves the whole lines of the block into batches, and submits the full ones.
    fn take_lines(&mut self) -> Result<(), StepError> {
        loop {
            if self.records.len() >= BATCH_RECORDS || self.records_size >= BATCH_BYTES {
                self.flush()?;
            }
            let Place::Inside(segment) = &mut self.place else {
                return Ok(());
            };
            let Some(line) = segment.lines.next_line() else {
                return Ok(());
            };
            self.add(line);
        }
    }

    /// Adds a line to the batch, unless a first start "from a time" skips it.
    fn add(&mut self, line: Line) {
        let Place::Inside(segment) = &self.place else {
            return;
        };
        let place = format_args!("{}@{}", segment.label, line.start);
        if self.records.is_empty() {
            self.records_place = place.to_string();
        }
        let record = match line.text {
            LineText::Overlong { head, length } => {
                let why = format!(
                    "line of {length} bytes is longer than the limit of {} bytes",
                    self.config.line_limit
                );
                self.status.change(|status| status.unreadable += 1);
                self.records_size += head.len();
                Record::Unreadable {
                    head,
                    place: place.to_string(),
                    why,
                }
            }
            LineText::Whole(text) => {
                if let Some(not_before) = self.not_before
                    && let Some(timestamp) = first_timestamp(&text)
                {
                    if timestamp < not_before {
                        return;
                    }
                    if timestamp.duration_since(not_before) >= ORDER_SLACK {
                        self.not_before = None;
                    }
                }
                self.records_size += text.len();
                Record::Alert(text)
            }
        };
        self.records.push(record);
    }

    /// Submits what was collected, with the position behind it; nothing where neither is new.
    pub(super) fn flush(&mut self) -> Result<(), StepError> {
        let end = match &self.place {
            Place::Unplaced | Place::Behind(_) => (None, 0),
            Place::Inside(segment) => (Some(segment.identity), segment.lines.boundary()),
        };
        if self.records.is_empty() && self.submitted == Some(end) {
            return Ok(());
        }
        let position = self.position();
        let records = std::mem::take(&mut self.records);
        let place = std::mem::take(&mut self.records_place);
        self.records_size = 0;
        self.delivery.submit(records, place, position)?;
        self.submitted = Some(end);
        Ok(())
    }

    pub(super) fn position(&mut self) -> Position {
        let (segment, file) = match &mut self.place {
            Place::Unplaced => (None, None),
            Place::Behind(after) => (*after, None),
            Place::Inside(segment) => (segment.name, Some(segment.position())),
        };
        Position {
            segment,
            behind: if segment.is_none() { self.behind } else { None },
            file,
            not_before: self.not_before,
            last_read: self.last_read,
        }
    }

    /// At the end of what there is: over, or only not written yet?
    fn at_end(&mut self) -> Result<Step, StepError> {
        self.flush()?;
        let Place::Inside(segment) = &self.place else {
            return Ok(Step::Busy);
        };
        if segment.is_gzip() {
            return self.finish();
        }
        let identity = segment.identity;
        let live = self.live_identity()?;
        if live == Some(identity) {
            self.caught_up_at = Some((self.config.clock)());
            self.ended_quietly = false;
            return Ok(Step::Idle);
        }
        // While `alerts.json` is missing (an instant at each rotation; longer if someone removed it), or is an old copy of
        // this very file (someone edited it; analysisd goes on writing here), only a newer segment in the archive shows
        // that this one has ended.
        if !self.live_has_other_content()? && !self.archive_has_newer()? {
            return Ok(Step::Idle);
        }
        // The writer may have flushed to this file between our read and the switch we saw: look once more.
        if !self.ended_quietly {
            self.ended_quietly = true;
            return Ok(Step::Idle);
        }
        self.finish()
    }

    /// False where nothing stands at `alerts.json`, or an unnamed file that holds only the beginning of the open one.
    fn live_has_other_content(&self) -> Result<bool, StepError> {
        let (Place::Inside(segment), Some(live)) = (&self.place, self.open_live()?) else {
            return Ok(false);
        };
        let listing = self.listing(segment.name.or(self.behind))?;
        let live_name = self.name_of(self.identity(&live)?, &listing)?;
        if live_name.is_some() && live_name != segment.name {
            return Ok(true); // the next segment, though it may still be empty
        }
        let is_copy = segment
            .begins_with(&live)
            .map_err(|error| self.trouble(Unreadable::Live, error))?;
        Ok(!is_copy)
    }

    fn archive_has_newer(&self) -> Result<bool, StepError> {
        let Place::Inside(segment) = &self.place else {
            return Ok(false);
        };
        let Some(name) = segment.name else {
            return Ok(false);
        };
        let listing = self.listing(Some(name))?;
        Ok(listing
            .last_key_value()
            .is_some_and(|(last, _)| *last > name))
    }

    /// Leaves the segment that has ended, its unfinished last line included.
    fn finish(&mut self) -> Result<Step, StepError> {
        if self.go_on_in_copy()? {
            return Ok(Step::Busy);
        }
        let Place::Inside(segment) = &mut self.place else {
            return Ok(Step::Busy);
        };
        let identity = segment.identity;
        let known_name = segment.name;
        let rest = segment.lines.take_rest();
        if let Some(line) = rest {
            self.add(line);
        }
        let name = match known_name {
            Some(name) => Some(name),
            // The archive may have been unreadable when the file was opened.
            None => {
                let listing = self.listing(None)?;
                self.name_of(identity, &listing)?.or(self.behind)
            }
        };
        self.flush()?;
        self.status.change(|status| status.segments_caught_up += 1);
        self.place = Place::Behind(name);
        Ok(Step::Busy)
    }

    /// Where the file was replaced by a copy of itself, goes on in the copy at the same place. integratord reads the whole
    /// copy again (`facts/wazuh.md` §1.1).
    fn go_on_in_copy(&mut self) -> Result<bool, StepError> {
        let Place::Inside(segment) = &mut self.place else {
            return Ok(false);
        };
        let boundary = segment.lines.boundary();
        let read_to = FilePosition {
            identity: segment.identity,
            offset: segment.lines.read_to(),
            fingerprint: segment.lines.history_to_read_end().fingerprint(),
        };
        let name = segment.name;
        if let Some(name) = name
            // An archived file that can't be opened is none we could go on in.
            && let Ok(Some(file)) = self.archive.open_plain(name)
            && self.is_copy_of(&file, &read_to, true)?
        {
            self.enter(file, Some(name), boundary, Unreadable::Archived(name))?;
            return Ok(true);
        }
        let Some(file) = self.open_live()? else {
            return Ok(false);
        };
        // A file with a name of its own in the archive is the next segment, not a copy. Where there may be a next segment
        // without one, a few equal bytes of an unfinished first line prove nothing.
        let live_name = self.name_of(self.identity(&file)?, &self.listing(None)?)?;
        let may_be_copy = match name {
            Some(_) if live_name.is_some() && live_name != name => false,
            Some(_) => boundary > 0 || (read_to.offset > 0 && !self.archive_has_newer()?),
            None => live_name.is_none() && boundary > 0,
        };
        if may_be_copy && self.is_copy_of(&file, &read_to, false)? {
            tracing::info!(file = %self.label(name), "alerts.json was replaced by a copy; going on in it");
            self.enter(file, name, boundary, Unreadable::Live)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// True where `file` is another file than the one read, holds the same content up to there, and more if `longer` is set.
    fn is_copy_of(
        &self,
        file: &fs::File,
        read_to: &FilePosition,
        longer: bool,
    ) -> Result<bool, StepError> {
        let trouble = |error| self.trouble(Unreadable::Live, error);
        let metadata = file.metadata().map_err(trouble)?;
        if Identity::of(&metadata) == read_to.identity
            || (longer && metadata.len() <= read_to.offset)
        {
            return Ok(false);
        }
        self.content_matches(read_to, file, Unreadable::Live)
    }

    /// The file was cut or overwritten in place: its new content is read from the start. integratord keeps its old offset and
    /// loses everything up to it (`facts/wazuh.md` §1.1).
    fn begin_anew(&mut self, unread: u64) -> Result<(), StepError> {
        let Place::Inside(segment) = &mut self.place else {
            return Ok(());
        };
        // What was read of an unfinished line is all that is left of it.
        let rest = segment.lines.take_rest();
        let label = segment.label.clone();
        if let Some(line) = rest {
            self.add(line);
        }
        self.flush()?;
        tracing::warn!(file = %label, unread, "the file was cut or overwritten in place; reading it anew");
        self.status.change(|status| {
            status.truncations += 1;
            status.gaps += u64::from(unread > 0);
        });
        if let Place::Inside(segment) = &mut self.place {
            segment.lines = LineBuffer::new(0, History::default(), self.config.line_limit);
            segment.size = 0;
        }
        self.submitted = None;
        Ok(())
    }

    /// Gives up what can't be read: an archived segment becomes one unreadable record. Never the live file.
    pub(super) fn give_up(&mut self, name: SegmentName, trouble: &IoTrouble) {
        let (mut head, mut offset) = (Bytes::new(), 0);
        if let Place::Inside(segment) = &self.place {
            let pending = segment.lines.pending();
            head = Bytes::copy_from_slice(&pending[..pending.len().min(HEAD_LIMIT)]);
            offset = segment.lines.boundary();
        }
        let (place, why) = (
            format!("{}@{offset}", trouble.place),
            trouble.error.to_string(),
        );
        tracing::warn!(%place, error = %why, "an archived segment can't be read to its end; going on behind it");
        if self.records.is_empty() {
            self.records_place.clone_from(&place);
        }
        self.records.push(Record::Unreadable { head, place, why });
        self.status.change(|status| status.unreadable += 1);
        self.count_gap();
        self.place = Place::Behind(Some(name));
        self.trouble_looks = 1;
    }

    /// Trouble while reading the open segment.
    fn trouble_inside(&self, error: io::Error) -> StepError {
        let Place::Inside(segment) = &self.place else {
            return self.trouble(Unreadable::Live, error);
        };
        let is_live = self.live_identity().ok().flatten() == Some(segment.identity);
        let what = match segment.name {
            Some(name) if !is_live => Unreadable::Archived(name),
            _ => Unreadable::Live,
        };
        StepError::Io(IoTrouble {
            place: segment.label.clone(),
            what,
            error,
        })
    }

    /// What stands at `alerts.json` now.
    pub(super) fn live_identity(&self) -> Result<Option<Identity>, StepError> {
        match fs::metadata(&self.config.alerts_json) {
            Ok(metadata) => Ok(Some(Identity::of(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.trouble(Unreadable::Live, error)),
        }
    }

    /// The archive name, or the path of the live file.
    pub(super) fn label(&self, name: Option<SegmentName>) -> String {
        name.map_or_else(
            || self.config.alerts_json.display().to_string(),
            |name| name.to_string(),
        )
    }

    pub(super) fn trouble(&self, what: Unreadable, error: io::Error) -> StepError {
        let place = match what {
            Unreadable::Archive => self.config.archive.display().to_string(),
            Unreadable::Archived(name) => name.to_string(),
            Unreadable::Live => self.label(None),
        };
        StepError::Io(IoTrouble { place, what, error })
    }

    /// Goes into an open plain file at `offset`; `what` it is decides how long trouble with it is waited out.
    pub(super) fn enter(
        &mut self,
        file: fs::File,
        name: Option<SegmentName>,
        offset: u64,
        what: Unreadable,
    ) -> Result<(), StepError> {
        let label = self.label(name);
        let segment = Segment::plain(file, name, label, offset, self.config.line_limit)
            .map_err(|error| self.trouble(what, error))?;
        self.enter_segment(segment);
        Ok(())
    }

    pub(super) fn enter_segment(&mut self, segment: Segment) {
        let label = segment.label.clone();
        self.status.change(|status| status.file = label);
        self.ended_quietly = false;
        self.gap_told = false;
        self.place = Place::Inside(Box::new(segment));
    }
}
