//! Keys: words, normalised and hashed.

use std::borrow::Cow;

use super::family::{Case, Paths};
use crate::{explain::cut, network::address, path::Path, view::AlertView};

/// Characters of a value that people are shown.
const LONGEST_SHOWN: usize = 120;

/// Words that people are shown; all of them are hashed.
const MOST_SHOWN: usize = 32;

/// A key in the making.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// Whether words and fields are kept too.
    kept: Kept,
    /// Name of the word, its value as hashed.
    parts: Vec<(Cow<'static, str>, String)>,
    /// Field and value as in the alert, cut.
    pub(super) words: Vec<(String, String)>,
    /// The fields behind the words, whole values: first value of each.
    pub(super) fields: Vec<(String, String)>,
}

/// What is kept of a key beside its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kept {
    /// Words and whole values.
    #[default]
    Fields,
    /// Nothing.
    Hash,
    /// Words for people.
    Words,
}

impl Key {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    /// Adds what stands at the first of the fields that holds something; false where none does.
    pub(super) fn add(&mut self, view: &AlertView<'_>, fields: Paths, case: Case) -> bool {
        let mut fields_left = fields.iter();
        fields_left.any(|field| self.add_field(view, Cow::Borrowed(fields[0].text), *field, case))
    }

    /// Adds every value of a field; false where there is none.
    pub(super) fn add_field(
        &mut self,
        view: &AlertView<'_>,
        name: Cow<'static, str>,
        field: Path<'_>,
        case: Case,
    ) -> bool {
        let mut normal = String::new();
        let mut shown: Option<&str> = None;
        view.each(field, &mut |value| {
            let value = until_nul(value);
            // `-` is how Windows and web servers write nothing.
            if value.is_empty() || value == "-" {
                return false;
            }
            if shown.is_none() {
                shown = Some(value);
            } else {
                normal.push('\0');
            }
            normal.push_str(&normalised(field.text, value, case));
            false
        });
        let Some(value) = shown else {
            return false;
        };
        self.words
            .push((field.text.to_owned(), cut(value, LONGEST_SHOWN)));
        self.fields.push((field.text.to_owned(), value.to_owned()));
        self.parts.push((name, normal));
        true
    }

    /// Adds one value of a field as it is to be hashed.
    pub(super) fn add_leaf(&mut self, field: String, value: &str, hashed: String) {
        self.show(&field, value);
        self.parts.push((Cow::Owned(field), hashed));
    }

    fn show(&mut self, field: &str, value: &str) {
        if self.words.len() >= MOST_SHOWN || self.kept == Kept::Hash {
            return;
        }
        self.words
            .push((field.to_owned(), cut(value, LONGEST_SHOWN)));
        if self.kept == Kept::Fields {
            self.fields.push((field.to_owned(), value.to_owned()));
        }
    }

    /// Whether it has a word from the event itself, not only from what surrounds it.
    pub(super) fn says_what_happened(&self) -> bool {
        let mut names = self.parts.iter().map(|(name, _)| name);
        names.any(|name| name.starts_with("data.") && !name.starts_with("data.win.system."))
    }

    /// The same whatever order the words came in.
    pub(super) fn hash(&mut self, kind: &str) -> [u8; 16] {
        self.parts.sort();
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher
                .update(&(text.len() as u64).to_le_bytes())
                .update(text.as_bytes());
        };
        text(kind);
        for (name, value) in &self.parts {
            text(name);
            text(value);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        key
    }
}

/// integratord cuts texts there, and its copy is the same alert (facts/wazuh.md §1.3).
pub(super) fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default().trim()
}

/// The same text for what the system that wrote it holds to be the same.
pub(super) fn normalised(field: &str, value: &str, case: Case) -> String {
    if let Some(address) = address(value) {
        return address.to_string();
    }
    let is_windows = ["data.win.", "data.sysmon."]
        .iter()
        .any(|begin| field.starts_with(begin))
        || is_windows_path(value);
    if !is_windows {
        return match case {
            Case::Blind => value.to_lowercase(),
            Case::System => value.to_owned(),
        };
    }
    // Event data holds doubled backslashes, other fields do not (facts/wazuh.md §3).
    let mut normal = String::with_capacity(value.len());
    for character in value.chars().flat_map(char::to_lowercase) {
        if character != '\\' || !normal.ends_with('\\') {
            normal.push(character);
        }
    }
    normal
}

/// `C:\…`, `\\server\…`, `HKEY_…`.
fn is_windows_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    value.starts_with(r"\\")
        || value.starts_with("HKEY_")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == br":\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":/")
}
