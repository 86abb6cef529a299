//! Finding what was deleted, by the list of all ids (facts/opencti.md §4).
//!
//! The list is only believed when it is whole, and a list that would delete much is believed the second time only: a token that sees less
//! than before (a lower clearance, another organisation) gives a short list without an error. Ids cost 16 bytes each.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    filters::{self, Condition},
    graphql::Page,
    pages::{behind, earlier},
    place::Place,
    poison::may_be_content,
    queries,
    sync::Run,
};
use crate::provider::{ErrorKind, Phase, ProviderError, storing};

/// How long a list that would delete much is doubted.
const DOUBT: Duration = Duration::from_secs(600);

/// So often a list of ids is tried in a row, and after so long again.
const UNLISTED: u32 = 5;
const AGAIN: Duration = Duration::from_secs(3600);

/// Ids in little room: nearly all are UUIDs.
#[derive(Debug, Default)]
struct Ids {
    uuids: Vec<u128>,
    others: Vec<String>,
}

impl Ids {
    fn add(&mut self, id: &str) {
        match Uuid::try_parse(id) {
            // Only the common form is given back as it was.
            Ok(uuid) if uuid.hyphenated().to_string() == id => self.uuids.push(uuid.as_u128()),
            _ if id.len() <= crate::Indicator::LONGEST_ID => self.others.push(id.to_owned()),
            _ => {}
        }
    }

    /// Without doubles, which an insertion during the listing can bring.
    fn tidy(&mut self) {
        self.uuids.sort_unstable();
        self.uuids.dedup();
        self.others.sort_unstable();
        self.others.dedup();
    }

    fn len(&self) -> u64 {
        (self.uuids.len() + self.others.len()) as u64
    }

    fn texts(&self) -> impl Iterator<Item = String> + '_ {
        let uuid = |id: &u128| Uuid::from_u128(*id).hyphenated().to_string();
        self.uuids
            .iter()
            .map(uuid)
            .chain(self.others.iter().cloned())
    }
}

