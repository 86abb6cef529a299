//! The loop that keeps the local copy: what is done when, and what happens when something fails.
//!
//! ```text
//! probe ─> whole list (first start, other server, lost place) ─┐
//!            ▲                                                 ▼
//!            │ many ids are missing here    with a stream: listen ⇄ catch up after a gap
//!            └── reconcile (daily) <──────  without: catch up at every interval
//! ```
//!
//! Every failure ends the attempt with a [`ProviderError`]; the loop shows it, waits as [`backoff`] says, and goes on from the stored place.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    OpenCti,
    cut::PageSize,
    listen,
    place::{Place, StreamPlace},
    poison::{LeftOut, Stuck},
    queries,
};
use crate::{
    Change, Cursor, IndicatorStore,
    provider::{
        ErrorKind, Phase, Progress, ProviderError, Stop, backoff, fields, marking::Names, storing,
    },
};

/// One provider's sync while it runs.
pub(super) struct Run<'a> {
    pub(super) provider: &'a OpenCti,
    pub(super) store: Arc<IndicatorStore>,
    pub(super) progress: Progress,
    pub(super) size: PageSize,
    pub(super) names: Names,
    /// Indicators of the overlap that the last questions brought, so that they are not written again: id and `updated_at`.
    pub(super) seen: HashMap<String, Timestamp>,
    /// When the latest `updated_at` last moved.
    pub(super) moved: Instant,
    /// Something went well since the last failure.
    pub(super) got_on: bool,
    /// A list that ended early, or that would delete much, was met once: the second time it is believed.
    pub(super) doubted: Option<Instant>,
    /// Where a page failed last.
    pub(super) stuck: Option<Stuck>,
    /// The objects that OpenCTI can't give.
    pub(super) left_out: LeftOut,
    /// Lists of ids in a row that could not be read.
    pub(super) unlisted: u32,
}

/// Runs until `stop`.
pub(super) async fn run(
    provider: &OpenCti,
    store: Arc<IndicatorStore>,
    progress: Progress,
    mut stop: Stop,
) {
    let mut run = Run {
        provider,
        store,
        progress: progress.clone(),
        size: PageSize::new(provider.config.page_size),
        names: Names::default(),
        seen: HashMap::new(),
        moved: Instant::now(),
        got_on: false,
        doubted: None,
        stuck: None,
        left_out: LeftOut::default(),
        unlisted: 0,
    };
    tokio::select! {
        biased;
        () = stop.wait() => {}
        never = run.forever() => match never {},
    }
    progress.phase(Phase::Stopped, 0, None);
}

