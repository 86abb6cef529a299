//! How far a provider is: for the age metric, the progress bar and `intel status`.
//!
//! A provider writes through [`Progress`]; everybody else reads the watch channel. Only the latest state is kept.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Clock, ErrorKind, ProviderError};

/// What a provider is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing yet: the server has not been asked, or the file not been read.
    #[default]
    Starting,
    /// Reading everything, page by page.
    Full,
    /// Reading what has changed since the last time.
    CatchUp,
    /// Comparing the list of ids, to find what was deleted.
    Reconcile,
    /// Up to date; asks again after an interval.
    Polling,
    /// Up to date and listening: changes arrive within seconds.
    Live,
    /// Something is wrong ([`SyncState::trouble`]); waits before the next attempt.
    Waiting,
    /// Told to stop.
    Stopped,
}

impl Phase {
    /// The word that `intel status` and metrics show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Full => "full",
            Self::CatchUp => "catch-up",
            Self::Reconcile => "reconcile",
            Self::Polling => "polling",
            Self::Live => "live",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// What is wrong, since when, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind, for a metric's label.
    pub kind: ErrorKind,
    /// Cause and remedy in a sentence.
    pub why: String,
    /// Whether it stays until the operator has done something.
    pub needs_operator: bool,
    /// When it was first met; a further failure of the same kind does not move it.
    pub since: Timestamp,
    /// Failures in a row.
    pub attempts: u32,
}

/// A provider's state at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncState {
    /// What it is doing.
    pub phase: Phase,
    /// Indicators read in this phase.
    pub done: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
    /// When the local copy was last known to be complete and current. The age metric is now minus this.
    pub last_success: Option<Timestamp>,
    /// What is wrong; `None` when all is well.
    pub trouble: Option<Trouble>,
    /// What the operator should know though nothing fails: little clearance, a filtered stream.
    pub hint: Option<String>,
    /// The server's version, or the file's format.
    pub version: Option<String>,
    /// Objects that could not be read since the start, each logged; they are missing in the local copy.
    pub unreadable: u64,
    /// Objects that are no STIX patterns (YARA, Sigma…) or no indicators, passed over since the start.
    pub passed_over: u64,
}

/// The writing end of a [`SyncState`].
#[derive(Clone, Debug)]
pub struct Progress {
    sender: Arc<watch::Sender<SyncState>>,
    clock: Clock,
}

impl Progress {
    /// A state that starts empty, and its reading end.
    pub fn new(clock: Clock) -> (Self, watch::Receiver<SyncState>) {
        let (sender, receiver) = watch::channel(SyncState::default());
        let sender = Arc::new(sender);
        (Self { sender, clock }, receiver)
    }

    /// Now, by the clock the provider was given.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn phase(&self, phase: Phase, done: u64, total: Option<u64>) {
        self.sender.send_modify(|state| {
            state.phase = phase;
            state.done = done;
            state.total = total;
        });
    }

    /// Everything is here as of `at`.
    pub(crate) fn success(&self, phase: Phase, at: Timestamp) {
        self.sender.send_modify(|state| {
            state.phase = phase;
            state.last_success = Some(at);
            state.trouble = None;
        });
    }

    /// Everything is here as of `at`, though something else is wrong.
    pub(crate) fn fresh(&self, at: Timestamp) {
        self.sender
            .send_modify(|state| state.last_success = Some(at));
    }

    pub(crate) fn trouble(&self, error: &ProviderError) {
        let now = self.now();
        self.sender.send_modify(|state| {
            state.phase = Phase::Waiting;
            let before = state
                .trouble
                .take()
                .filter(|trouble| trouble.kind == error.kind());
            state.trouble = Some(Trouble {
                kind: error.kind(),
                why: error.to_string(),
                needs_operator: error.needs_operator(),
                since: before.as_ref().map_or(now, |trouble| trouble.since),
                attempts: before
                    .map_or(0, |trouble| trouble.attempts)
                    .saturating_add(1),
            });
        });
    }

    pub(crate) fn hint(&self, hint: Option<String>) {
        self.sender.send_modify(|state| state.hint = hint);
    }

    pub(crate) fn version(&self, version: String) {
        self.sender
            .send_modify(|state| state.version = Some(version));
    }

    pub(crate) fn count(&self, unreadable: u64, passed_over: u64) {
        if unreadable + passed_over > 0 {
            self.sender.send_modify(|state| {
                state.unreadable += unreadable;
                state.passed_over += passed_over;
            });
        }
    }
}
