//! What an amendment changes in an alert as it was read. Pure.

use serde_json::{Map, Value, json};

use super::{
    seen::Seen,
    splice::{Spliced, disarmed, splice},
};
use crate::{
    Amendment, Raise, TagChange, TagCondition,
    iris::{
        config::Mapping,
        redaction::Redaction,
        resolved::Resolved,
        safe_text::{Changes, cut, page_text, tag_text},
        severity::is_graver,
    },
};

/// Longest text of a block in bytes.
pub(crate) const BLOCK_LIMIT: usize = 16 * 1024;
/// Longest note that is written in bytes; IRIS itself has no limit.
pub(crate) const NOTE_LIMIT: usize = 1 << 20;
/// What IRIS takes for "nobody" since 2.4.15 (facts/iris.md §0.6).
pub(super) const NOBODY: i64 = -1;

/// An amendment with texts that are safe for IRIS and a severity of this IRIS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) block: Option<(String, Option<String>)>,
    pub(crate) tags: TagChange,
    /// Name and id.
    pub(crate) severity: Option<(String, i64)>,
    pub(crate) only_if: Option<TagCondition>,
    /// Whether a text comes with it, in the note or in a comment.
    pub(crate) says: bool,
    pub(crate) changes: Changes,
}

impl Wish {
    pub(crate) fn of(
        amendment: &Amendment,
        (mapping, redaction): (&Mapping, &Redaction),
        resolved: &Resolved,
    ) -> Self {
        let mut changes = Changes::default();
        let block = amendment.block.as_ref().map(|block| {
            let text = block.text.as_deref().map(|text| {
                let text = disarmed(&page_text(
                    redaction.text(text, &mut changes).trim_end(),
                    &mut changes,
                ));
                cut(&text, BLOCK_LIMIT, "block_cut", &mut changes)
            });
            (block.name.clone(), text)
        });
        let mut clean = |tags: &[String]| -> Vec<String> {
            let tags = tags.iter().map(|tag| tag_text(tag, &mut changes));
            tags.filter(|tag| !tag.is_empty()).collect()
        };
        let tags = TagChange {
            add: clean(&amendment.tags.add),
            remove: clean(&amendment.tags.remove),
        };
        let name = amendment.raise.as_ref().map(|raise| match raise {
            Raise::Level(level) => mapping.severity(*level).to_owned(),
            Raise::Severity(name) => name.clone(),
        });
        let severity = name.and_then(|name| match resolved.severity_id(&name) {
            Some(id) => Some((name, id)),
            None => {
                changes.add("severity_unknown");
                None
            }
        });
        Self {
            says: block.is_some(),
            block,
            tags,
            severity,
            only_if: amendment.only_if.clone(),
            changes,
        }
    }

    /// Whether an alert with these tags may be changed.
    pub(crate) fn may_change(&self, tags: &str) -> bool {
        self.only_if
            .as_ref()
            .is_none_or(|condition| condition.holds(tags.split(',')))
    }

    /// Whether there is a tag that may not be there.
    pub(crate) fn is_forbidden(&self, tags: &str) -> bool {
        self.only_if
            .as_ref()
            .is_some_and(|condition| condition.forbids(tags.split(',')))
    }
}

/// The fields to write; `None` for what stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) note: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) severity: Option<i64>,
    /// A person, or [`NOBODY`].
    pub(super) owner: Option<i64>,
}

/// Why an amendment can't be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Plan {
    /// What is missing from the alert.
    pub(crate) fn of(wish: &Wish, seen: &Seen, mapping: &Mapping) -> Result<Self, NoRoom> {
        let plan = Self {
            note: new_note(wish, seen.note())?,
            tags: new_tags(&wish.tags, seen.tags()),
            severity: wish
                .severity
                .as_ref()
                .filter(|(name, _)| {
                    seen.severity()
                        .is_some_and(|now| is_graver(mapping, name, now))
                })
                .map(|(_, id)| *id),
            owner: None,
        };
        Ok(plan.owned_as(seen))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.note.is_none()
            && self.tags.is_none()
            && self.severity.is_none()
            && self.owner.is_none()
    }

    /// An update of an alert nobody owns would make us its owner (facts/iris.md §0.6).
    pub(super) fn owned_as(mut self, seen: &Seen) -> Self {
        if !self.is_empty() && seen.owner.is_none() && self.owner.is_none() {
            self.owner = Some(NOBODY);
        }
        self
    }

    /// The body of `POST /alerts/update/{id}`.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Map::new();
        if let Some(note) = &self.note {
            body.insert("alert_note".to_owned(), json!(note));
        }
        if let Some(tags) = &self.tags {
            body.insert("alert_tags".to_owned(), json!(tags));
        }
        if let Some(severity) = self.severity {
            body.insert("alert_severity_id".to_owned(), json!(severity));
        }
        if let Some(owner) = self.owner {
            body.insert("alert_owner_id".to_owned(), json!(owner));
        }
        serde_json::to_vec(&Value::Object(body)).unwrap_or_default()
    }

    /// Whether the alert shows what was posted.
    pub(crate) fn stands_in(&self, after: &Seen) -> bool {
        let is =
            |posted: &Option<String>, now: &str| posted.as_deref().is_none_or(|text| text == now);
        is(&self.note, after.note()) && is(&self.tags, after.tags())
    }
}

pub(super) fn new_note(wish: &Wish, note: &str) -> Result<Option<String>, NoRoom> {
    let Some((name, text)) = &wish.block else {
        return Ok(None);
    };
    match splice(note, name, text.as_deref()) {
        Spliced::Unchanged => Ok(None),
        Spliced::Changed(note) if note.len() <= NOTE_LIMIT => Ok(Some(note)),
        Spliced::Changed(_) | Spliced::Impossible => Err(NoRoom),
    }
}

/// The tags with a change made; `None` where nothing changes. Tags of others stay as they are written.
pub(crate) fn new_tags(change: &TagChange, tags: &str) -> Option<String> {
    let same = |one: &str, other: &str| one.trim() == other.trim();
    let parts: Vec<&str> = if tags.is_empty() {
        Vec::new()
    } else {
        tags.split(',').collect()
    };
    let mut kept: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|tag| !change.remove.iter().any(|gone| same(gone, tag)))
        .collect();
    for tag in &change.add {
        if !kept.iter().any(|known| same(known, tag)) {
            kept.push(tag);
        }
    }
    (kept != parts).then(|| kept.join(","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(add: &[&str], remove: &[&str]) -> TagChange {
        let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        TagChange {
            add: list(add),
            remove: list(remove),
        }
    }

    #[test]
    fn tags_of_others_stay_as_they_are_written() {
        let change = change(&["ai-reviewed", "wazuh"], &["ai-pending"]);
        assert_eq!(
            new_tags(&change, "wazuh, ai-pending,,  mine ").as_deref(),
            Some("wazuh,,  mine ,ai-reviewed")
        );
        assert_eq!(new_tags(&change, "wazuh,ai-reviewed"), None);
        assert_eq!(new_tags(&change, "").as_deref(), Some("ai-reviewed,wazuh"));
    }

    proptest! {
        #[test]
        fn a_change_of_tags_made_twice_is_made_once(tags in "[ab, ]{0,20}", add in proptest::collection::vec("[a-d]{1,2}", 0..4), remove in proptest::collection::vec("[e-h]{1,2}", 0..3)) {
            let change = TagChange { add, remove };
            let once = new_tags(&change, &tags).unwrap_or_else(|| tags.clone());
            prop_assert_eq!(new_tags(&change, &once), None);
        }
    }
}
