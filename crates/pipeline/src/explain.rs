//! What each rule saw in an alert and what it said to it: for the question "why did this (not) arrive?".

use crate::{matcher::Matchers, path::Path, view::AlertView};

/// Values shown of a field.
const VALUES: usize = 5;
/// Characters shown of a value.
const LONGEST: usize = 120;

/// Characters of what a rule says; matchers in it can be long.
const LONGEST_SAYING: usize = 500;

/// One rule that looked at an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `gate`, `silence 3f…`, `mute night`, `allowlist backup`, `repeat key`, …
    pub rule: String,
    /// What it says to this alert.
    pub says: String,
    /// The fields it looked at and what stood there: at most 5 values each, cut at 120 characters.
    pub values: Vec<(String, Vec<String>)>,
}

impl Step {
    pub(crate) fn new(rule: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            says: cut(&says.into(), LONGEST_SAYING),
            values: Vec::new(),
        }
    }

    /// Adds what stands at a field, once.
    pub(crate) fn see(&mut self, view: &AlertView<'_>, path: &str) {
        const FIELDS: usize = 20;
        if self.values.len() < FIELDS && self.values.iter().all(|(field, _)| field != path) {
            self.values.push((path.to_owned(), seen(view, path)));
        }
    }

    /// Adds what stands at the fields of matchers.
    pub(crate) fn see_all(&mut self, view: &AlertView<'_>, matchers: &Matchers) {
        for matcher in matchers {
            self.see(view, matcher.field().path());
        }
    }
}

fn seen(view: &AlertView<'_>, path: &str) -> Vec<String> {
    if path == "rule.level" {
        return vec![view.level().to_string()];
    }
    let mut values = Vec::new();
    view.each(Path::new(path), &mut |text| {
        values.push(cut(text, LONGEST));
        values.len() == VALUES
    });
    values
}

/// The begin of a text; `…` stands for the rest.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    // As many bytes hold no more characters.
    if text.len() <= longest {
        return text.to_owned();
    }
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => {
            let mut cut: String = text.chars().take(longest - 1).collect();
            cut.push('…');
            cut
        }
    }
}
