//! The tags: one comma-separated text in IRIS.

use super::fields::{self, Fields};
use crate::iris::safe_text::{Changes, tag_text};

/// The most tags. Each known one costs IRIS half a millisecond, a new one two (facts/iris.md §8).
pub(crate) const MOST_TAGS: usize = 40;

/// The tags of an alert in the templates' order, then those it was given, without doubles. What a tool asked for is never left out for
/// what an alert says.
pub(crate) fn tags(
    templates: &[String],
    given: &[String],
    fields: &Fields<'_>,
    changes: &mut Changes,
) -> Vec<String> {
    let given = distinct(given.iter(), MOST_TAGS, changes);
    let texts: Vec<String> = templates
        .iter()
        .flat_map(|template| fields::expand(template, fields))
        .collect();
    let room = MOST_TAGS - given.len();
    let mut tags = distinct(texts.iter(), room, changes);
    tags.retain(|tag| !given.contains(tag));
    tags.extend(given);
    tags
}

fn distinct<'a>(
    texts: impl Iterator<Item = &'a String>,
    most: usize,
    changes: &mut Changes,
) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for text in texts {
        let tag = tag_text(text, changes);
        if tag.is_empty() || tags.contains(&tag) {
            continue;
        }
        if tags.len() == most {
            changes.add("tag_left_out");
            continue;
        }
        tags.push(tag);
    }
    tags
}

/// The tags that can't be what IRIS refuses: plain and short.
pub(crate) fn plain(tags: &[String]) -> Vec<String> {
    let is_plain = |tag: &&String| {
        tag.len() <= 64
            && tag
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    tags.iter().filter(is_plain).cloned().collect()
}
