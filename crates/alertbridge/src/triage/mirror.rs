//! What people see of a job in IRIS: its tags and its text. The ledger is the authority; this is its mirror.
//!
//! Everything goes through the sink's `amend`, which reads, merges, writes once and reads back, takes no ownership, and stops where
//! people have taken our tag off.

use std::sync::Arc;

use alertbridge_ledger::ClaimedJob;
use alertbridge_sinks::{Amended, Amendment, Block, Identity, Reviewable, TagChange, TagCondition};
use alertbridge_triage::guard::TAGS;

use super::{OutputPlace, TagNames};

/// The block's name in the note.
const BLOCK: &str = "triage";

/// Writes for one sink.
pub struct Mirror {
    iris: Arc<dyn Reviewable>,
    tags: TagNames,
    output: OutputPlace,
}

/// How a job's end is shown.
pub struct Shown<'a> {
    /// The tag that says it: one of ours.
    pub state: &'a str,
    /// Further tags of the closed set.
    pub tags: &'a [String],
    /// The text, if any.
    pub text: Option<&'a str>,
}

impl Mirror {
    /// Through `iris`.
    pub fn new(iris: Arc<dyn Reviewable>, tags: TagNames, output: OutputPlace) -> Self {
        Self { iris, tags, output }
    }

    /// The sink.
    pub fn iris(&self) -> &dyn Reviewable {
        &*self.iris
    }

    /// The names.
    pub fn tags(&self) -> &TagNames {
        &self.tags
    }

    /// The model is about to read it.
    pub async fn processing(&self, job: &ClaimedJob) -> Amended {
        let change = swap(&self.tags.pending, &self.tags.processing);
        self.iris.amend(&self.amendment(job, change, None)).await
    }

    /// It waits again.
    pub async fn pending(&self, job: &ClaimedJob) -> Amended {
        let change = swap(&self.tags.processing, &self.tags.pending);
        self.iris.amend(&self.amendment(job, change, None)).await
    }

    /// It has ended. Tags and note are one update; a comment comes before its tags, under the same conditions.
    pub async fn ended(&self, job: &ClaimedJob, shown: &Shown<'_>) -> Amended {
        let add: Vec<String> = std::iter::once(shown.state.to_owned())
            .chain(shown.tags.iter().cloned())
            .collect();
        // What an earlier review said is over.
        let states = [
            &self.tags.pending,
            &self.tags.processing,
            &self.tags.reviewed,
            &self.tags.failed,
            &self.tags.skipped,
        ];
        let remove = states
            .into_iter()
            .map(String::as_str)
            .chain(TAGS.iter().copied())
            .filter(|tag| !add.iter().any(|one| one == tag))
            .map(str::to_owned)
            .collect();
        let change = TagChange { add, remove };
        match (self.output, shown.text) {
            (OutputPlace::Comment, Some(text)) => {
                let marker = format!("[alertbridge triage {}]", job.job);
                let amendment = self.amendment(job, change, None);
                self.iris.comment(&marker, text, &amendment).await
            }
            (_, text) => self.iris.amend(&self.amendment(job, change, text)).await,
        }
    }

    fn amendment(&self, job: &ClaimedJob, tags: TagChange, text: Option<&str>) -> Amendment {
        Amendment {
            reference: job.reference.clone(),
            lane: job.lane.clone(),
            id: job.id.clone(),
            identity: if job.reference.is_empty() {
                Identity::IdOnly
            } else {
                Identity::Reference
            },
            block: text.map(|text| Block {
                name: BLOCK.to_owned(),
                text: Some(text.to_owned()),
            }),
            tags,
            raise: None,
            unless_ended: true,
            only_if: Some(TagCondition {
                any_of: vec![self.tags.pending.clone(), self.tags.processing.clone()],
                none_of: vec![self.tags.skip.clone()],
            }),
        }
    }
}

fn swap(from: &str, to: &str) -> TagChange {
    TagChange {
        add: vec![to.to_owned()],
        remove: vec![from.to_owned()],
    }
}
