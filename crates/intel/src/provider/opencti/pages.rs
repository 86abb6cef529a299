//! Reading indicators by pages: the whole list, and what has changed since.
//!
//! Ordered by `updated_at`, so that what changes while the list is read comes again at its end. A list ends with an empty page
//! ([`super::cut`]). No filter on `revoked`: who asks for valid indicators only never learns of a revocation (facts/opencti.md §4a).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    filters::{self, Condition},
    graphql::Page,
    listen, node,
    place::{FullPlace, Place, StreamPlace},
    queries,
    sync::Run,
};
use crate::{
    Change, Cursor, FullSync, Indicator,
    provider::{ErrorKind, Phase, ProviderError, storing},
};

/// Elasticsearch shows a document a while after it was written; so much is read again each time.
const OVERLAP: Duration = Duration::from_secs(120);
/// Most indicators of the overlap that are remembered; beyond that, some are written again for nothing.
const SEEN: usize = 20_000;

impl Run<'_> {
    /// Reads the whole list, or goes on where an interrupted one was left.
    pub(super) async fn full(&mut self) -> Result<Place, ProviderError> {
        let (mut full, mut at) = self.begin().await?;
        self.size.new_list();
        let mut total = None;
        self.progress.phase(Phase::Full, at.done, None);
        loop {
            let behind_it = at.since.map(behind_moment);
            let page = match self.page(behind_it.as_slice(), at.after.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    at.since = Some(self.step_over(error, at.updated_at).await?);
                    at.updated_at = at.since.max(at.updated_at);
                    at.after = None;
                    continue;
                }
            };
            if total.is_none() {
                total = page.global_count;
            }
            if page.len() == 0 {
                break;
            }
            at.after = Some(behind(&page, at.after.as_deref())?);
            at.done += page.len();
            let indicators = self.indicators(&page);
            at.updated_at = latest(&indicators).max(at.updated_at);
            full = storing::push(full, indicators, at.text()).await?;
            self.got_on = true;
            self.progress
                .phase(Phase::Full, at.done, total.map(|total| total.max(at.done)));
        }
        self.believe(at.done, total)?;
        let place = Place::behind(&at);
        let cursor = Cursor {
            provider: self.provider.name.clone(),
            text: place.text(),
            at: self.progress.now(),
        };
        let applied = storing::blocking(move || full.finish(Some(cursor))).await?;
        self.progress.count(applied.rejected as u64, 0);
        let others = self.others(at.done).await.unwrap_or(0);
        self.progress.count(0, others);
        if at.done == 0 {
            self.progress
                .hint(Some(super::check::NOTHING_SEEN.to_owned()));
        }
        self.moved = Instant::now();
        self.seen.clear();
        info!(
            provider = self.provider.name,
            indicators = at.done,
            others,
            "all indicators are here"
        );
        Ok(place)
    }

    async fn begin(&mut self) -> Result<(FullSync, FullPlace), ProviderError> {
        let open = |run: &Self| {
            let (store, name) = (run.store.clone(), run.provider.name.clone());
            storing::blocking(move || store.begin_full(&name))
        };
        let full = open(self).await?;
        if let Some(text) = full.resumed_at() {
            if let Some(at) = FullPlace::read(text, self.base()) {
                info!(
                    provider = self.provider.name,
                    indicators = at.done,
                    "going on with an interrupted list"
                );
                return Ok((full, at));
            }
            // The beginning of another server's list, or of another version's.
            storing::blocking(move || full.abandon()).await?;
        } else {
            let at = self.start().await;
            return Ok((full, at));
        }
        Ok((open(self).await?, self.start().await))
    }

    /// The beginning of a list. The stream's place is taken before the first page, so that nothing lies between the two.
    async fn start(&mut self) -> FullPlace {
        let mut place = None;
        if let Some(stream) = &self.provider.config.stream {
            match listen::position(self, stream).await {
                Ok(event) => {
                    place = Some(StreamPlace {
                        id: stream.id.clone(),
                        event,
                    });
                }
                // Asked again when the list is here.
                Err(error) => {
                    warn!(provider = self.provider.name, %error, "no live stream yet");
                }
            }
        }
        FullPlace::start(self.base(), self.progress.now(), place)
    }

    /// A list that ends far before the number the server gave is doubted once: its search engine may be recovering.
    fn believe(&mut self, done: u64, total: Option<u64>) -> Result<(), ProviderError> {
        let total = total.unwrap_or(0);
        if done + total / 10 + 10 >= total || self.doubted.take().is_some() {
            return Ok(());
        }
        self.doubted = Some(Instant::now());
        Err(ProviderError::passing(
            ErrorKind::Answer,
            format!("OpenCTI's list ended after {done} of {total} indicators; it is tried again"),
        ))
    }

    /// Reads what has changed since the place.
    pub(super) async fn catch_up(&mut self, place: &mut Place) -> Result<(), ProviderError> {
        let started = self.progress.now();
        // What was written before the latest change is visible by now, once the overlap has passed without a newer one.
        let settled = self.moved.elapsed() > OVERLAP;
        let overlap = if settled { Duration::ZERO } else { OVERLAP };
        let since = place.updated_at.map(|latest| earlier(latest, overlap));
        let mut condition = since.map(behind_moment);
        let mut read = since;
        let mut after: Option<String> = None;
        let mut done = 0;
        self.size.new_list();
        loop {
            let page = match self.page(condition.as_slice(), after.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    let from = self.step_over(error, read).await?;
                    read = Some(from);
                    place.updated_at = place.updated_at.max(Some(from));
                    condition = Some(behind_moment(from));
                    after = None;
                    continue;
                }
            };
            if page.len() == 0 {
                break;
            }
            after = Some(behind(&page, after.as_deref())?);
            done += page.len();
            let indicators = self.indicators(&page);
            read = latest(&indicators).max(read);
            let newest = read.max(place.updated_at);
            if newest != place.updated_at {
                place.updated_at = newest;
                self.moved = Instant::now();
            }
            let changes = self.unseen(indicators);
            if !changes.is_empty() {
                self.progress.phase(Phase::CatchUp, done, None);
                self.apply(changes, place).await?;
            }
            self.got_on = true;
        }
        if let Some(latest) = place.updated_at {
            let oldest = earlier(latest, OVERLAP);
            self.seen.retain(|_, updated_at| *updated_at >= oldest);
        }
        self.apply(Vec::new(), place).await?;
        self.got_on = true;
        self.progress.fresh(started);
        Ok(())
    }

    /// One page of indicators with STIX patterns.
    pub(super) async fn page(
        &mut self,
        conditions: &[Condition<'_>],
        after: Option<&str>,
    ) -> Result<Page, ProviderError> {
        let page = self.page_of(self.size.next(), conditions, after).await?;
        self.size.came(page.len());
        Ok(page)
    }

    /// The same, of so many.
    pub(super) async fn page_of(
        &self,
        first: u32,
        conditions: &[Condition<'_>],
        after: Option<&str>,
    ) -> Result<Page, ProviderError> {
        let variables = |dialect| {
            let mut all = vec![Condition::one_of("pattern_type", vec!["stix".to_owned()])];
            all.extend(conditions.iter().cloned());
            json!({"filters": filters::all(dialect, &all), "first": first, "after": after})
        };
        let session = &self.provider.session;
        let answer = session
            .ask_in_dialect(queries::pages, variables, None)
            .await?;
        answer.page("indicators")
    }

    fn indicators(&self, page: &Page) -> Vec<Indicator> {
        let (name, base) = (&self.provider.name, self.base());
        let read = page
            .nodes
            .iter()
            .filter_map(|node| node::indicator(node, name, base));
        let indicators: Vec<Indicator> = read.collect();
        let unreadable = page.len() - indicators.len() as u64;
        if unreadable > 0 {
            warn!(
                provider = self.provider.name,
                unreadable, "indicators that can't be read are left out"
            );
            self.progress.count(unreadable, 0);
        }
        indicators
    }

    /// Without those that came before just as they are.
    fn unseen(&mut self, indicators: Vec<Indicator>) -> Vec<Change> {
        let mut changes = Vec::new();
        for indicator in indicators {
            if let Some(updated_at) = indicator.updated_at {
                if self.seen.get(&indicator.id) == Some(&updated_at) {
                    continue;
                }
                if self.seen.len() < SEEN || self.seen.contains_key(&indicator.id) {
                    self.seen.insert(indicator.id.clone(), updated_at);
                }
            }
            changes.push(Change::Upsert(Box::new(indicator)));
        }
        changes
    }
}

/// Where the next page begins. A server that gives the same place twice would be asked for ever.
pub(super) fn behind(page: &Page, before: Option<&str>) -> Result<String, ProviderError> {
    match &page.end_cursor {
        Some(cursor) if Some(cursor.as_str()) != before => Ok(cursor.clone()),
        _ => Err(ProviderError::passing(
            ErrorKind::Answer,
            "OpenCTI's page does not say where the next one begins; it is tried again",
        )),
    }
}

/// What was changed behind a moment.
fn behind_moment(moment: Timestamp) -> Condition<'static> {
    Condition::compared("updated_at", "gt", iso(moment))
}

fn latest(indicators: &[Indicator]) -> Option<Timestamp> {
    indicators
        .iter()
        .filter_map(|indicator| indicator.updated_at)
        .max()
}

pub(super) fn earlier(moment: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| moment.checked_sub(by).ok())
        .unwrap_or(moment)
}

/// As OpenCTI writes times: milliseconds and Z.
pub(super) fn iso(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_opencti_does() {
        let moment: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(iso(moment), "2026-11-21T10:00:00.000Z");
        assert_eq!(iso(earlier(moment, OVERLAP)), "2026-11-21T09:58:00.000Z");
        assert_eq!(earlier(Timestamp::MIN, OVERLAP), Timestamp::MIN);
    }

    #[test]
    fn a_page_that_leads_nowhere_ends_the_attempt() {
        let page = Page {
            end_cursor: Some("a".to_owned()),
            ..Page::default()
        };
        assert_eq!(behind(&page, None).unwrap(), "a");
        assert!(behind(&page, Some("a")).is_err());
        assert!(behind(&Page::default(), Some("a")).is_err());
    }
}
