//! The ids of the alerts with one tag.
//!
//! IRIS searches tags as one text (a substring, whatever the case), sorts by event time alone and knows pages by number only, so a tag that
//! somebody takes away moves every later row one place forward (facts/iris.md §5). Therefore pages are read from the last to the first:
//! a row that moves forward is met again, never passed over.
//!
//! A page that is too long for an answer, or can't be read, is read again as several smaller ones, down to the single row, which is left
//! out.

use std::collections::BTreeSet;

use serde_json::Value;
use tracing::warn;

use super::alert::{row_id, tags};
use crate::{
    Outcome,
    iris::{IrisSink, lookup::like_escaped, resolved::Resolved},
};

/// Rows of a page where the server can leave all but ids, tags and status out; each divides the one before.
const SMALL: &[usize] = &[500, 20, 4, 1];
/// The same where each row is a whole alert.
const WHOLE: &[usize] = &[20, 4, 1];
/// Pages of the largest size that are looked through, those with the oldest events.
const MOST_PAGES: u64 = 20;

/// One search.
struct Search<'a> {
    tag: &'a str,
    resolved: &'a Resolved,
    found: BTreeSet<i64>,
    /// Rows of all pages, as the server said first.
    total: Option<u64>,
    /// Whether it said otherwise later.
    moved: bool,
}

impl IrisSink {
    /// The ids of all alerts with the tag that people are not done with.
    pub(super) async fn ids_of_tagged(
        &self,
        tag: &str,
        resolved: &Resolved,
    ) -> Result<BTreeSet<i64>, Outcome> {
        let sizes = if self.chooses_fields().await? {
            SMALL
        } else {
            WHOLE
        };
        let mut search = Search {
            tag,
            resolved,
            found: BTreeSet::new(),
            total: None,
            moved: false,
        };
        self.look_at(&mut search, 1, sizes).await?;
        let Some(total) = search.total else {
            return Err(Outcome::Never {
                why: format!("none of the oldest alerts with the tag `{tag}` can be read in IRIS"),
            });
        };
        let pages = total.div_ceil(sizes[0] as u64);
        if pages > MOST_PAGES {
            warn!(
                tag,
                alerts = total,
                "so many alerts have this tag that only those with the oldest events are looked at"
            );
        }
        for page in (2..=pages.min(MOST_PAGES)).rev() {
            self.look_at(&mut search, page, sizes).await?;
        }
        if search.moved {
            self.look_at(&mut search, 1, sizes).await?;
        }
        Ok(search.found)
    }

    /// Adds the ids of one page of the first of these sizes.
    async fn look_at(
        &self,
        search: &mut Search<'_>,
        page: u64,
        sizes: &[usize],
    ) -> Result<(), Outcome> {
        let mut todo = vec![(page, sizes)];
        while let Some((page, sizes)) = todo.pop() {
            let [rows, smaller @ ..] = sizes else {
                continue;
            };
            let before = (page - 1).saturating_mul(*rows as u64);
            if search
                .total
                .is_some_and(|total| before > 0 && before >= total)
            {
                continue;
            }
            match (self.page_of_ids(search, page, *rows).await, smaller) {
                (Ok(()), _) => {}
                (Err(Outcome::Never { why }), []) => {
                    let what = format!("row {page} of the alerts with the tag `{}`", search.tag);
                    self.left_out.tell(what, &why);
                }
                (Err(Outcome::Never { .. }), [next, ..]) => {
                    // The last of them is taken first.
                    let parts = (rows / next) as u64;
                    let first = (page - 1) * parts + 1;
                    todo.extend((first..first + parts).map(|page| (page, smaller)));
                }
                (Err(outcome), _) => return Err(outcome),
            }
        }
        Ok(())
    }

    async fn page_of_ids(
        &self,
        search: &mut Search<'_>,
        page: u64,
        rows: usize,
    ) -> Result<(), Outcome> {
        let (text, page, rows) = (like_escaped(search.tag), page.to_string(), rows.to_string());
        let query = [
            ("alert_tags", text.as_str()),
            ("sort", "asc"),
            ("fields", "alert_id,alert_tags,alert_status_id"),
            ("page", &page),
            ("per_page", &rows),
        ];
        let listed = self.list::<Value>(&query).await?;
        let first_said = *search.total.get_or_insert(listed.total);
        search.moved |= first_said != listed.total;
        for row in &listed.alerts {
            let status = row["alert_status_id"].as_i64();
            let status = status.and_then(|id| search.resolved.status_name(id));
            let ended = status.and_then(|status| self.ends(status)).is_some();
            if let Some(id) = row_id(row)
                && !ended
                && tags(row).iter().any(|known| known == search.tag)
            {
                search.found.insert(id);
            }
        }
        Ok(())
    }
}
