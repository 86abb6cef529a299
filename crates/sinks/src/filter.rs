//! What takes secrets out of texts before a sink shows them.
//!
//! The sinks know only this trait; the program gives them the rules of redaction.

/// Takes out of a text what must not be shown. The same text gives the same result, and what it gives stays as it is when it
/// is filtered again.
pub trait TextFilter: Send + Sync {
    /// One line that everyone sees: a title, a command line in it. Called before it is cut, because half a secret has no shape.
    fn title(&self, text: &str) -> String;

    /// A text of several lines.
    fn text(&self, text: &str) -> String;
}
