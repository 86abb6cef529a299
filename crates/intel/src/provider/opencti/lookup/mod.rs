//! Asking OpenCTI itself about values: for set-ups without a local copy, and for values newer than it.
//!
//! One request asks for many values in two ways, because many feeds make indicators without observables, and because a pattern with
//! several hashes equals no pattern of one (facts/opencti.md §2.3). Answers are remembered, found or not. An alert never waits
//! longer than the limit, and not at all while OpenCTI is known to be down: what can't be answered is named, never guessed.
//!
//! Networks (`10.0.0.0/8`) and parent domains are not asked for: the local copy matches those.

mod answer;
mod breaker;
mod cache;
mod context;
mod values;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alertbridge_alert::observables::Kind;
use jiff::Timestamp;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

pub use self::context::Context;
use self::{
    answer::{Attributed, Match},
    breaker::Breaker,
    cache::Cache,
    values::Wanted,
};
use super::{
    LiveConfig, OpenCtiConfig, graphql::Session, http::Client, queries, read_token, refusal::Need,
};
use crate::{
    Indicator,
    provider::{ErrorKind, ProviderError},
};

/// Most elements asked for in each of the two ways; more than any server gives is never asked for (500 in 5.12.24's time).
const FIRST: usize = 500;

/// Most observables whose context is remembered.
const CONTEXTS: usize = 5000;

/// A value to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// What it is.
    pub kind: Kind,
    /// The value; brought into its normal form.
    pub value: String,
}

/// An indicator that was found for a value.
#[derive(Clone, Debug)]
pub struct Found {
    /// The place of the value in what was asked.
    pub asked: usize,
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// Whether the value alone fulfils the pattern; else the pattern asks for more than this value.
    pub whole: bool,
}

/// What came of a look-up.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// What was found, valid at the moment, with a sufficient score.
    pub found: Vec<Found>,
    /// Places of values that could not be answered, or not whole.
    pub unanswered: Vec<usize>,
    /// Why not.
    pub trouble: Option<ProviderError>,
}

/// Looks values up at an OpenCTI. Share it: the memory is common.
#[derive(Debug)]
pub struct LiveLookup {
    name: String,
    session: Session,
    cache: Cache<Vec<Match>>,
    contexts: Cache<Option<Arc<Context>>>,
    breaker: Breaker,
    under_way: Semaphore,
    limit: Duration,
    batch: AtomicUsize,
    min_score: Option<u8>,
}

impl LiveLookup {
    /// A look-up whose indicators belong to the provider of this name. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ProviderError`] where a value of the configuration can't be used; its text names the key.
    pub fn new(name: &str, config: &OpenCtiConfig) -> Result<Self, ProviderError> {
        let LiveConfig {
            timeout_ms,
            batch,
            hit_ttl,
            miss_ttl,
            cache_size,
            min_score,
            requests_in_flight,
            failures,
            pause,
            complete: _,
        } = config.live.clone();
        if !(1..=200).contains(&batch) {
            return Err(ProviderError::config(
                "live.batch",
                "must be from 1 to 200: each value costs OpenCTI's search engine a clause",
            ));
        }
        let ttl = [hit_ttl, miss_ttl].map(Duration::from_secs);
        Ok(Self {
            name: name.to_owned(),
            session: Session::new(Client::new(config, read_token(config))?, Need::Read),
            cache: Cache::new(cache_size, ttl[0], ttl[1]),
            // Of hits alone, so there are few.
            contexts: Cache::new(cache_size.min(CONTEXTS), ttl[0], ttl[1]),
            breaker: Breaker::new(failures, Duration::from_secs(pause.max(1))),
            under_way: Semaphore::new(requests_in_flight.max(1)),
            limit: Duration::from_millis(timeout_ms.max(1)),
            batch: AtomicUsize::new(batch),
            min_score,
        })
    }

    /// Looks the values up; `now` decides what has expired. Never takes longer than the limit.
    pub async fn ask(&self, asked: &[Asked], now: Timestamp) -> Looked {
        let deadline = Instant::now() + self.limit;
        let mut looked = Looked::default();
        let mut open: Vec<(Wanted, Vec<usize>)> = Vec::new();
        for (place, asked) in asked.iter().enumerate() {
            let Some(wanted) = Wanted::of(asked) else {
                // Nothing that OpenCTI could find: no value of its kind, or too long for its index.
                continue;
            };
            match self.cache.get(&wanted) {
                Some(found) => looked.found.extend(found.iter().map(|one| Found {
                    asked: place,
                    indicator: Arc::clone(&one.indicator),
                    whole: one.whole,
                })),
                None => match open.iter_mut().find(|(other, _)| *other == wanted) {
                    Some((_, places)) => places.push(place),
                    None => open.push((wanted, vec![place])),
                },
            }
        }
        if let Err(error) = self.ask_all(&open, deadline, &mut looked).await {
            looked.trouble = Some(error);
        }
        looked
            .found
            .retain(|found| self.counts(&found.indicator, now));
        looked.unanswered.sort_unstable();
        looked.unanswered.dedup();
        looked
    }