impl Run<'_> {
    /// Removes what is no longer in the list; reads everything anew where the list names much that is not here.
    pub(super) async fn reconcile(&mut self, place: &mut Place) -> Result<(), ProviderError> {
        let started = self.progress.now();
        let (ids, total) = match self.ids().await {
            Ok(listed) => listed,
            Err(error) => return self.put_off(place, error).await,
        };
        self.unlisted = 0;
        self.doubt(&ids, total).await?;
        let listed = ids.len();
        let (store, name) = (self.store.clone(), self.provider.name.clone());
        let removed = storing::blocking(move || store.reconcile(&name, ids.texts())).await?;
        if !removed.is_empty() {
            info!(
                provider = self.provider.name,
                removed = removed.len(),
                "indicators that OpenCTI no longer has are removed"
            );
        }
        for id in &removed {
            self.seen.remove(id);
        }
        place.reconciled_at = started;
        self.apply(Vec::new(), place).await?;
        // What came in while the ids were listed.
        self.catch_up(place).await?;
        self.refill(place, listed).await?;
        self.got_on = true;
        Ok(())
    }

    /// A list of ids that can't be read does not hold up everything else: nothing is removed, and it is tried again after an hour.
    async fn put_off(
        &mut self,
        place: &mut Place,
        error: ProviderError,
    ) -> Result<(), ProviderError> {
        self.unlisted += 1;
        if !may_be_content(&error) || self.unlisted < UNLISTED {
            return Err(error);
        }
        self.unlisted = 0;
        let next = self.progress.now() + AGAIN;
        place.reconciled_at = earlier(next, self.provider.config.reconcile);
        self.progress.hint(Some(format!(
            "what was deleted at OpenCTI can't be found, because its list of ids can't be read; nothing is removed ({error})"
        )));
        warn!(provider = self.provider.name, %error, "the list of ids can't be read; tried again after an hour");
        self.apply(Vec::new(), place).await
    }

    /// A clearance that was raised shows indicators whose last change is long past: only a whole list brings them.
    async fn refill(&mut self, place: &mut Place, listed: u64) -> Result<(), ProviderError> {
        let missing = listed.saturating_sub(self.here().await?);
        if missing <= place.missing.max(listed / 1000).max(10) {
            return Ok(());
        }
        info!(
            provider = self.provider.name,
            missing, "OpenCTI lists indicators that are not here: reading everything anew"
        );
        let stream = place.stream.clone();
        *place = self.full().await?;
        place.stream = place.stream.take().or(stream);
        place.missing = listed.saturating_sub(self.here().await?);
        self.apply(Vec::new(), place).await
    }

    async fn here(&self) -> Result<u64, ProviderError> {
        let (store, name) = (self.store.clone(), self.provider.name.clone());
        storing::blocking(move || {
            let status = store.status();
            Ok(status
                .providers
                .get(&name)
                .map_or(0, |provider| provider.indicators))
        })
        .await
    }

    /// All ids, and how many there are, says the server.
    async fn ids(&mut self) -> Result<(Ids, u64), ProviderError> {
        let mut ids = Ids::default();
        let mut after: Option<String> = None;
        let mut total = None;
        self.size.new_list();
        loop {
            let page = self.id_page(after.as_deref()).await?;
            if total.is_none() {
                total = page.global_count;
            }
            if page.broken > 0 {
                return Err(ProviderError::passing(
                    ErrorKind::Answer,
                    "OpenCTI's list of ids can't be read whole; nothing is removed",
                ));
            }
            if page.len() == 0 {
                break;
            }
            after = Some(behind(&page, after.as_deref())?);
            for id in page.nodes.iter().filter_map(|node| node["id"].as_str()) {
                ids.add(id);
            }
            self.progress.phase(Phase::Reconcile, ids.len(), total);
        }
        ids.tidy();
        Ok((ids, total.unwrap_or(0)))
    }

    async fn id_page(&mut self, after: Option<&str>) -> Result<Page, ProviderError> {
        let first = self.size.next();
        let variables = |dialect| -> Value {
            let all = [Condition::one_of("pattern_type", vec!["stix".to_owned()])];
            json!({"filters": filters::all(dialect, &all), "first": first, "after": after})
        };
        let session = &self.provider.session;
        let answer = session
            .ask_in_dialect(queries::ids, variables, None)
            .await?;
        let page = answer.page("indicators")?;
        self.size.came(page.len());
        Ok(page)
    }

    /// A list that is shorter than the server says, or that would delete more than half, is not believed at once.
    async fn doubt(&mut self, ids: &Ids, total: u64) -> Result<(), ProviderError> {
        let (listed, here) = (ids.len(), self.here().await?);
        let short = listed + total / 100 + 1 < total;
        let much = here > 20 && listed < here / 2;
        if !short && !much {
            self.doubted = None;
            return Ok(());
        }
        let since = *self.doubted.get_or_insert_with(Instant::now);
        if much && !short && since.elapsed() >= DOUBT {
            self.doubted = None;
            return Ok(());
        }
        Err(if short {
            ProviderError::passing(
                ErrorKind::Answer,
                format!(
                    "OpenCTI's list of ids ended after {listed} of {total}; nothing is removed, it is tried again"
                ),
            )
        } else {
            ProviderError::operator(
                ErrorKind::Right,
                format!(
                    "OpenCTI shows {listed} indicators where {here} are here: has the clearance (markings, organisation) of the token's \
                     user been lowered? Give it back, or wait: if the list is the same in ten minutes, the others are removed"
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_back_as_they_were() {
        let mut ids = Ids::default();
        let known = [
            "4f8b5b0e-0000-4000-8000-000000000001",
            "4F8B5B0E-0000-4000-8000-000000000001",
            "odd",
        ];
        for id in known.iter().chain(&known) {
            ids.add(id);
        }
        ids.tidy();
        let mut texts: Vec<String> = ids.texts().collect();
        texts.sort();
        let mut expected = known.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!((texts, ids.len()), (expected, 3));
    }
}
