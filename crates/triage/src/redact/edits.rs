//! What is to be replaced in one text, found by several passes, merged and written in one go.

use std::collections::BTreeMap;
use std::ops::Range;

/// Begins what stands for a secret.
pub(super) const MARK: &str = "[REDACTED:";
/// Begins what was hidden by an encoding and is shown decoded.
pub(super) const DECODED: &str = "[decoded: ";

/// How often each kind was found.
pub(super) type Counts = BTreeMap<String, u64>;

#[derive(Debug)]
enum With {
    Kind(String),
    Text(String),
}

#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    /// Which pass found it: of those that overlap, the first one's kind is written.
    rank: usize,
    with: With,
}

/// Replacements in one text.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<Edit>);

impl Edits {
    /// A secret of a kind.
    pub fn secret(&mut self, range: Range<usize>, kind: &str) {
        self.add(range, With::Kind(kind.to_owned()));
    }

    /// What was hidden, in the clear.
    pub fn decoded(&mut self, range: Range<usize>, text: String) {
        self.add(range, With::Text(text));
    }

    fn add(&mut self, range: Range<usize>, with: With) {
        if !range.is_empty() {
            let rank = self.0.len();
            self.0.push(Edit { range, rank, with });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the secrets are and of which kind, as found.
    pub fn secrets(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        self.0.iter().filter_map(|edit| match &edit.with {
            With::Kind(kind) => Some((edit.range.clone(), &**kind)),
            With::Text(_) => None,
        })
    }

    /// Takes over what was found in another view of the text. `place` says where a range of the view stands in the text.
    pub fn take(&mut self, other: Self, place: impl Fn(Range<usize>) -> Range<usize>) {
        for edit in other.0 {
            // Decoded text stands for itself in its own view only: it would need that view's escapes.
            if let With::Kind(kind) = edit.with {
                self.add(place(edit.range), With::Kind(kind));
            }
        }
    }

    /// Takes over what was found in a reading of the text that needs no escapes: decoded text, too.
    pub fn take_all(&mut self, other: Self, place: impl Fn(Range<usize>) -> Range<usize>) {
        for edit in other.0 {
            self.add(place(edit.range), edit.with);
        }
    }

    /// Writes the text. Overlapping replacements become one that covers all of them.
    pub fn apply(mut self, text: &str, counts: &mut Counts) -> String {
        self.0.sort_by_key(|edit| (edit.range.start, edit.rank));
        let mut out = String::with_capacity(text.len());
        let mut written = 0;
        let mut edits = self.0.into_iter().peekable();
        while let Some(mut edit) = edits.next() {
            let covers = edit.range.clone();
            while let Some(next) = edits.next_if(|next| next.range.start < edit.range.end) {
                edit = merged(edit, next);
            }
            let (from, to) = (text.get(written..edit.range.start), edit.range.end);
            debug_assert!(
                from.is_some() && covers.start <= to,
                "a range cuts a character"
            );
            out.push_str(from.unwrap_or_default());
            match edit.with {
                With::Kind(kind) => {
                    out.push_str(MARK);
                    out.push_str(&kind);
                    out.push(']');
                    *counts.entry(kind).or_default() += 1;
                }
                With::Text(plain) => out.push_str(&plain),
            }
            written = to;
        }
        out.push_str(text.get(written..).unwrap_or_default());
        out
    }
}

fn merged(one: Edit, two: Edit) -> Edit {
    let range = one.range.start..one.range.end.max(two.range.end);
    let (first, second) = if one.rank <= two.rank {
        (one, two)
    } else {
        (two, one)
    };
    let with = match (first.with, second.with) {
        // Decoded text replaces what was found in its code by chance, and nothing larger.
        (With::Text(text), With::Kind(_)) if first.range == range => With::Text(text),
        (With::Kind(_), With::Text(text)) if second.range == range => With::Text(text),
        (With::Kind(kind), _) | (With::Text(_), With::Kind(kind)) => With::Kind(kind),
        (With::Text(text), With::Text(_)) if first.range == range => With::Text(text),
        (With::Text(_), With::Text(_)) => With::Kind("hidden".to_owned()),
    };
    Edit {
        range,
        rank: first.rank,
        with,
    }
}

/// The length of the placeholder a text begins with, 0 where it does not.
pub(super) fn placeholder(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(MARK) else {
        return 0;
    };
    let kind = rest
        .bytes()
        .take(33)
        .take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        .count();
    if (1..=32).contains(&kind) && rest.as_bytes().get(kind) == Some(&b']') {
        MARK.len() + kind + 1
    } else {
        0
    }
}
