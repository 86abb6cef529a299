//! The title.

use super::fields::{self, Fields};
use crate::iris::safe_text::{Changes, TITLE_LIMIT, cut, page_text};

/// What stands where an alert gives nothing to make a title of.
const NOTHING: &str = "No Description";

/// The title of an alert, one line.
pub(crate) fn title(template: &str, fields: &Fields<'_>, changes: &mut Changes) -> String {
    let text = fields::joined(template, fields);
    let text = fields.shown_title(&text, changes);
    let text = page_text(text.trim(), changes).replace(['\n', '\t'], " ");
    let text = cut(text.trim(), TITLE_LIMIT, "title_cut", changes);
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        text
    }
}
