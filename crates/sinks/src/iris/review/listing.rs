//! The alerts with one tag: first all their ids (`ids`), then the wanted ones by their ids.

use serde_json::Value;

use super::alert::{FIELDS, SMALL_FIELDS, row_id};
use crate::{Outcome, Page, iris::IrisSink};

/// The most alerts a page has.
const MOST: usize = 100;
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

    /// Whole alerts by their ids, ascending. One that is too long for an answer, or can't be read, comes without its description and
    /// content, and is left out where that is not enough.
    async fn rows_of(&self, ids: &[i64]) -> Result<Vec<Value>, Outcome> {
        let mut rows = Vec::new();
        let mut parts = vec![ids];
        while let Some(ids) = parts.pop() {
            let mut read = self.listed(ids, FIELDS).await;
            if matches!(read, Err(Outcome::Never { .. })) {
                if ids.len() > 1 {
                    let (first, second) = ids.split_at(ids.len() / 2);
                    parts.extend([second, first]);
                    continue;
                }
                read = self.listed(ids, SMALL_FIELDS).await;
            }
            match read {
                Ok(read) => rows.extend(read),
                Err(Outcome::Never { why }) => {
                    for id in ids {
                        self.left_out.tell(format!("alert {id}"), &why);
                    }
                }
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
