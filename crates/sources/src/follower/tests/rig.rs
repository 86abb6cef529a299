//! The test bench: `Analysisd` writes as the real one does, `Memory` keeps what it is given, `Rig` steps the follower.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::follower::segment_name::SegmentName;
use crate::follower::{Follower, FollowerConfig, FollowerSnapshot, Halt, Place, Step, StepError};
use crate::intake::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};

/// A fixed clock.
pub(super) fn clock() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// Writes alerts as analysisd does: a dated file, and a hard link to it at `alerts.json`.
pub(super) struct Analysisd {
    pub folder: TempDir,
    pub name: SegmentName,
    file: File,
    next_line: u64,
    /// Every whole line written, in order.
    pub written: Vec<String>,
    unfinished: String,
}

impl Analysisd {
    pub(super) fn new() -> Self {
        Analysisd::starting_at("2026/Nov/ossec-alerts-21.json")
    }

    pub(super) fn starting_at(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = SegmentName::parse(name).unwrap();
        let file = open_segment(folder.path(), name);
        link(folder.path(), name);
        Analysisd {
            folder,
            name,
            file,
            next_line: 0,
            written: Vec::new(),
            unfinished: String::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn alerts_json(&self) -> PathBuf {
        self.path().join("alerts.json")
    }

    pub(super) fn dated(&self, name: SegmentName) -> PathBuf {
        self.path().join(name.to_string())
    }

    /// A text whose first half is no other's: content tells files apart.
    pub(super) fn next_text(&mut self) -> String {
        self.next_line += 1;
        format!(
            r#"{{"id":"17952505.{:06}","timestamp":"2026-11-21T08:26:17.096+0000","full_log":"{}"}}"#,
            self.next_line,
            "x".repeat((self.next_line % 7) as usize * 11)
        )
    }

    /// Writes whole lines.
    pub(super) fn lines(&mut self, count: usize) {
        for _ in 0..count {
            let text = self.next_text();
            self.line(&text);
        }
    }

    /// Writes this line, behind whatever is unfinished.
    pub(super) fn line(&mut self, text: &str) {
        self.raw(format!("{text}\n").as_bytes());
        let whole = std::mem::take(&mut self.unfinished) + text;
        self.written.push(whole);
    }

    /// Writes the first part of a line: what a flush of a full stdio buffer leaves.
    pub(super) fn part(&mut self, text: &str) {
        self.raw(text.as_bytes());
        self.unfinished.push_str(text);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
    }

    /// The first half of a rotation: the old file is closed, the new one opened, `alerts.json` removed.
    pub(super) fn begin_rotation(&mut self, next: SegmentName) {
        if !self.unfinished.is_empty() {
            self.written.push(std::mem::take(&mut self.unfinished));
        }
        let old = self.dated(self.name);
        if fs::metadata(&old).is_ok_and(|metadata| metadata.len() == 0) {
            fs::remove_file(old).unwrap();
        }
        self.name = next;
        self.file = open_segment(self.path(), next);
        // It may be missing: that is what some tests are about.
        let _ = fs::remove_file(self.alerts_json());
    }

    /// The second half: `alerts.json` is the new file.
    pub(super) fn end_rotation(&mut self) {
        link(self.path(), self.name);
    }

    pub(super) fn rotate_to(&mut self, next: SegmentName) {
        self.begin_rotation(next);
        self.end_rotation();
    }

    pub(super) fn next_day(&self) -> SegmentName {
        SegmentName::first_of(self.name.date().unwrap().tomorrow().unwrap())
    }

    /// The first part of the day that does not exist yet, as analysisd looks for it.
    pub(super) fn next_part(&self) -> SegmentName {
        let mut next = SegmentName {
            part: self.name.part + 1,
            ..self.name
        };
        while self.dated(next).exists() {
            next.part += 1;
        }
        next
    }

    pub(super) fn rotate_at_midnight(&mut self) {
        self.rotate_to(self.next_day());
    }

    pub(super) fn rotate_by_size(&mut self) {
        self.rotate_to(self.next_part());
    }

    /// What monitord does to a finished segment ten seconds after midnight.
    pub(super) fn compress(&self, name: SegmentName) {
        let plain = self.dated(name);
        let content = fs::read(&plain).unwrap();
        fs::write(self.gzip(name), gzip(&content)).unwrap();
        fs::remove_file(plain).unwrap();
    }

    pub(super) fn gzip(&self, name: SegmentName) -> PathBuf {
        self.path().join(format!("{name}.gz"))
    }

    /// Cuts the current file to nothing, as `copytruncate` does.
    pub(super) fn truncate(&mut self) {
        self.file.set_len(0).unwrap();
        self.unfinished.clear();
    }

    /// Puts a copy of `alerts.json` in its place and writes to the copy from then on.
    pub(super) fn replace_by_copy(&mut self) {
        let temporary = self.path().join("copy");
        fs::copy(self.alerts_json(), &temporary).unwrap();
        fs::rename(&temporary, self.alerts_json()).unwrap();
        self.file = OpenOptions::new()
            .append(true)
            .open(self.alerts_json())
            .unwrap();
    }
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn open_segment(folder: &Path, name: SegmentName) -> File {
    let path = folder.join(name.to_string());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}

fn link(folder: &Path, name: SegmentName) {
    fs::hard_link(folder.join(name.to_string()), folder.join("alerts.json")).unwrap();
}

/// What `Memory` does with the next batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mood {
    #[default]
    Keeps,
    /// Refuses each batch until the mood changes.
    Refuses,
    /// Answers nobody until the mood changes: a full disk.
    Waits,
}

/// An intake in memory.
#[derive(Default)]
pub(super) struct Memory {
    state: Mutex<MemoryState>,
}

#[derive(Default)]
struct MemoryState {
    mood: Mood,
    records: Vec<Record>,
    batches: Vec<usize>,
    checkpoint: Option<Checkpoint>,
    waiting: VecDeque<(Batch, tokio::sync::oneshot::Sender<Result<(), Rejected>>)>,
    most_waiting: usize,
}

impl MemoryState {
    /// Keeps a batch, where it was read behind what is stored.
    fn keep(&mut self, batch: Batch) -> Result<(), Rejected> {
        if batch.follows != self.checkpoint {
            return Err(Rejected::Ledger(
                "behind a batch that was not kept".to_owned(),
            ));
        }
        self.batches.push(batch.records.len());
        self.records.extend(batch.records);
        self.checkpoint = batch.checkpoint;
        Ok(())
    }
}

impl Memory {
    pub(super) fn set_mood(&self, mood: Mood) {
        let mut state = self.state.lock().unwrap();
        state.mood = mood;
        while state.mood != Mood::Waits
            && let Some((batch, sender)) = state.waiting.pop_front()
        {
            // A follower that has been dropped no longer listens.
            let _ = match mood {
                Mood::Refuses => sender.send(Err(Rejected::Ledger("told to refuse".to_owned()))),
                _ => sender.send(state.keep(batch)),
            };
        }
    }

    /// Refuses the oldest waiting batch; the ones behind it are refused because they followed it.
    pub(super) fn refuse_first(&self) {
        if let Some((_, sender)) = self.state.lock().unwrap().waiting.pop_front() {
            sender
                .send(Err(Rejected::Ledger("told to refuse".to_owned())))
                .unwrap();
        }
        self.set_mood(Mood::Keeps);
    }

    /// A crash of the whole daemon: what was not committed is gone.
    pub(super) fn crash(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting.clear();
        state.mood = Mood::Keeps;
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.state.lock().unwrap().records.clone()
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }

    pub(super) fn most_waiting(&self) -> usize {
        self.state.lock().unwrap().most_waiting
    }

    /// True where one more batch might make the follower wait in the test's own thread.
    fn would_block(&self) -> bool {
        !self.state.lock().unwrap().waiting.is_empty()
    }

    pub(super) fn set_checkpoint(&self, text: &str) {
        self.state.lock().unwrap().checkpoint = Some(Checkpoint(text.to_owned()));
    }

    pub(super) fn stored(&self) -> Option<String> {
        self.state
            .lock()
            .unwrap()
            .checkpoint
            .clone()
            .map(|checkpoint| checkpoint.0)
    }

    /// The delivered lines, unreadable records as `!why`.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = |record| match record {
            Record::Alert(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Record::Unreadable { why, .. } => format!("!{why}"),
        };
        self.records().into_iter().map(text).collect()
    }
}

impl Intake for Memory {
    fn submit(&self, batch: Batch) -> Receipt {
        let (sender, receipt) = tokio::sync::oneshot::channel();
        let mut state = self.state.lock().unwrap();
        match state.mood {
            Mood::Keeps => {
                let _ = sender.send(state.keep(batch));
            }
            Mood::Refuses => {
                let _ = sender.send(Err(Rejected::Ledger("told to refuse".to_owned())));
            }
            Mood::Waits => {
                state.waiting.push_back((batch, sender));
                state.most_waiting = state.most_waiting.max(state.waiting.len());
            }
        }
        receipt
    }

