//! Secrets that must not be shown: which texts for people pass the filter before they are cut.
//!
//! The source content never passes it: it is the evidence.

use std::{fmt, sync::Arc};

use super::{
    config::Redact,
    safe_text::{Changes, head_of},
};
use crate::TextFilter;

/// Longest text in bytes that the filter is given; what is shown is far shorter.
const TEXT_LIMIT: usize = 1 << 20;
/// Of a longer one so much of the end is left out as well: a secret may have been cut there.
const BROKEN_END: usize = 8 * 1024;

/// The operator's choice and the program's filter; without a filter nothing is changed.
#[derive(Clone, Default)]
pub(crate) struct Redaction {
    pub(crate) what: Redact,
    pub(crate) filter: Option<Arc<dyn TextFilter>>,
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("what", &self.what)
            .field("filter", &self.filter.is_some())
            .finish()
    }
}

impl Redaction {
    /// Nothing is taken out.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        what: Redact::Title,
        filter: None,
    };

    /// A title, or a part of one.
    pub(crate) fn title(&self, text: &str, changes: &mut Changes) -> String {
        match &self.filter {
            Some(filter) if self.what != Redact::Off => {
                counted(text, "title_redacted", changes, |text| filter.title(text))
            }
            _ => text.to_owned(),
        }
    }

    /// A text beside titles.
    pub(crate) fn text(&self, text: &str, changes: &mut Changes) -> String {
        match &self.filter {
            Some(filter) if self.what == Redact::Text => {
                counted(text, "text_redacted", changes, |text| filter.text(text))
            }
            _ => text.to_owned(),
        }
    }
}

fn counted(
    text: &str,
    what: &'static str,
    changes: &mut Changes,
    filter: impl Fn(&str) -> String,
) -> String {
    let shown = head_of(text, TEXT_LIMIT);
    let filtered = filter(shown);
    if filtered != shown {
        changes.add(what);
    }
    if shown.len() == text.len() {
        return filtered;
    }
    head_of(&filtered, filtered.len().saturating_sub(BROKEN_END)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hide;

    impl TextFilter for Hide {
        fn title(&self, text: &str) -> String {
            text.replace("s3cret", "[hidden]")
        }

        fn text(&self, text: &str) -> String {
            self.title(text)
        }
    }

    #[test]
    fn a_text_too_long_to_be_filtered_whole_loses_its_end() {
        let redaction = Redaction {
            what: Redact::Text,
            filter: Some(Arc::new(Hide)),
        };
        let mut changes = Changes::default();
        let long = format!("{}s3cret{}", "x".repeat(TEXT_LIMIT - 3), "y".repeat(100));
        let shown = redaction.text(&long, &mut changes);
        assert!(shown.len() <= TEXT_LIMIT - BROKEN_END);
        assert!(!shown.contains("s3"));
        assert!(changes.is_empty());
        assert_eq!(redaction.title("a s3cret", &mut changes), "a [hidden]");
        assert_eq!(changes.list()[0].what, "title_redacted");
    }
}
