//! The note an analyst reads.
//!
//! Plain text for `<pre>` (facts/iris.md §9): at most 3,000 characters, lines of at most 110, no `<`. The first line and the five
//! headings are those of the scripts that came before, in their order: other tools look for them (facts/peers.md §6).
//!
//! - **Only our words begin a line.** What a model or an alert says is indented, so it can't look like a heading of ours.
//! - **It never holds a mark** of the block it is written into (`docs/iris-notes.md`).
//! - **It always fits.** Where all of it would be too long, quotes, steps and reasoning are shortened first, and it says so.

mod layout;
mod origin;
mod provenance;
mod room;
mod sections;

use self::layout::{Page, plain_word};
pub use self::provenance::Provenance;
use self::room::Room;
use crate::guard::Review;

/// The first line of every review. Older scripts leave an alert alone that has it.
pub const MARKER: &str = "AI TRIAGE REVIEW (OLLAMA)";
/// The first line where there is no review. It is not [`MARKER`], so that a later review is not taken for done.
pub const FAILED_MARKER: &str = "AI TRIAGE FAILED (OLLAMA)";

/// Characters.
const LONGEST_NOTE: usize = 3_000;
/// Characters of the reason in a note about a failure.
const LONGEST_REASON: usize = 400;

/// The note for a review.
pub fn write(review: &Review, provenance: &Provenance) -> String {
    let mut note = String::new();
    for room in Room::ALL {
        note = sections::page(review, provenance, room).finish();
        if note.chars().count() <= LONGEST_NOTE {
            return note;
        }
    }
    // The smallest room fits for every review that `judge` makes; one built by hand is cut.
    layout::cut_lines(&note, LONGEST_NOTE)
}

/// The note where the model could not be asked or its answer not be used. The class is a word of ours, the text is for the operator.
pub fn write_failure(class: &str, text: &str, provenance: &Provenance) -> String {
    let mut page = Page::new(FAILED_MARKER);
    page.line("no review was made; the alert is as Wazuh sent it");
    page.gap();
    page.model(
        "",
        &format!(
            "{}: {}",
            plain_word(class, 40),
            layout::safe(text, LONGEST_REASON)
        ),
    );
    page.gap();
    page.line("To try again, put the tag back that asks for a review.");
    origin::lines(&mut page, "Model", provenance);
    page.finish()
}
