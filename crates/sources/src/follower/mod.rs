//! Follows `alerts.json`: every line once, in order, through rotations, archives and restarts.
//!
//! # What is promised
//! 1. The position moves only in the transaction that keeps the records before it: it travels inside the [`Batch`] and is
//!    read back from the [`Intake`] at the next start. Relative to that position every line is delivered exactly once.
//! 2. A file is left only when it has ended: another file stands at `alerts.json`, nothing came for one more look, and what
//!    is behind its last newline was delivered too. The next file is the next name in the archive, so no segment between
//!    is passed over (integratord skips all but the newest, `facts/wazuh.md` §1.1).
//! 3. Content decides what a file is, not its name or inode: before new bytes are read, the bytes before the position must
//!    still be there. A copy goes on where the original stood; a file cut or overwritten in place begins anew.
//! 4. What can't be read is told: one [`Record::Unreadable`] for a line over the limit or a damaged archive, a warning and
//!    a count (`gaps`) where alerts may be missing. Nothing behind it waits for it.
//!
//! What nobody can see: bytes written and cut away again between two looks (100 ms). Wazuh itself never cuts the file.
//!
//! # After a crash
//! | crash | at the next start |
//! |---|---|
//! | before the batch was committed | the batch is read again |
//! | after the commit, before the receipt | nothing is repeated: the position went with the batch |
//! | during a rotation | the old segment is found by name or content, plain or gzip, and read to its end first |
//!
//! # How
//! A plain thread with blocking calls. Blocks of 1 MiB are cut into [`bytes::Bytes`] slices without copying; two batches
//! are in flight while the next is read; a slow intake stops the reading, so memory is bounded. Idle, it makes one `fstat`
//! and one `stat` per look, four to ten times a second.

mod archive;
mod checkpoint;
mod config;
mod delivery;
mod fingerprint;
mod lines;
mod placement;
mod reading;
mod segment;
mod segment_name;
mod status;
mod timestamp;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use self::archive::Archive;
pub use self::checkpoint::CheckpointError;
use self::checkpoint::{Identity, Position};
pub use self::config::{Begin, DEFAULT_ALERTS_JSON, DEFAULT_LINE_LIMIT, FollowerConfig};
pub use self::delivery::Stop;
use self::delivery::{Delivery, Halt, SOURCE};
use self::segment::Segment;
use self::segment_name::SegmentName;
pub use self::status::{FollowerSnapshot, FollowerStatus};
#[cfg(doc)]
use crate::intake::Batch;
use crate::intake::{Intake, Record, Rejected};

/// Looks without news after which the follower looks less often.
const SHORT_LOOKS: u32 = 10;
/// `alerts.json` is absent for an instant at each rotation; this is longer.
const ABSENCE_PATIENCE: Duration = Duration::from_secs(60);

/// Why a follower ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The stored position can't be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The operating system gave no thread.
    #[error("no thread for the follower ({0}); raise the service's task limit")]
    Thread(#[from] io::Error),
}

/// Where the follower is between two steps.
enum Place {
    /// Must find its position again: at the start, after a refusal.
    Unplaced,
    /// Behind a finished segment, before the next one. `None`: nothing is known before the live file.
    Behind(Option<SegmentName>),
    /// In a segment.
    Inside(Box<Segment>),
}

/// What one step did.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    Busy,
    /// Nothing to do until later.
    Idle,
}

/// Why a step failed.
#[derive(Debug)]
enum StepError {
    Checkpoint(CheckpointError),
    Halt(Halt),
    Io(IoTrouble),
}

/// A file or folder that can't be read.
#[derive(Debug)]
struct IoTrouble {
    place: String,
    what: Unreadable,
    error: io::Error,
}

/// What can't be read, which decides how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unreadable {
    /// The archive's folders: for a while, then they count as empty.
    Archive,
    /// An archived segment: for a while, then it is given up. At once where its data is damaged.
    Archived(SegmentName),
    /// The live file: for ever.
    Live,
}

/// Reads `alerts.json` and hands its lines to an [`Intake`].
///
/// ```no_run
/// # use std::sync::Arc;
/// # use alertbridge_sources::{Follower, FollowerConfig, Intake};
/// # fn example(intake: Arc<dyn Intake>, clock: fn() -> jiff::Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let follower = Follower::new(FollowerConfig::new("/var/ossec/logs/alerts/alerts.json", clock), intake);
/// let handle = follower.spawn()?;
/// println!("{} bytes behind", handle.status().snapshot().lag_bytes);
/// handle.stop();
/// handle.join()?;
/// # Ok(())
/// # }
/// ```
pub struct Follower {
    config: FollowerConfig,
    archive: Archive,
    intake: Arc<dyn Intake>,
    delivery: Delivery,
    status: Arc<FollowerStatus>,
    stop: Stop,
    place: Place,
    /// The stored position was asked for.
    asked: bool,
    /// Records of the next batch, their size in bytes, and where the first one stood.
    records: Vec<Record>,
    records_size: usize,
    records_place: String,
    /// Where the last submitted batch ended.
    submitted: Option<(Option<Identity>, u64)>,
    not_before: Option<Timestamp>,
    last_read: Option<Timestamp>,
    /// When a file that stood at `alerts.json` was last seen read to its end.
    caught_up_at: Option<Timestamp>,
    /// The archive's folders could not be read for so long that they count as empty.
    archive_given_up: bool,
    /// The gap before the next segment has been counted already.
    gap_told: bool,
    /// The archive's last segment before the current file, for a current file without a name there.
    behind: Option<SegmentName>,
    /// The current file is no longer at `alerts.json`, and one look since brought nothing.
    ended_quietly: bool,
    /// How long the present trouble has lasted, in looks.
    trouble_looks: u32,
    /// How long nothing has stood at `alerts.json`.
    absent_for: Duration,
}