    async fn ask_all(
        &self,
        open: &[(Wanted, Vec<usize>)],
        deadline: Instant,
        looked: &mut Looked,
    ) -> Result<(), ProviderError> {
        let mut trouble = None;
        let size = self.batch.load(Ordering::Relaxed).max(1);
        let mut batches: Vec<&[(Wanted, Vec<usize>)]> = open.chunks(size).rev().collect();
        while let Some(batch) = batches.pop() {
            let wanted: Vec<&Wanted> = batch.iter().map(|(wanted, _)| wanted).collect();
            let answered = match &trouble {
                // One failure is enough: the others would wait for the same.
                Some(error) => Err(ProviderError::clone(error)),
                None => self.ask_batch(&wanted, deadline).await,
            };
            let answered = match answered {
                Ok(answered) => answered,
                Err(error) => {
                    let places = batch.iter().flat_map(|(_, places)| places);
                    looked.unanswered.extend(places);
                    trouble.get_or_insert(error);
                    continue;
                }
            };
            if answered.truncated && batch.len() > 1 {
                let (left, right) = batch.split_at(batch.len() / 2);
                batches.extend([right, left]);
                continue;
            }
            let complete = answered.trouble.is_none() && !answered.truncated;
            for ((wanted, places), found) in batch.iter().zip(answered.found) {
                for place in places {
                    looked.found.extend(found.iter().map(|one| Found {
                        asked: *place,
                        indicator: Arc::clone(&one.indicator),
                        whole: one.whole,
                    }));
                    looked.unanswered.extend((!complete).then_some(*place));
                }
                if complete {
                    let is_hit = !found.is_empty();
                    self.cache.put(wanted, found, is_hit);
                }
            }
            if let Some(error) = answered.trouble {
                trouble.get_or_insert(error);
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// All that OpenCTI shows of the observable with this value; `None` where there is none. Never takes longer than the limit.
    ///
    /// # Errors
    /// [`ProviderError`] where it could not be asked.
    pub async fn context(&self, asked: &Asked) -> Result<Option<Arc<Context>>, ProviderError> {
        let Some(wanted) = Wanted::of(asked) else {
            return Ok(None);
        };
        if let Some(known) = self.contexts.get(&wanted) {
            return Ok(known);
        }
        let deadline = Instant::now() + self.limit;
        self.breaker.enter()?;
        let found = self
            .within(deadline, context::ask(&self.session, &wanted, deadline))
            .await;
        match &found {
            Ok(_) => self.breaker.went_well(),
            Err(error) => self.breaker.failed(error),
        }
        let found = found?.map(Arc::new);
        self.contexts.put(&wanted, found.clone(), found.is_some());
        Ok(found)
    }

    /// Waits for a place and for the answer, until the deadline.
    async fn within<T>(
        &self,
        deadline: Instant,
        request: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let asked = timeout_at(deadline, async {
            // Never closed.
            let _place = self.under_way.acquire().await;
            request.await
        });
        asked.await.unwrap_or_else(|_| {
            Err(ProviderError::passing(
                ErrorKind::Timeout,
                format!(
                    "OpenCTI did not answer within {} ms (`live.timeout_ms`)",
                    self.limit.as_millis()
                ),
            ))
        })
    }

    /// One request, if OpenCTI is not known to be down.
    async fn ask_batch(
        &self,
        wanted: &[&Wanted],
        deadline: Instant,
    ) -> Result<Attributed, ProviderError> {
        self.breaker.enter()?;
        let result = self.within(deadline, self.request(wanted, deadline)).await;
        let failed = match &result {
            Ok(answered) => answered.trouble.as_ref(),
            Err(error) => Some(error),
        };
        match failed {
            None => self.breaker.went_well(),
            Some(error) => self.breaker.failed(error),
        }
        if failed.is_some_and(|error| error.kind() == ErrorKind::Answer) {
            // Perhaps too many clauses; fewer values next time.
            let batch = self.batch.load(Ordering::Relaxed);
            self.batch.store((batch / 2).max(1), Ordering::Relaxed);
        }
        result
    }

    async fn request(
        &self,
        wanted: &[&Wanted],
        deadline: Instant,
    ) -> Result<Attributed, ProviderError> {
        let variables = |dialect| {
            json!({
                "obs": values::observables(dialect, wanted),
                "ind": values::patterns(dialect, wanted),
                "first": FIRST,
            })
        };
        let limit = deadline.saturating_duration_since(Instant::now());
        let session = &self.session;
        let answer = session
            .ask_in_dialect(queries::lookup, variables, Some(limit))
            .await?;
        answer::attribute(&answer, wanted, &self.name, session.client.base(), FIRST)
    }

    /// Whether an indicator counts now: the server's nested lists can't be filtered, and what is remembered grows old.
    fn counts(&self, indicator: &Indicator, now: Timestamp) -> bool {
        let high_enough = match (self.min_score, indicator.score) {
            (Some(least), Some(score)) => score >= least,
            _ => true,
        };
        !indicator.revoked && indicator.valid_until.is_none_or(|until| until > now) && high_enough
    }
}

impl Looked {
    /// The indicators, each once.
    pub fn indicators(&self) -> Vec<Arc<Indicator>> {
        let mut seen = HashSet::new();
        let new = |found: &&Found| seen.insert(found.indicator.id.clone());
        let found = self.found.iter().filter(new);
        found.map(|found| Arc::clone(&found.indicator)).collect()
    }
}