    fn checkpoint(&self, source: &str) -> Result<Option<Checkpoint>, Rejected> {
        assert_eq!(source, "follower");
        Ok(self.state.lock().unwrap().checkpoint.clone())
    }
}

/// A follower that is stepped by hand.
pub(super) struct Rig {
    pub memory: Arc<Memory>,
    pub config: FollowerConfig,
    follower: Follower,
}

impl Rig {
    /// Follows from the start of the current file.
    pub(super) fn new(analysisd: &Analysisd) -> Self {
        let mut config = FollowerConfig::new(analysisd.alerts_json(), clock);
        config.begin = crate::follower::Begin::Start;
        Rig::with(config)
    }

    pub(super) fn with(mut config: FollowerConfig) -> Self {
        config.poll_interval = Duration::from_millis(1);
        config.refusal_pause = Duration::ZERO;
        let memory = Arc::new(Memory::default());
        let follower = Follower::new(config.clone(), memory.clone());
        Rig {
            memory,
            config,
            follower,
        }
    }

    /// One round of the follower's loop, without its sleeping.
    pub(super) fn step(&mut self) -> Step {
        if self.memory.would_block() {
            return Step::Idle;
        }
        match self.follower.step() {
            Ok(step) => {
                self.follower.report();
                step
            }
            Err(StepError::Halt(Halt::Refused(why))) => {
                self.follower.rewind(&why);
                Step::Idle
            }
            Err(StepError::Io(trouble)) => {
                self.follower.wait_out(&trouble);
                Step::Idle
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Steps until several looks in a row find nothing to do.
    pub(super) fn run_dry(&mut self) {
        let mut idle = 0;
        let mut steps = 0;
        while idle < 4 {
            idle = if self.step() == Step::Idle {
                idle + 1
            } else {
                0
            };
            steps += 1;
            assert!(steps < 1_000_000, "the follower never comes to rest");
        }
    }

    /// Kills the follower and starts it again from the stored position.
    pub(super) fn restart(&mut self) {
        self.memory.crash();
        self.follower = Follower::new(self.config.clone(), self.memory.clone());
    }

    pub(super) fn snapshot(&self) -> FollowerSnapshot {
        self.follower.status().snapshot()
    }

    /// True while the follower is inside a file.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.follower.place, Place::Inside(_))
    }
}
