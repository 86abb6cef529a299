//! Changing what a sink took already: the count of repeats, a triage note, a hit of intelligence that came later.
//!
//! A sink that can do it says so with [`crate::Sink::amends`]. An amendment is safe to repeat: one whose every part is there already
//! ends as [`Amended::Unchanged`], so a lost answer needs no look-up.

use std::{fmt, time::Duration};

use crate::{Change, Scope};

/// What shall be changed in one delivered alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amendment {
    /// The alert's reference.
    pub reference: String,
    /// Its lane.
    pub lane: String,
    /// The sink's id of it ([`crate::Proof::id`]); empty where the sink never told it.
    pub id: String,
    /// The text to write, if any.
    pub block: Option<Block>,
    /// Tags to add and to remove.
    pub tags: TagChange,
    /// The severity it shall have at least; it is never lowered.
    pub raise: Option<Raise>,
    /// Leave an alert alone that people are done with (closed, merged). One that is deleted is always left alone.
    pub unless_ended: bool,
    /// Leave an alert alone whose tags say so, by what is read just before the change. One that shows everything already is
    /// [`Amended::Unchanged`] even where `any_of` is gone: the change itself may have taken those tags away.
    pub only_if: Option<TagCondition>,
    /// How it is made sure that it is the alert that is meant.
    pub identity: Identity,
}

/// How an amendment knows its alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// By reference and lane: an alert that Alertbridge delivered. Another one under the same id is left alone.
    #[default]
    Reference,
    /// By the sink's id alone: an alert that others made. Reference and lane say nothing then.
    IdOnly,
}

/// What an alert's tags must be, compared as whole tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagCondition {
    /// One of these must be there; empty asks for none.
    pub any_of: Vec<String>,
    /// None of these may be there.
    pub none_of: Vec<String>,
}

impl TagCondition {
    /// Whether a list of tags is as it must be.
    ///
    /// ```
    /// use alertbridge_sinks::TagCondition;
    ///
    /// let condition = TagCondition {
    ///     any_of: vec!["ai-pending".to_owned()],
    ///     none_of: vec!["ai-skip".to_owned()],
    /// };
    /// assert!(condition.holds(["wazuh", "ai-pending"]));
    /// assert!(!condition.holds(["not-ai-pending"]));
    /// assert!(!condition.holds(["ai-pending", "ai-skip"]));
    /// ```
    pub fn holds<'a>(&self, tags: impl IntoIterator<Item = &'a str>) -> bool {
        let tags: Vec<&str> = tags.into_iter().collect();
        let wanted = self.any_of.is_empty() || has_any(&tags, &self.any_of);
        wanted && !has_any(&tags, &self.none_of)
    }

    /// Whether one of the tags is there that may not be.
    pub fn forbids<'a>(&self, tags: impl IntoIterator<Item = &'a str>) -> bool {
        let tags: Vec<&str> = tags.into_iter().collect();
        has_any(&tags, &self.none_of)
    }
}

fn has_any(tags: &[&str], listed: &[String]) -> bool {
    tags.iter()
        .any(|tag| listed.iter().any(|known| known.trim() == tag.trim()))
}

/// A text of ours in an alert, beside other people's. Each name has one place there, which is found again and rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Lower-case letters and hyphens: `repeats`, `triage`.
    pub name: String,
    /// The text, several lines; `None` removes the block.
    pub text: Option<String>,
}

/// A change of tags. Those that are not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// To be there.
    pub add: Vec<String>,
    /// Not to be there.
    pub remove: Vec<String>,
}

/// A severity, by one of two ways to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raise {
    /// The one that alerts of this rule level get.
    Level(u32),
    /// The one of this name.
    Severity(String),
}

/// What came of an amendment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amended {
    /// The sink shows it; what had to be changed or repaired on the way.
    Written(Vec<Change>),
    /// The sink shows the text in a comment, but this server can't make the change of tags that was asked for (facts/iris.md §0.6); it says
    /// the same each time, until the alert has an owner. What else was changed or left out on the way.
    TagsKept(Vec<Change>),
    /// Everything was there already.
    Unchanged,
    /// The alert's tags are not as [`Amendment::only_if`] asks: somebody decided otherwise, and nothing was written now. Where they decided
    /// at the very moment of a change that has tags but no text, the tags are as they made them.
    Overruled,
    /// People are done with this alert; nothing was written.
    Ended {
        /// What became of it.
        why: Ending,
    },
    /// Not written, or not for sure: try again.
    Retry {
        /// The sink's own wish, else the worker's backoff decides.
        after: Option<Duration>,
        /// Why, one line without secrets.
        why: String,
        /// As in [`crate::Outcome::Retry`].
        sink_wide: bool,
    },
    /// The operator must mend something.
    Paused {
        /// How much waits.
        scope: Scope,
        /// What is wrong and what to do about it.
        why: String,
    },
    /// The sink can never take it.
    Never {
        /// Why, one line without secrets.
        why: String,
    },
}

/// How an alert ended in the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has a status that ends it.
    Closed,
    /// It is not there any more, or another alert has its id.
    Deleted,
    /// It is part of a case.
    Merged,
}

impl Ending {
    /// `closed`, `deleted`, `merged`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
