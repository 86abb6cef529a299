//! Whether a question may be begun now: is the model's server well, and are there not too many questions already.
//!
//! Asked before a job is claimed. While the server is down nothing is claimed, so IRIS sees no tag go back and forth. A server that is
//! not known to be well is looked at first, which costs it nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alertbridge_triage::model::{
    Admission, Breaker, BreakerState, FailureClass, FailureKind, Model, ModelError, ServerFacts,
    StartRate,
};
use tokio::sync::Mutex as AsyncMutex;
use tracing::{info, warn};

use super::TriageConfig;

/// Others wait so long for the one who looks at the server.
const SOON: Duration = Duration::from_millis(500);
/// After a look that failed but did not shut the door yet.
const AGAIN: Duration = Duration::from_secs(5);

/// Jobs whose last failure is remembered.
const MOST_REMEMBERED: usize = 10_000;

/// What one asks before a job.
pub struct Doorway {
    model: Arc<dyn Model>,
    breaker: Mutex<Breaker>,
    rate: Mutex<StartRate>,
    /// Held while the server is looked at: one at a time.
    looking: AsyncMutex<()>,
    /// The server has answered since the start or the last failure.
    known: AtomicBool,
    /// Answers so far, and how many there were when a question about each of these jobs failed last: whether others got through
    /// since tells a server that is down from an alert it can't stand.
    answers: AtomicU64,
    failed_at: Mutex<HashMap<i64, u64>>,
    /// Tokens of context it turned out to have; 0 for not known.
    context: AtomicU32,
    /// What keeps it shut, as it was logged.
    trouble: Mutex<Option<String>>,
}

/// The answer.
#[derive(Debug)]
pub enum Entry {
    /// One job may be claimed.
    Open(Permit),
    /// Not before this.
    Wait(Duration),
}

/// Given back with [`Doorway::leave`].
#[derive(Debug)]
pub struct Permit {
    /// This job alone tells whether the server is back.
    probe: bool,
}

impl Permit {
    /// Whether this job tells if the server is back.
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Doorway {
    /// Shut until the server was looked at once.
    pub fn new(model: Arc<dyn Model>, config: &TriageConfig) -> Self {
        Self {
            model,
            breaker: Mutex::new(Breaker::new(
                config.failures,
                Duration::from_secs(config.rest),
            )),
            rate: Mutex::new(StartRate::new(
                config.max_per_cycle,
                Duration::from_secs(config.poll_interval.max(1)),
            )),
            looking: AsyncMutex::new(()),
            known: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            failed_at: Mutex::default(),
            context: AtomicU32::new(0),
            trouble: Mutex::new(None),
        }
    }

    /// Whether a job may be claimed now.
    pub async fn enter(&self) -> Entry {
        let now = now();
        if let Err(free) = lock(&self.rate).free(now) {
            return Entry::Wait(free.saturating_duration_since(now));
        }
        let Ok(_one) = self.looking.try_lock() else {
            return Entry::Wait(SOON);
        };
        let admission = lock(&self.breaker).admit(now);
        let probe = match admission {
            Admission::Go if self.known.load(Ordering::Acquire) => {
                return Entry::Open(Permit { probe: false });
            }
            Admission::Go => false,
            Admission::Probe => true,
            Admission::Wait(until) => return Entry::Wait(until.saturating_duration_since(now)),
        };
        match self.look().await {
            Ok(()) => {
                self.known.store(true, Ordering::Release);
                if !probe {
                    self.well();
                }
                Entry::Open(Permit { probe })
            }
            Err(error) => {
                self.failed(&error);
                Entry::Wait(AGAIN)
            }
        }
    }

    async fn look(&self) -> Result<(), ModelError> {
        let facts = self.model.look().await?;
        if !facts.model_there {
            return Err(ModelError::new(
                FailureClass::ModelMissing,
                format!(
                    "the server does not have the model {}; `ollama pull` it, or name another as `triage.model.model`",
                    self.model.name()
                ),
            ));
        }
        self.learn(&facts);
        Ok(())
    }

    fn learn(&self, facts: &ServerFacts) {
        let most = facts.usable_context(u32::MAX);
        let known = if most == u32::MAX { 0 } else { most };
        self.context.store(known, Ordering::Release);
        for hint in &facts.hints {
            info!(hint, "about the model's server");
        }
    }

    /// Tokens that the server can hold, where it is known to be less than it was asked for.
    pub fn context(&self) -> Option<u32> {
        Some(self.context.load(Ordering::Acquire)).filter(|&tokens| tokens > 0)
    }

    /// A question is about to be sent.
    pub fn began(&self) {
        // Where several went through at once, the next ones wait longer.
        let _ = lock(&self.rate).start(now());
    }

    /// A question was answered.
    pub fn answered(&self, job: i64) {
        self.answers.fetch_add(1, Ordering::AcqRel);
        lock(&self.failed_at).remove(&job);
        lock(&self.breaker).succeeded();
        self.known.store(true, Ordering::Release);
        self.well();
    }

    /// A question failed, by whatever fault.
    pub fn failed(&self, failure: &ModelError) {
        let mut breaker = lock(&self.breaker);
        breaker.failed(failure, now());
        let (reason, needs_operator) = (
            breaker.reason().map(str::to_owned),
            breaker.needs_operator(),
        );
        drop(breaker);
        if matches!(
            failure.class.kind(),
            FailureKind::Server | FailureKind::Operator
        ) {
            self.known.store(false, Ordering::Release);
        }
        let Some(reason) = reason else { return };
        let mut trouble = lock(&self.trouble);
        if trouble.as_ref() != Some(&reason) {
            if needs_operator {
                tracing::error!(
                    why = reason,
                    "the model can't be used; alerts flow without reviews"
                );
            } else {
                warn!(why = reason, "the model's server fails; triage jobs wait");
            }
            *trouble = Some(reason);
        }
    }

    /// Whether others were answered since a question about this job failed last; remembers that it failed now.
    pub fn others_answered(&self, job: i64) -> bool {
        let answers = self.answers.load(Ordering::Acquire);
        let mut failed_at = lock(&self.failed_at);
        if failed_at.len() >= MOST_REMEMBERED {
            failed_at.clear();
        }
        failed_at
            .insert(job, answers)
            .is_some_and(|before| answers > before)
    }

    /// How long nothing will be begun.
    pub fn shut_for(&self) -> Duration {
        lock(&self.breaker).until().map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(now())
        })
    }

    /// Whether the last question about this job failed.
    pub fn has_failed(&self, job: i64) -> bool {
        lock(&self.failed_at).contains_key(&job)
    }

    /// The job has ended, or there was none. A server that looks well while nothing is to be asked counts as well: the alarm is
    /// over, and it is not looked at again and again.
    pub fn leave(&self, permit: &Permit, had_job: bool) {
        match (permit.probe, had_job) {
            (true, true) => lock(&self.breaker).abandoned(),
            (true, false) => {
                lock(&self.breaker).succeeded();
                self.well();
            }
            (false, _) => {}
        }
    }

    /// For the metric.
    pub fn state(&self) -> BreakerState {
        lock(&self.breaker).state()
    }

    /// What keeps it shut.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.breaker).reason().map(str::to_owned)
    }

    fn well(&self) {
        if lock(&self.breaker).reason().is_none() && lock(&self.trouble).take().is_some() {
            info!(
                model = self.model.name(),
                "the model's server answers again"
            );
        }
    }
}

/// Tokio's clock, which tests can hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
