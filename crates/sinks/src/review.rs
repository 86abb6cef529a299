//! Alerts as people and other tools left them in a sink: what a review reads before it writes, and learns from afterwards.
//!
//! A trait of its own, so that a review can be tested with a scripted sink. What it writes goes through [`crate::Sink::amend`], or into
//! a comment.

use jiff::Timestamp;

use crate::{Amended, Amendment, Ending, Outcome, Sink, SinkFuture};

/// A sink whose alerts can be found by their tags and read again.
///
/// `Err` holds an [`Outcome::Retry`], [`Outcome::Paused`] or [`Outcome::Never`], never another.
pub trait Reviewable: Sink {
    /// Alerts with exactly this tag, the oldest (smallest id) first: those behind the id `after`, at most `limit` (1 to 100).
    /// Those that people are done with are left out. Bounded in time and memory. Tags that are taken away meanwhile hide no other alert;
    /// one that gets the tag meanwhile may be found only when the search begins again without `after`.
    fn tagged<'a>(
        &'a self,
        tag: &'a str,
        after: Option<i64>,
        limit: usize,
    ) -> SinkFuture<'a, Result<Page, Outcome>>;

    /// One alert; `None` where it was deleted or is hidden from the key's user.
    fn read<'a>(&'a self, id: &'a str) -> SinkFuture<'a, Result<Option<SeenAlert>, Outcome>>;

    /// Makes an amendment as [`Sink::amend`] does, under all its conditions, and says a text in a comment before anything else of it is
    /// written: its tags may tell of the comment. There is one comment for each marker: that of ours with the marker in its first line is
    /// rewritten. The marker, one line of at most 200 bytes, is put before a text whose first line does not hold it.
    ///
    /// [`Amended::Unchanged`] where comment and amendment are there already. Where the comment is written and the rest fails, the next try
    /// goes on from there; who decides against it in between leaves the comment alone.
    fn comment<'a>(
        &'a self,
        marker: &'a str,
        text: &'a str,
        amendment: &'a Amendment,
    ) -> SinkFuture<'a, Amended>;
}

/// Some of the alerts with a tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// By id, ascending.
    pub alerts: Vec<SeenAlert>,
    /// Where there are more: what to give as `after` next.
    pub more_after: Option<i64>,
}

/// An alert as it was read. Every text comes from outside and may be anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenAlert {
    /// The sink's id.
    pub id: String,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The event as it was delivered; null where there is none.
    pub source_content: serde_json::Value,
    /// The reference as the sink holds it; empty where there is none.
    pub source_ref: String,
    /// Its tags without the spaces around them.
    pub tags: Vec<String>,
    /// The severity by name, or the sink's id of it where the name is unknown; empty where there is none.
    pub severity: String,
    /// The status in the same way.
    pub status: String,
    /// What people found it to be, in the same way: `True Positive With Impact`, `False Positive`, …
    pub resolution: Option<String>,
    /// The user who has it.
    pub owner: Option<i64>,
    /// The note.
    pub note: String,
    /// Whether people are done with it.
    pub ended: Option<Ending>,
    /// The lane of its customer, as [`Sink::lane`] names it.
    pub lane: String,
    /// When the sink made it, UTC.
    pub created_at: Option<Timestamp>,
    /// When the event happened, UTC.
    pub event_at: Option<Timestamp>,
    /// The last change that its history tells of, by the sink's clock.
    pub updated_at: Option<Timestamp>,
}

impl SeenAlert {
    /// Whether it has exactly this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known == tag.trim())
    }
}
