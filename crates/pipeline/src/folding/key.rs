//! Keys: words, normalised and hashed.

use std::fmt::Write;

use super::family::{Case, Paths};
use crate::{
    explain::cut,
    network::address,
    path::Path,
    view::{AlertView, trimmed},
};

/// Characters of a value that people are shown.
const LONGEST_SHOWN: usize = 120;

/// Words that people are shown; all of them are hashed.
const MOST_SHOWN: usize = 32;

/// A key in the making.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// Whether words and fields are kept too.
    kept: Kept,
    /// Names of words and their values as hashed, one behind the other.
    text: String,
    parts: Vec<Part>,
    /// Field and value as in the alert, cut.
    pub(super) words: Vec<(String, String)>,
    /// The fields behind the words, whole values: first value of each.
    pub(super) fields: Vec<(String, String)>,
}

/// Where in the text a word's name begins, its value begins, and ends.
#[derive(Clone, Copy, Debug)]
struct Part {
    name: usize,
    value: usize,
    end: usize,
}

/// What is kept of a key beside its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kept {
    /// Words and whole values.
    #[default]
    Fields,
    /// Words for people.
    Words,
}

impl Key {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            text: String::with_capacity(512),
            parts: Vec::with_capacity(16),
            words: Vec::with_capacity(16),
            fields: Vec::new(),
        }
    }

    /// Adds what stands at the first of the fields that holds something; false where none does.
    pub(super) fn add(&mut self, view: &AlertView<'_>, fields: Paths, case: Case) -> bool {
        let mut fields_left = fields.iter();
        fields_left.any(|field| self.add_field(view, fields[0].text, *field, case))
    }

    /// Adds every value of a field; false where there is none.
    pub(super) fn add_field(
        &mut self,
        view: &AlertView<'_>,
        name: &str,
        field: Path<'_>,
        case: Case,
    ) -> bool {
        let begin = self.text.len();
        let mut shown: Option<&str> = None;
        view.each(field, &mut |value| {
            let value = until_nul(value);
            // `-` is how Windows and web servers write nothing.
            if value.is_empty() || value == "-" {
                return false;
            }
            if shown.is_none() {
                shown = Some(value);
                self.text.push_str(name);
            } else {
                self.text.push('\0');
            }
            normalise(field.text, value, case, &mut self.text);
            false
        });
        let Some(value) = shown else {
            return false;
        };
        self.parts.push(Part {
            name: begin,
            value: begin + name.len(),
            end: self.text.len(),
        });
        self.keep(field.text, value);
        true
    }

    /// Adds one value of a field as it is to be hashed.
    pub(super) fn add_leaf(&mut self, field: &str, value: &str, hashed: &str) {
        if self.words.len() < MOST_SHOWN {
            self.keep(field, value);
        }
        let begin = self.text.len();
        self.text.push_str(field);
        self.text.push_str(hashed);
        self.parts.push(Part {
            name: begin,
            value: begin + field.len(),
            end: self.text.len(),
        });
    }

    fn keep(&mut self, field: &str, value: &str) {
        self.words
            .push((field.to_owned(), cut(value, LONGEST_SHOWN)));
        if self.kept == Kept::Fields {
            self.fields.push((field.to_owned(), value.to_owned()));
        }
    }

    /// Whether it has a word from the event itself, not only from what surrounds it.
    pub(super) fn says_what_happened(&self) -> bool {
        self.parts.iter().any(|part| {
            let name = &self.text[part.name..part.value];
            name.starts_with("data.") && !name.starts_with("data.win.system.")
        })
    }

    /// The same whatever order the words came in.
    pub(super) fn hash(&mut self, kind: &str) -> [u8; 16] {
        let text = &self.text;
        let name = |part: &Part| &text[part.name..part.value];
        let value = |part: &Part| &text[part.value..part.end];
        self.parts
            .sort_unstable_by(|a, b| (name(a), value(a)).cmp(&(name(b), value(b))));
        let mut hashed = Vec::with_capacity(text.len() + kind.len() + 16 * self.parts.len() + 8);
        let mut add = |text: &str| {
            hashed.extend_from_slice(&(text.len() as u64).to_le_bytes());
            hashed.extend_from_slice(text.as_bytes());
        };
        add(kind);
        for part in &self.parts {
            add(name(part));
            add(value(part));
        }
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(&hashed).as_bytes()[..16]);
        key
    }
}

/// integratord cuts texts there, and its copy is the same alert (facts/wazuh.md §1.3).
pub(super) fn until_nul(text: &str) -> &str {
    let end = memchr::memchr(0, text.as_bytes()).unwrap_or(text.len());
    trimmed(text.get(..end).unwrap_or_default())
}

/// Adds the same text for what the system that wrote it holds to be the same.
pub(super) fn normalise(field: &str, value: &str, case: Case, normal: &mut String) {
    if let Some(address) = address(value) {
        // Writing to a `String` can't fail.
        let _ = write!(normal, "{address}");
        return;
    }
    let is_windows = ["data.win.", "data.sysmon."]
        .iter()
        .any(|begin| field.starts_with(begin))
        || is_windows_path(value);
    if is_windows {
        return as_windows_has_it(value, normal);
    }
    match case {
        Case::System => normal.push_str(value),
        Case::Blind if value.is_ascii() => {
            normal.extend(
                value
                    .bytes()
                    .map(|byte| char::from(byte.to_ascii_lowercase())),
            );
        }
        Case::Blind => normal.push_str(&value.to_lowercase()),
    }
}

/// In lower case. Event data holds doubled backslashes, other fields do not (facts/wazuh.md §3).
fn as_windows_has_it(value: &str, normal: &mut String) {
    normal.reserve(value.len());
    let mut last = ' ';
    let mut add = |character: char| {
        if character != '\\' || last != '\\' {
            normal.push(character);
        }
        last = character;
    };
    if value.is_ascii() {
        let lower = value.bytes().map(|byte| byte.to_ascii_lowercase());
        return lower.map(char::from).for_each(add);
    }
    value
        .chars()
        .flat_map(char::to_lowercase)
        .for_each(&mut add);
}

/// `C:\…`, `\\server\…`, `HKEY_…`.
fn is_windows_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    value.starts_with(r"\\")
        || value.starts_with("HKEY_")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == br":\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":/")
}
