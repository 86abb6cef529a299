//! The alerts with one tag.
//!
//! IRIS searches tags as one text (a substring, whatever the case), sorts by event time alone and knows pages by number only, so a tag that
//! somebody takes away moves every later row one place forward (facts/iris.md §5). Therefore: first all ids, in pages from the last
//! to the first (a row that moves forward is met again, never passed over), then the wanted ones by their ids.

use std::collections::BTreeSet;

use serde_json::Value;
use tracing::warn;

use super::alert::{FIELDS, SMALL_FIELDS, row_id, tags};
use crate::{
    Outcome, Page,
    iris::{IrisSink, lookup::like_escaped, resolved::Resolved},
};

/// The most alerts a page has.
const MOST: usize = 100;
/// Rows of a page of ids where the server can leave the rest out, and where each row is a whole alert.
const SMALL_ROWS: usize = 500;
const WHOLE_ROWS: usize = 20;
const FEW_ROWS: usize = 4;
/// Pages of ids that are looked through, those with the oldest events.
const MOST_PAGES: u64 = 20;
/// Whole alerts asked for at a time: ten with the longest source content fit into an answer.
const AT_A_TIME: usize = 10;
/// A tag in IRIS is not longer.
const LONGEST_TAG: usize = 512;

impl IrisSink {
    pub(super) async fn page_of_tagged(
        &self,
        tag: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page, Outcome> {
        let tag = tag.trim();
        let limit = limit.clamp(1, MOST);
        // A comma parts tags, so no tag has one.
        if tag.is_empty() || tag.contains(',') || tag.len() > LONGEST_TAG {
            return Ok(Page::default());
        }
        let resolved = self.resolved(None).await?;
        let ids = self.ids_of_tagged(tag, &resolved).await?;
        let mut ids = ids
            .into_iter()
            .filter(|id| after.is_none_or(|after| *id > after));
        let wanted: Vec<i64> = ids.by_ref().take(limit).collect();
        let more_after = ids.next().and(wanted.last().copied());
        let mut page = Page {
            alerts: Vec::new(),
            more_after,
        };
        for some in wanted.chunks(AT_A_TIME) {
            for row in self.rows_of(some).await? {
                // Since the ids were listed somebody may have decided otherwise.
                let alert = self.seen_alert(&row, &resolved);
                if alert.has_tag(tag) && alert.ended.is_none() {
                    page.alerts.push(alert);
                }
            }
        }
        Ok(page)
    }

    /// The ids of all alerts with the tag that people are not done with.
    async fn ids_of_tagged(
        &self,
        tag: &str,
        resolved: &Resolved,
    ) -> Result<BTreeSet<i64>, Outcome> {
        let sizes: &[usize] = if self.chooses_fields().await? {
            &[SMALL_ROWS, WHOLE_ROWS, FEW_ROWS, 1]
        } else {
            &[WHOLE_ROWS, FEW_ROWS, 1]
        };
        let mut tried = Ok(BTreeSet::new());
        for rows in sizes {
            tried = self.ids_in_pages(tag, *rows, resolved).await;
            // Fewer at a time fit into an answer, where the server gives more than it was asked for.
            if !matches!(tried, Err(Outcome::Never { .. })) {
                break;
            }
        }
        tried
    }

    async fn ids_in_pages(
        &self,
        tag: &str,
        rows: usize,
        resolved: &Resolved,
    ) -> Result<BTreeSet<i64>, Outcome> {
        let mut found = BTreeSet::new();
        let total = self.ids_on(tag, 1, rows, resolved, &mut found).await?;
        let pages = total.div_ceil(rows as u64);
        if pages > MOST_PAGES {
            warn!(
                tag,
                alerts = total,
                "so many alerts have this tag that only those with the oldest events are looked at"
            );
        }
        let mut moved = false;
        for page in (2..=pages.min(MOST_PAGES)).rev() {
            moved |= self.ids_on(tag, page, rows, resolved, &mut found).await? != total;
        }
        if moved {
            self.ids_on(tag, 1, rows, resolved, &mut found).await?;
        }
        Ok(found)
    }

    /// Adds the ids of one page; how many rows all pages have.
    async fn ids_on(
        &self,
        tag: &str,
        page: u64,
        rows: usize,
        resolved: &Resolved,
        found: &mut BTreeSet<i64>,
    ) -> Result<u64, Outcome> {
        let (search, page, rows) = (like_escaped(tag), page.to_string(), rows.to_string());
        let query = [
            ("alert_tags", search.as_str()),
            ("sort", "asc"),
            ("fields", "alert_id,alert_tags,alert_status_id"),
            ("page", &page),
            ("per_page", &rows),
        ];
        let listed = self.list::<Value>(&query).await?;
        for row in &listed.alerts {
            let status = row["alert_status_id"].as_i64();
            let status = status.and_then(|id| resolved.status_name(id));
            let ended = status.and_then(|status| self.ends(status)).is_some();
            if let Some(id) = row_id(row)
                && !ended
                && tags(row).iter().any(|known| known == tag)
            {
                found.insert(id);
            }
        }
        Ok(listed.total)
    }

    /// Whole alerts by their ids, ascending. One that is too long for an answer comes without its description and content.
    async fn rows_of(&self, ids: &[i64]) -> Result<Vec<Value>, Outcome> {
        match self.listed(ids, FIELDS).await {
            Err(Outcome::Never { .. }) => {}
            rows => return rows,
        }
        let mut rows = Vec::new();
        for id in ids {
            let mut row = self.listed(&[*id], FIELDS).await;
            if matches!(row, Err(Outcome::Never { .. })) {
                row = self.listed(&[*id], SMALL_FIELDS).await;
            }
            match row {
                Ok(row) => rows.extend(row),
                Err(Outcome::Never { why }) => warn!(alert_id = id, why, "left out"),
                Err(outcome) => return Err(outcome),
            }
        }
        Ok(rows)
    }

    async fn listed(&self, ids: &[i64], fields: &str) -> Result<Vec<Value>, Outcome> {
        let text: Vec<String> = ids.iter().map(i64::to_string).collect();
        let (text, count) = (text.join(","), ids.len().to_string());
        let query = [
            ("alert_ids", text.as_str()),
            ("fields", fields),
            ("page", "1"),
            ("per_page", &count),
        ];
        let mut rows = self.list::<Value>(&query).await?.alerts;
        rows.retain(|row| row_id(row).is_some_and(|id| ids.contains(&id)));
        rows.sort_by_key(row_id);
        rows.dedup_by_key(|row| row_id(row));
        Ok(rows)
    }
}
