//! Which pseudonym stands for what.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::token::{Kind, find};

/// Which pseudonym stands for what, for one alert. Kept in memory only: it can't be printed or stored.
#[derive(Clone, Default)]
pub struct PseudonymMap {
    on: bool,
    values: HashMap<String, String>,
    /// Numbers that stood in the alert already.
    taken: HashSet<(Kind, u64)>,
    last: HashMap<Kind, u64>,
}

impl fmt::Debug for PseudonymMap {
    /// Says how many there are, never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PseudonymMap")
            .field("names", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl PseudonymMap {
    pub(super) fn on() -> Self {
        Self {
            on: true,
            ..Self::default()
        }
    }

    /// How many names were replaced.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Puts the names back. Replaced are only whole words that are pseudonyms of this alert, in their very spelling; the number is of
    /// those that have the form and are none of them: invented by the model, or written into the alert.
    pub fn reidentify(&self, text: &str) -> (String, u64) {
        if !self.on {
            return (text.to_owned(), 0);
        }
        let mut out = String::with_capacity(text.len());
        let (mut written, mut unknown) = (0, 0);
        for (range, ..) in find(text) {
            match self.values.get(&text[range.clone()]) {
                Some(value) => {
                    out.push_str(&text[written..range.start]);
                    out.push_str(value);
                    written = range.end;
                }
                None => unknown += 1,
            }
        }
        out.push_str(&text[written..]);
        (out, unknown)
    }

    /// Never gives out what this text has.
    pub(super) fn reserve(&mut self, text: &str) {
        // Cheap for what most texts are.
        if text.contains('_') {
            self.taken.extend(
                find(text)
                    .into_iter()
                    .map(|(_, kind, number)| (kind, number)),
            );
        }
    }

    /// The next pseudonym of a kind, for this value.
    pub(super) fn name(&mut self, kind: Kind, value: &str) -> String {
        let last = self.last.entry(kind).or_default();
        loop {
            *last += 1;
            if !self.taken.contains(&(kind, *last)) {
                break;
            }
        }
        let token = kind.token(*last);
        self.values.insert(token.clone(), value.to_owned());
        token
    }
}