/// Controls a follower that runs in its own thread.
#[derive(Debug)]
pub struct FollowerHandle {
    stop: Stop,
    status: Arc<FollowerStatus>,
    thread: JoinHandle<Result<(), FollowerError>>,
}

impl Follower {
    /// A follower that has not read anything yet.
    #[must_use]
    pub fn new(config: FollowerConfig, intake: Arc<dyn Intake>) -> Self {
        let stop = Stop::default();
        Follower {
            archive: Archive::new(config.archive.clone()),
            delivery: Delivery::new(Arc::clone(&intake), stop.clone()),
            config,
            intake,
            status: Arc::default(),
            stop,
            place: Place::Unplaced,
            asked: false,
            records: Vec::new(),
            records_size: 0,
            records_place: String::new(),
            submitted: None,
            not_before: None,
            last_read: None,
            caught_up_at: None,
            archive_given_up: false,
            gap_told: false,
            behind: None,
            ended_quietly: false,
            trouble_looks: 0,
            absent_for: Duration::ZERO,
        }
    }

    /// What the follower says about itself, kept up to date while it runs.
    #[must_use]
    pub fn status(&self) -> Arc<FollowerStatus> {
        Arc::clone(&self.status)
    }

    /// Ends the follower from another thread.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Runs in a thread of its own.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn spawn(self) -> Result<FollowerHandle, FollowerError> {
        let (stop, status) = (self.stop_handle(), self.status());
        let thread = std::thread::Builder::new()
            .name("follower".to_owned())
            .spawn(move || self.run())?;
        Ok(FollowerHandle {
            stop,
            status,
            thread,
        })
    }

    /// Follows until it is stopped, in the calling thread.
    ///
    /// # Errors
    /// Where the stored position can't be used; nothing is read then. Trouble with files or the ledger is waited out.
    pub fn run(mut self) -> Result<(), FollowerError> {
        self.stop.attach();
        let mut idle_looks = 0;
        while !self.stop.is_requested() {
            self.status.change(|status| status.rounds += 1);
            match self.step() {
                Ok(Step::Busy) => idle_looks = 0,
                Ok(Step::Idle) => {
                    idle_looks += 1;
                    let interval = self.config.poll_interval;
                    let is_short = idle_looks <= SHORT_LOOKS;
                    let interval = if is_short { interval } else { interval * 5 / 2 };
                    self.look_for_live_file(interval);
                    self.stop.sleep(interval);
                }
                Err(StepError::Checkpoint(error)) => return Err(error.into()),
                Err(StepError::Halt(Halt::Stopping)) => return Ok(()),
                Err(StepError::Halt(Halt::Refused(why))) => self.rewind(&why),
                Err(StepError::Io(_)) if self.stop.is_requested() => return Ok(()),
                Err(StepError::Io(trouble)) => {
                    self.wait_out(&trouble);
                    self.stop.sleep(self.config.poll_interval);
                }
            }
            self.report();
        }
        Ok(())
    }

    /// Tells when nothing has stood at `alerts.json` for so long that it is no rotation: a wrong path must not look like a
    /// quiet night. Called when idle, `interval` after the last time.
    fn look_for_live_file(&mut self, interval: Duration) {
        let was_missed = self.absent_for >= ABSENCE_PATIENCE;
        if self.config.alerts_json.exists() {
            self.absent_for = Duration::ZERO;
            if was_missed {
                tracing::info!(file = %self.label(None), "the file is there");
                self.status.change(|status| status.trouble = None);
            }
            return;
        }
        self.absent_for = self.absent_for.saturating_add(interval);
        if !was_missed && self.absent_for >= ABSENCE_PATIENCE {
            let text = format!(
                "{} does not exist; is the path right, and <jsonout_output> on in ossec.conf?",
                self.config.alerts_json.display()
            );
            tracing::warn!("{text}");
            self.status.change(|status| status.trouble = Some(text));
        }
    }

    /// One round: at most one block read, one segment change, or one look.
    fn step(&mut self) -> Result<Step, StepError> {
        self.delivery.collect()?;
        let was_inside = matches!(self.place, Place::Inside(_));
        let step = match &self.place {
            Place::Unplaced => self.find_place(),
            Place::Behind(after) => {
                let after = *after;
                self.open_next(after)
            }
            Place::Inside(_) => self.read_on(),
        }?;
        // Bytes may still come from an open file while the folder around it can't be looked at.
        if self.trouble_looks > 0 && (step == Step::Idle || !was_inside) {
            self.trouble_looks = 0;
            self.status.change(|status| status.trouble = None);
            tracing::info!("alerts can be read again");
        }
        Ok(step)
    }

    /// Goes to the stored position, or to where a first start begins.
    fn find_place(&mut self) -> Result<Step, StepError> {
        if !self.asked {
            let stored = self
                .intake
                .checkpoint(SOURCE)
                .map_err(|rejected| match rejected {
                    Rejected::Ledger(why) => StepError::Halt(Halt::Refused(why)),
                    Rejected::Stopping => StepError::Halt(Halt::Stopping),
                })?;
            match stored {
                Some(checkpoint) => {
                    let position =
                        Position::from_checkpoint(&checkpoint).map_err(StepError::Checkpoint)?;
                    self.delivery.begin_at(Some(checkpoint), position);
                }
                None => self.delivery.nothing_stored(),
            }
            self.asked = true;
        }
        match self.delivery.confirmed().cloned() {
            Some(position) => self.resume(&position)?,
            None => self.begin()?,
        }
        // Where neither the file nor the archive is there at all, the place is still to be found.
        let is_found = !matches!(self.place, Place::Unplaced);
        Ok(if is_found { Step::Busy } else { Step::Idle })
    }

    /// After a refusal: forgets what was read ahead and goes back to the stored position.
    fn rewind(&mut self, why: &str) {
        tracing::warn!(error = why, "the ledger refused alerts; reading them again");
        self.status.change(|status| status.refusals += 1);
        self.records.clear();
        self.records_size = 0;
        self.submitted = None;
        self.place = Place::Unplaced;
        self.asked = false;
        // A stop request ends the waiting; the loop in `run` sees it.
        let _ = self.delivery.abandon();
        self.stop.sleep(self.config.refusal_pause);
    }

    /// Notes trouble with a file; gives an archived one up when it has lasted too long.
    fn wait_out(&mut self, trouble: &IoTrouble) {
        self.trouble_looks = self.trouble_looks.saturating_add(1);
        if self.trouble_looks == 1 {
            let error = &trouble.error;
            tracing::warn!(place = %trouble.place, %error, "alerts can't be read; trying again");
            let text = format!("{}: {error}", trouble.place);
            self.status.change(|status| status.trouble = Some(text));
        }
        let lasted = self.config.poll_interval.saturating_mul(self.trouble_looks);
        let is_too_long = lasted >= self.config.archive_patience;
        match trouble.what {
            Unreadable::Archive if is_too_long => {
                tracing::warn!(place = %trouble.place, "going on without the archive; alerts may be missing");
                self.archive_given_up = true;
                self.count_gap();
            }
            Unreadable::Archived(name) if is_too_long || is_damage(&trouble.error) => {
                self.give_up(name, trouble);
            }
            Unreadable::Archive | Unreadable::Archived(_) | Unreadable::Live => {}
        }
    }

    /// Counts that alerts may be missing before the next segment, once.
    fn count_gap(&mut self) {
        if !self.gap_told {
            self.gap_told = true;
            self.status.change(|status| status.gaps += 1);
        }
    }

    fn report(&mut self) {
        let records = self.delivery.confirmed_records();
        let durable = self
            .delivery
            .confirmed()
            .and_then(|position| position.file.as_ref());
        let last_read = self.last_read;
        let (mut offset, mut lag) = (0, 0);
        if let Place::Inside(segment) = &self.place {
            offset = durable
                .filter(|file| file.identity == segment.identity)
                .map_or(0, |file| file.offset);
            lag = segment.size.saturating_sub(offset);
        }
        self.status.change(|status| {
            status.records = records;
            status.offset = offset;
            status.lag_bytes = lag;
            status.last_read = last_read;
        });
    }
}

impl FollowerHandle {
    /// Asks the follower to end.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// What the follower says about itself.
    #[must_use]
    pub fn status(&self) -> &FollowerStatus {
        &self.status
    }

    /// The same to keep elsewhere, as metrics do.
    #[must_use]
    pub fn shared_status(&self) -> Arc<FollowerStatus> {
        Arc::clone(&self.status)
    }

    /// True once the thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread's end.
    ///
    /// # Errors
    /// What [`Follower::run`] ended with; a panic of the thread goes on in the caller.
    pub fn join(self) -> Result<(), FollowerError> {
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// True for gzip data that no waiting makes readable.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

impl From<Halt> for StepError {
    fn from(halt: Halt) -> Self {
        StepError::Halt(halt)
    }
}
