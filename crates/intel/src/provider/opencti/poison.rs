//! An object that OpenCTI can't give: every page that holds it fails, whatever is asked (a document too large for its search engine, a
//! broken reference). The list must not end there.
//!
//! Pages are asked for in ever smaller pieces first ([`super::cut`]). Where even a single object can't be given, and OpenCTI answers
//! otherwise, the list goes on behind it: its time is found by halving, because nobody says it. What was last changed in that very
//! millisecond is left out with it, and so are neighbours that can't be given either; together they are counted as one, and named in the hint.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::warn;

use super::{filters::Condition, pages::iso, sync::Run};
use crate::provider::{ErrorKind, ProviderError};

/// Failures at one place before it is looked at closely, and again with pages of one object.
const STUCK: u32 = 3;

/// Objects that are known to be left out.
const MOST: usize = 10_000;

/// What OpenCTI can't give.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// When each was last changed.
    times: BTreeSet<Timestamp>,
    /// What is said of the last one.
    pub(super) hint: Option<String>,
}

/// Where pages fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// The latest change that was read before it.
    read: Option<Timestamp>,
    /// With pages of one object.
    alone: bool,
    failures: u32,
}
/// OpenCTI's clock may be ahead of ours, milliseconds: a day.
const AHEAD: i64 = 24 * 3600 * 1000;
/// A question that fails is asked again before it is believed.
const TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(2);

/// Whether an error may be due to what was asked for.
pub(super) fn may_be_content(error: &ProviderError) -> bool {
    let kind = matches!(error.kind(), ErrorKind::Answer | ErrorKind::Busy);
    kind && !error.needs_operator() && error.retry_after().is_none()
}

impl Run<'_> {
    /// After a page failed: the time behind which the list goes on. `read` is the latest change that was read before.
    ///
    /// # Errors
    /// The page's own error, where it is not (or not yet) known to be one object's.
    pub(super) async fn step_over(
        &mut self,
        error: ProviderError,
        read: Option<Timestamp>,
    ) -> Result<Timestamp, ProviderError> {
        if !may_be_content(&error) {
            return Err(error);
        }
        let alone = self.size.next() == 1;
        let before = self.stuck.take();
        let before = before.filter(|stuck| (stuck.read, stuck.alone) == (read, alone));
        let failures = before.map_or(0, |stuck| stuck.failures) + 1;
        if failures < STUCK {
            self.stuck = Some(Stuck {
                read,
                alone,
                failures,
            });
            return Err(error);
        }
        if !alone {
            self.size.single();
            return Err(error);
        }
        let mut bad = read.unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond();
        let now = self.progress.now().as_millisecond();
        let mut good = now.max(bad).saturating_add(AHEAD);
        // Where nothing can be asked for, it is OpenCTI that is ill and not an object.
        if !self.answers(good).await? {
            return Err(error);
        }
        if self.answers(bad).await? {
            good = bad;
        }
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if self.answers(middle).await? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        let behind = Timestamp::from_millisecond(good).unwrap_or(Timestamp::MAX);
        let changed = iso(behind);
        warn!(
            provider = self.provider.name,
            changed, %error, "OpenCTI can't give an indicator; the list goes on behind it"
        );
        // The overlap of later questions meets it again.
        if self.left_out.times.len() < MOST && self.left_out.times.insert(behind) {
            self.progress.count(1, 0);
        }
        let hint = Some(format!(
            "OpenCTI can't give an indicator, or several in a row, last changed at {changed}; it is left out. Look at it there, or delete it \
             ({error})"
        ));
        self.left_out.hint.clone_from(&hint);
        self.progress.hint(hint);
        self.size.all_is_well();
        self.got_on = true;
        Ok(behind)
    }

    /// Whether OpenCTI gives the first object behind a moment, if there is one.
    async fn answers(&mut self, milliseconds: i64) -> Result<bool, ProviderError> {
        let moment = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        let condition = Condition::compared("updated_at", "gt", iso(moment));
        for tried in 0..TRIES {
            if tried > 0 {
                sleep(BETWEEN).await;
            }
            match self
                .page_of(1, std::slice::from_ref(&condition), None)
                .await
            {
                Ok(_) => return Ok(true),
                Err(error) if may_be_content(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
