//! Reading on in the open segment: lines into batches, the end of a segment, and what can't be read.

use std::fs;
use std::io;

use bytes::Bytes;
use jiff::SignedDuration;

use super::archive::is_absent;
use super::checkpoint::{Identity, Position};
use super::fingerprint::{self, History};
use super::lines::{HEAD_LIMIT, Line, LineBuffer, LineText};
use super::segment::{Reading, Segment};
use super::segment_name::SegmentName;
use super::timestamp::first_timestamp;
use super::{Follower, IoTrouble, Place, Step, StepError};
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
                self.caught_up = false;
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
        let position = self.position();
        let ends_at = position.file.as_ref().map(|file| file.identity);
        let offset = position.file.as_ref().map_or(0, |file| file.offset);
        if self.records.is_empty() && self.submitted == Some((ends_at, offset)) {
            return Ok(());
        }
        let records = std::mem::take(&mut self.records);
        let place = std::mem::take(&mut self.records_place);
        self.records_size = 0;
        self.delivery.submit(records, place, position)?;
        self.submitted = Some((ends_at, offset));
        Ok(())
    }

    fn position(&mut self) -> Position {
        let (segment, file) = match &mut self.place {
            Place::Unplaced => (None, None),
            Place::Behind(after) => (*after, None),
            Place::Inside(segment) => (segment.name, Some(segment.position())),
        };
        Position {
            segment,
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
            self.caught_up = true;
            self.ended_quietly = false;
            return Ok(Step::Idle);
        }
        // While `alerts.json` is missing (an instant at each rotation; longer if someone removed it), only a newer
        // segment in the archive shows that this one has ended.
        if live.is_none() && !self.archive_has_newer()? {
            return Ok(Step::Idle);
        }
        // The writer may have flushed to this file between our read and the switch we saw: look once more.
        if !self.ended_quietly {
            self.ended_quietly = true;
            return Ok(if self.caught_up {
                Step::Idle
            } else {
                Step::Busy
            });
        }
        self.finish()
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
                self.name_of(identity, &listing)?
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
        let position = segment.position();
        let name = segment.name;
        let in_archive = match name {
            Some(name) => self.open_archived(name)?,
            None => None,
        };
        for (file, is_live) in [(in_archive, false), (self.open_live()?, true)] {
            let Some(file) = file else {
                continue;
            };
            let label = self.label(name);
            let trouble = |error| self.io_trouble(&label, None, error);
            let metadata = file.metadata().map_err(trouble)?;
            let is_longer = metadata.len() > position.offset;
            // Before the first byte any file looks like a copy: only one of the same name is.
            let may_be_copy = if is_live {
                position.offset > 0
            } else {
                is_longer
            };
            if Identity::of(&metadata) == position.identity || !may_be_copy {
                continue;
            }
            if fingerprint::matches(&position.fingerprint, &file, position.offset)
                .map_err(trouble)?
            {
                tracing::info!(file = %label, "alerts.json was replaced by a copy; going on in it");
                self.enter(file, name, position.offset)?;
                return Ok(true);
            }
        }
        Ok(false)
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
    pub(super) fn give_up(&mut self, trouble: &IoTrouble) {
        let Some(name) = trouble.archived else {
            return;
        };
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
        self.status.change(|status| {
            status.unreadable += 1;
            status.gaps += 1;
        });
        self.place = Place::Behind(Some(name));
        self.trouble_looks = 1;
    }

    /// Trouble while reading the open segment.
    fn trouble_inside(&self, error: io::Error) -> StepError {
        let Place::Inside(segment) = &self.place else {
            return self.io_trouble("", None, error);
        };
        let is_live = self.live_identity().ok().flatten() == Some(segment.identity);
        let archived = segment.name.filter(|_| !is_live);
        self.io_trouble(&segment.label, archived, error)
    }

    /// What stands at `alerts.json` now.
    pub(super) fn live_identity(&self) -> Result<Option<Identity>, StepError> {
        match fs::metadata(&self.config.alerts_json) {
            Ok(metadata) => Ok(Some(Identity::of(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.io_trouble(&self.label(None), None, error)),
        }
    }

    /// The archive name, or the path of the live file.
    pub(super) fn label(&self, name: Option<SegmentName>) -> String {
        name.map_or_else(
            || self.config.alerts_json.display().to_string(),
            |name| name.to_string(),
        )
    }

    pub(super) fn io_trouble(
        &self,
        place: &str,
        archived: Option<SegmentName>,
        error: io::Error,
    ) -> StepError {
        let lasting = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
        );
        StepError::Io(IoTrouble {
            place: place.to_owned(),
            archived,
            lasting,
            error,
        })
    }

    /// Goes into an open plain file at `offset`.
    pub(super) fn enter(
        &mut self,
        file: fs::File,
        name: Option<SegmentName>,
        offset: u64,
    ) -> Result<(), StepError> {
        let label = self.label(name);
        let segment = Segment::plain(file, name, label.clone(), offset, self.config.line_limit)
            .map_err(|error| self.io_trouble(&label, None, error))?;
        self.enter_segment(segment);
        Ok(())
    }

    pub(super) fn enter_segment(&mut self, segment: Segment) {
        let label = segment.label.clone();
        self.status.change(|status| status.file = label);
        self.caught_up = false;
        self.ended_quietly = false;
        self.place = Place::Inside(Box::new(segment));
    }
}