impl Run<'_> {
    async fn forever(&mut self) -> Infallible {
        let mut failures = 0;
        let mut last = String::new();
        loop {
            let error = match self.attempt().await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            if std::mem::take(&mut self.got_on) {
                failures = 0;
                last.clear();
            }
            failures += 1;
            let too_much = match error.kind() {
                ErrorKind::Answer | ErrorKind::Timeout => true,
                // A search engine's fault that stays may be one of size, too.
                ErrorKind::Busy => failures >= 3,
                _ => false,
            };
            if too_much {
                self.size.too_much();
            }
            let wait = backoff::wait(&error, failures);
            if error.to_string() != last {
                last = error.to_string();
                warn!(provider = self.provider.name, %error, ?wait, "indicators can't be read");
            }
            self.progress.trouble(&error);
            sleep(wait).await;
        }
    }

    /// Gets on until something fails.
    async fn attempt(&mut self) -> Result<Infallible, ProviderError> {
        self.meet().await?;
        let mut place = match self.stored_place() {
            Some(place) => place,
            None => self.full().await?,
        };
        if place.updated_at.is_none() || self.provider.config.stream.is_none() {
            self.catch_up(&mut place).await?;
        }
        loop {
            if self.reconcile_is_due(&place) {
                self.reconcile(&mut place).await?;
            }
            let Some(stream) = &self.provider.config.stream else {
                self.success(Phase::Polling);
                sleep(self.provider.config.poll).await;
                self.catch_up(&mut place).await?;
                continue;
            };
            if place.stream.as_ref().is_none_or(|at| at.id != stream.id) {
                let event = listen::position(self, stream).await;
                if let Some(event) = self.unless_refused(event, &mut place).await? {
                    let id = stream.id.clone();
                    place.stream = Some(StreamPlace { id, event });
                    // Whatever changed before this event.
                    self.catch_up(&mut place).await?;
                }
                continue;
            }
            let listened = listen::listen(self, stream, &mut place).await;
            let Some(ended) = self.unless_refused(listened, &mut place).await? else {
                continue;
            };
            if ended == listen::Ended::Trimmed {
                info!(
                    provider = self.provider.name,
                    "the live stream no longer holds the last event: reading what has changed since"
                );
                place.stream = None;
                self.catch_up(&mut place).await?;
                self.reconcile(&mut place).await?;
            }
        }
    }

    /// Asks for version and rights.
    async fn meet(&mut self) -> Result<(), ProviderError> {
        let session = &self.provider.session;
        let server = session.probe().await?;
        info!(
            provider = self.provider.name,
            version = server.version,
            user = server.user,
            "OpenCTI answers"
        );
        self.progress.version(server.version.clone());
        let hint = super::check::clearance(session).await;
        self.progress
            .hint(hint.or_else(|| self.left_out.hint.clone()));
        Ok(())
    }

    /// While the stream is refused, OpenCTI is asked at intervals; the stream is tried again after a few minutes. `None` then.
    async fn unless_refused<T>(
        &mut self,
        result: Result<T, ProviderError>,
        place: &mut Place,
    ) -> Result<Option<T>, ProviderError> {
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Stream && error.needs_operator() => error,
            Err(error) => return Err(error),
        };
        warn!(provider = self.provider.name, %error, "no live stream");
        self.progress.trouble(&error);
        let until = Instant::now() + backoff::OPERATOR;
        while Instant::now() < until {
            let asked = self.progress.now();
            self.catch_up(place).await?;
            self.progress.fresh(asked);
            self.progress.trouble(&error);
            sleep(self.provider.config.poll).await;
        }
        Ok(None)
    }

    fn stored_place(&self) -> Option<Place> {
        let text = self.store.cursor(&self.provider.name)?;
        Place::read(&text, self.base())
    }

    pub(super) fn base(&self) -> &str {
        self.provider.session.client.base()
    }

    fn reconcile_is_due(&self, place: &Place) -> bool {
        let interval = self.provider.config.reconcile;
        let due = jiff::SignedDuration::try_from(interval)
            .ok()
            .and_then(|interval| place.reconciled_at.checked_add(interval).ok());
        due.is_none_or(|due| due <= self.progress.now())
    }

    pub(super) fn due(&self, place: &Place) -> bool {
        self.reconcile_is_due(place)
    }

    /// All is here.
    pub(super) fn success(&mut self, phase: Phase) {
        self.got_on = true;
        self.progress.success(phase, self.progress.now());
    }

    /// Makes changes durable together with the place behind them.
    pub(super) async fn apply(
        &mut self,
        changes: Vec<Change>,
        place: &Place,
    ) -> Result<(), ProviderError> {
        let cursor = Cursor {
            provider: self.provider.name.clone(),
            text: place.text(),
            at: self.progress.now(),
        };
        let applied = storing::apply(&self.store, changes, Some(cursor)).await?;
        self.progress.count(applied.rejected as u64, 0);
        Ok(())
    }

    /// Asks for names of authors. Where that fails, indicators from the stream have no author until the next reconcile.
    pub(super) async fn learn_authors(&mut self) {
        let answer = self.provider.session.ask(queries::AUTHORS, json!({}), None);
        let Ok(page) = answer.await.and_then(|answer| answer.page("identities")) else {
            return;
        };
        for node in &page.nodes {
            if let (Some(id), Some(name)) = (
                fields::word(node, "standard_id"),
                fields::word(node, "name"),
            ) {
                self.names.learn(&id, name);
            }
        }
    }

    /// How many indicators there are beside those with STIX patterns; nothing where the server does not say.
    pub(super) async fn others(&self, with_patterns: u64) -> Option<u64> {
        let answer = self.provider.session.ask(queries::OTHERS, json!({}), None);
        let page = answer.await.ok()?.value("indicators").ok()?;
        let info: &Value = page.get("pageInfo")?;
        let all = info.get("globalCount")?.as_u64()?;
        Some(all.saturating_sub(with_patterns))
    }
}

/// The server's own words in a hint, cut.
pub(super) fn cut(text: &str) -> String {
    fields::clean(text, 200).unwrap_or_default()
}
