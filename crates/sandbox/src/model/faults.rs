//! Faults on demand.
//!
//! Invariants: at most one fault hits a question, scripted ones before the lasting one, each scripted one once; questions (and
//! loading the model) and looks (versions, lists) have faults of their own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One way in which a model server, the model, or what stands before it goes wrong (facts §1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelFault {
    /// Any answer at all.
    Answer {
        /// HTTP status.
        status: u16,
        /// `content-type`; "" sends none.
        content_type: String,
        /// The whole body.
        body: String,
        /// Seconds in `Retry-After`.
        retry_after: Option<u64>,
    },
    /// 503, the queue is full.
    Busy,
    /// The connection breaks in the middle of the answer.
    CutInTheMiddle,
    /// 200, and in the middle of the answer an error.
    ErrorMidStream,
    /// The answer stands in a block of Markdown.
    FencedJson,
    /// The schema is ignored: an answer in prose.
    FreeText,
    /// Nothing comes until [`super::ModelSandbox::release`].
    HoldFirstToken,
    /// 403 with an empty body: the name in `Host` is not a local one.
    HostRefused,
    /// The answer uses up its tokens: it is cut, with `length` as the reason.
    Length,
    /// 404, as if the model were not there.
    ModelMissing,
    /// No counts in the last chunk.
    NoCounts,
    /// 200, and the answer ends without its last chunk: more than 30 equal tokens.
    NoFinalChunk,
    /// 401 of a model of the cloud, with an address to sign in at.
    NotSignedIn,
    /// 500, too little memory.
    OutOfMemory,
    /// A page of HTML from something in between, with any status, also 200.
    ProxyPage {
        /// HTTP status.
        status: u16,
    },
    /// Closed without an answer.
    Reset,
    /// 500, the runner has ended.
    RunnerCrashed,
    /// After half of the answer nothing comes until [`super::ModelSandbox::release`].
    Stall,
    /// What the model thinks stands before the answer, between tags.
    ThoughtsInTheText,
    /// The verdict is a word the schema does not know.
    WrongEnum,
}

/// Handle to a sandbox's faults; every method may be called while requests are running.
#[derive(Debug, Default)]
pub struct ModelFaults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    questions: Script,
    looks: Script,
}

#[derive(Debug, Default)]
struct Script {
    /// How many requests pass before, and the fault.
    queue: VecDeque<(u64, ModelFault)>,
    lasting: Option<ModelFault>,
}

impl Script {
    fn pick(&mut self) -> Option<ModelFault> {
        match self.queue.front_mut() {
            Some((0, _)) => self.queue.pop_front().map(|(_, fault)| fault),
            Some((waiting, _)) => {
                *waiting -= 1;
                self.lasting.clone()
            }
            None => self.lasting.clone(),
        }
    }
}

impl ModelFaults {
    /// Hits the next question that no earlier fault hits.
    pub fn next(&self, fault: ModelFault) {
        self.after(0, fault);
    }

    /// Lets this many questions pass, counted from the fault before, then hits one.
    pub fn after(&self, questions: u64, fault: ModelFault) {
        self.lock().questions.queue.push_back((questions, fault));
    }

    /// Hits every question that no scripted fault hits; none ends it.
    pub fn always(&self, fault: Option<ModelFault>) {
        self.lock().questions.lasting = fault;
    }

    /// Hits the next look at version, list or model.
    pub fn next_look(&self, fault: ModelFault) {
        self.lock().looks.queue.push_back((0, fault));
    }

    /// Hits every look; none ends it.
    pub fn always_look(&self, fault: Option<ModelFault>) {
        self.lock().looks.lasting = fault;
    }

    /// Ends every fault, scripted or lasting.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// How many scripted faults have not hit yet.
    pub fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.questions.queue.len() + inner.looks.queue.len()
    }

    pub(crate) fn pick_question(&self) -> Option<ModelFault> {
        self.lock().questions.pick()
    }

    pub(crate) fn pick_look(&self) -> Option<ModelFault> {
        self.lock().looks.pick()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
