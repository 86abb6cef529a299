//! Faults on demand.
//!
//! Invariants: at most one fault hits a request, scripted ones before the lasting one, each scripted one once;
//! faults for `/graphql` and for `/stream` are apart.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::errors::Failure;

/// One way in which OpenCTI, or what stands before it, goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenCtiFault {
    /// HTTP 200, every field null with `AUTH_REQUIRED`.
    AuthRequired,
    /// On a stream: the connection is cut after this many events, between two of them.
    CutAfterEvents(usize),
    /// The connection is cut in the middle: half of an answer, or half of a stream's first event.
    CutInTheMiddle,
    /// HTTP 200, every field null with `DATABASE_ERROR`.
    Database,
    /// HTTP 200, every field null with this code and message.
    ErrorIn200 {
        /// E.g. `COMPLEX_SEARCH_ERROR`.
        code: String,
        /// Any text.
        message: String,
    },
    /// HTTP 200, every field null with `FORBIDDEN_ACCESS`.
    Forbidden,
    /// Never answers.
    Hang,
    /// HTTP 200, every field null with `LOCK_ERROR`.
    Lock,
    /// HTTP 200, this root field null with `DATABASE_ERROR`, the others filled.
    PartialData {
        /// E.g. `indicators`.
        field: String,
    },
    /// A page of HTML from something in between, with any status, also 200.
    ProxyHtml {
        /// HTTP status.
        status: u16,
    },
    /// Closed without an answer.
    Reset,
    /// An empty answer with this status.
    ServerError {
        /// E.g. 500, 502, 503.
        status: u16,
    },
    /// The right answer, late.
    Slow {
        /// Waited before the answer.
        delay: Duration,
    },
    /// 429 as the platform's own limiter says it.
    TooManyRequests {
        /// Seconds in `Retry-After`; none sends no header.
        retry_after: Option<u64>,
    },
}

/// Handle to a sandbox's faults; every method may be called while requests are running.
#[derive(Debug, Default)]
pub struct OpenCtiFaults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    graphql: Script,
    stream: Script,
    poisoned: HashSet<String>,
    expire_after: Option<u64>,
    mute: bool,
}

#[derive(Debug, Default)]
struct Script {
    /// How many requests pass before, and the fault.
    queue: VecDeque<(u64, OpenCtiFault)>,
    lasting: Option<OpenCtiFault>,
}

impl Script {
    fn pick(&mut self) -> Option<OpenCtiFault> {
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

impl OpenCtiFaults {
    /// Hits the next request to `/graphql` that no earlier fault hits.
    pub fn next(&self, fault: OpenCtiFault) {
        self.after(0, fault);
    }

    /// Lets this many requests to `/graphql` pass, counted from the fault before, then hits one.
    pub fn after(&self, requests: u64, fault: OpenCtiFault) {
        self.lock().graphql.queue.push_back((requests, fault));
    }

    /// Hits every request to `/graphql` that no scripted fault hits; none ends it.
    pub fn always(&self, fault: Option<OpenCtiFault>) {
        self.lock().graphql.lasting = fault;
    }

    /// Hits the next connection to a stream.
    pub fn next_stream(&self, fault: OpenCtiFault) {
        self.lock().stream.queue.push_back((0, fault));
    }

    /// Hits every connection to a stream; none ends it.
    pub fn always_stream(&self, fault: Option<OpenCtiFault>) {
        self.lock().stream.lasting = fault;
    }

    /// Every page of `indicators` that would hold this one (internal id) fails with `DATABASE_ERROR`.
    pub fn poison(&self, indicator: &str) {
        self.lock().poisoned.insert(indicator.to_owned());
    }

    /// After this many further requests to `/graphql` every token is expired.
    pub fn expire_tokens_after(&self, requests: u64) {
        self.lock().expire_after = Some(requests);
    }

    /// Streams send no heartbeats from now on (or do again).
    pub fn mute_heartbeats(&self, on: bool) {
        self.lock().mute = on;
    }

    /// Ends every fault, scripted or lasting.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// How many scripted faults have not hit yet.
    pub fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.graphql.queue.len() + inner.stream.queue.len()
    }

    pub(crate) fn pick_graphql(&self) -> Option<OpenCtiFault> {
        self.lock().graphql.pick()
    }

    pub(crate) fn pick_stream(&self) -> Option<OpenCtiFault> {
        self.lock().stream.pick()
    }

    /// Counts a request; whether tokens are expired by now.
    pub(crate) fn are_tokens_expired(&self) -> bool {
        let mut inner = self.lock();
        let Some(left) = inner.expire_after else {
            return false;
        };
        inner.expire_after = Some(left.saturating_sub(1));
        left == 0
    }

    pub(crate) fn is_mute(&self) -> bool {
        self.lock().mute
    }

    pub(crate) fn check_page<'a>(
        &self,
        mut ids: impl Iterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        let inner = self.lock();
        if !inner.poisoned.is_empty() && ids.any(|id| inner.poisoned.contains(id)) {
            return Err(Failure::database());
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
