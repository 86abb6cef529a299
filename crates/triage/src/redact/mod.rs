//! Takes secrets out of texts and alerts, and leaves what an analyst needs.
//!
//! - **Fixed point.** A text is redacted until nothing more is found; so redacting twice is redacting once. What is not done
//!   after [`ROUNDS`] rounds was made to evade, and is replaced whole.
//! - **Linear.** Every pass reads the text once; expressions have no backtracking and never cross a line.
//! - **Never first cut, then redacted**: half a secret has no shape. Callers redact, then shorten.
//!
//! Passes, in this order where two find the same: registered secrets, private keys, shapes, command lines, `name=value`.

mod arguments;
mod commands;
mod edits;
mod hidden;
mod meant;
mod names;
mod pairs;
mod pem;
mod rules;
mod shapes;
mod value;
mod walk;
mod words;

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use serde_json::Value;

pub use self::rules::{Rules, RulesError};
use self::{
    edits::{Counts, Edits},
    hidden::View,
    meant::Meant,
    rules::Compiled,
};

/// Each layer of code takes one round.
const ROUNDS: usize = 8;
/// Bytes. A longer text is not looked at, and not let through either.
const LARGEST: usize = 16 << 20;
/// JSON in JSON in JSON.
const DEEPEST_ESCAPES: usize = 3;
/// Bytes. Titles longer than this are cut by every sink.
const LONGEST_TITLE: usize = 1 << 10;
/// Bytes. A shorter registered secret would be found everywhere.
const SHORTEST_SECRET: usize = 6;

/// A text without its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The text; secrets are `[REDACTED:kind]`, hidden commands `[decoded: …]`.
    pub text: String,
    /// How many of each kind were replaced, by kind.
    pub found: Vec<(String, u64)>,
}

/// An alert without its secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RedactedAlert {
    /// The alert.
    pub value: Value,
    /// How many of each kind were replaced, by kind.
    pub found: Vec<(String, u64)>,
}

/// A secret in a text that should have none. It says where, never what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub kind: String,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Takes secrets out. Made once, used by all threads.
pub struct Redactor {
    rules: Compiled,
    registered: Option<AhoCorasick>,
}

impl fmt::Debug for Redactor {
    /// Says nothing of the secrets it knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// With these rules.
    ///
    /// # Errors
    /// [`RulesError`] names the rule that can't be used.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        Ok(Self {
            rules: rules.compile()?,
            registered: None,
        })
    }

    /// With the built-in rules.
    ///
    /// # Errors
    /// As [`Redactor::new`].
    pub fn built_in() -> Result<Self, RulesError> {
        Self::new(Rules::built_in()?)
    }

    /// Also replaces these very texts wherever they stand, in any case, escaped, in base64: the keys of our own configuration. Those under 6 bytes are left out.
    ///
    /// # Errors
    /// [`RulesError`] where there are too many.
    pub fn with_secrets<'a>(
        mut self,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RulesError> {
        let secrets: Vec<String> = secrets
            .into_iter()
            .map(str::trim)
            .filter(|secret| {
                secret.len() >= SHORTEST_SECRET
                    && !"[redacted:registered]".contains(&secret.to_ascii_lowercase())
            })
            .flat_map(|secret| hidden::in_base64(secret).chain([secret.to_owned()]))
            .collect();
        if !secrets.is_empty() {
            let built = AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                .build(secrets);
            let fault = |_| RulesError::Rule {
                rule: "secrets".to_owned(),
                why: "there are too many".to_owned(),
            };
            self.registered = Some(built.map_err(fault)?);
        }
        Ok(self)
    }

    /// Takes the secrets out of a text.
    pub fn redact_text(&self, text: &str) -> Redacted {
        let mut counts = Counts::new();
        let text = self
            .text(text, &mut counts)
            .unwrap_or_else(|| text.to_owned());
        Redacted {
            text,
            found: counts.into_iter().collect(),
        }
    }

    /// Takes the secrets out of a text that becomes a title: one line, at most 1,024 bytes, cut only after it was redacted.
    pub fn redact_title(&self, title: &str) -> String {
        let mut title = self.redact_text(title).text;
        if title.contains(char::is_control) {
            title = title.replace(char::is_control, " ");
            // A control character may have stood between a name and its value.
            title = self.redact_text(&title).text;
        }
        let mut end = title.len().min(LONGEST_TITLE);
        while !title.is_char_boundary(end) {
            end -= 1;
        }
        title.truncate(end);
        title
    }

    /// Takes the secrets out of an alert: fields whose names say so, lists of arguments, and every text.
    pub fn redact_alert(&self, alert: &Value) -> RedactedAlert {
        let mut counts = Counts::new();
        let value = self.walk(alert, &mut counts);
        RedactedAlert {
            value,
            found: counts.into_iter().collect(),
        }
    }

    /// What a prompt must never have: keys, tokens, registered secrets. A caller sends nothing where this finds something.
    pub fn scan(&self, prompt: &str) -> Vec<Finding> {
        let mut edits = Edits::default();
        self.registered(prompt, &mut edits);
        pem::find(prompt, &mut edits);
        self.rules.shapes.find(prompt, true, &mut edits);
        edits
            .secrets()
            .map(|(range, kind)| Finding {
                kind: kind.to_owned(),
                start: range.start,
                end: range.end,
            })
            .collect()
    }

    /// `None` where nothing is to be replaced.
    fn text(&self, text: &str, counts: &mut Counts) -> Option<String> {
        if text.len() > LARGEST {
            *counts.entry("oversize".to_owned()).or_default() += 1;
            return Some("[REDACTED:oversize]".to_owned());
        }
        let mut redacted = self.round(text, counts)?;
        for _ in 1..ROUNDS {
            match self.round(&redacted, counts) {
                Some(further) => redacted = further,
                None => return Some(redacted),
            }
        }
        *counts.entry("evasive".to_owned()).or_default() += 1;
        Some("[REDACTED:evasive]".to_owned())
    }

    fn round(&self, text: &str, counts: &mut Counts) -> Option<String> {
        let mut edits = Edits::default();
        self.read(text, &mut edits);
        // What is written so that it is not found, read as it is meant.
        if let Some(shown) = Meant::shown(text) {
            let mut found = Edits::default();
            self.read(&shown.text, &mut found);
            edits.take_all(found, |range| shown.place(text, range));
        }
        (!edits.is_empty())
            .then(|| edits.apply(text, counts))
            .filter(|redacted| redacted != text)
    }

    fn read(&self, text: &str, edits: &mut Edits) {
        self.registered(text, edits);
        pem::find(text, edits);
        hidden::base64(text, edits);
        hidden::audit(text, edits);
        self.layer(text, 0, edits);
        if let Some(meant) = Meant::without_carets(text) {
            let mut found = Edits::default();
            hidden::base64(&meant.text, &mut found);
            self.commands(&meant.text, &mut found);
            edits.take_all(found, |range| meant.place(text, range));
        }
        if let Some(meant) = Meant::arguments(text) {
            let mut found = Edits::default();
            let Compiled { names, stems, .. } = &self.rules;
            pairs::find(names, stems, &meant.text, false, &mut found);
            self.rules.shapes.find(&meant.text, true, &mut found);
            edits.take(found, |range| meant.place(text, range));
        }
    }

    /// One layer of JSON's escapes after the other. Only in the last one a value without quotes ends where it seems to.
    fn layer(&self, text: &str, depth: usize, edits: &mut Edits) {
        if let Some(view) = View::json(text).filter(|_| depth < DEEPEST_ESCAPES) {
            let mut found = Edits::default();
            self.registered(&view.text, &mut found);
            pem::find(&view.text, &mut found);
            self.layer(&view.text, depth + 1, &mut found);
            edits.take(found, |range| view.place(range));
            self.plain(text, true, edits);
            return;
        }
        if let Some(view) = View::html(text) {
            let mut found = Edits::default();
            self.registered(&view.text, &mut found);
            self.plain(&view.text, false, &mut found);
            edits.take(found, |range| view.place(range));
        }
        self.plain(text, false, edits);
        if let Some(view) = View::url(text) {
            let mut found = Edits::default();
            self.registered(&view.text, &mut found);
            self.plain(&view.text, false, &mut found);
            edits.take(found, |range| view.place(range));
            if let Some(inner) = View::url(&view.text) {
                let mut found = Edits::default();
                self.registered(&inner.text, &mut found);
                self.plain(&inner.text, false, &mut found);
                edits.take(found, |range| view.place(inner.place(range)));
            }
        }
    }

    fn plain(&self, text: &str, quoted_only: bool, edits: &mut Edits) {
        self.rules.shapes.find(text, false, edits);
        self.commands(text, edits);
        pairs::find(
            &self.rules.names,
            &self.rules.stems,
            text,
            quoted_only,
            edits,
        );
    }

    fn commands(&self, text: &str, edits: &mut Edits) {
        let Compiled {
            names, commands, ..
        } = &self.rules;
        let mut start = 0;
        for line in text.split(['\n', '\r']) {
            commands.find(names, line, &mut |range, kind| {
                edits.secret(start + range.start..start + range.end, kind)
            });
            start += line.len() + 1;
        }
    }

    fn registered(&self, text: &str, edits: &mut Edits) {
        for hit in self
            .registered
            .iter()
            .flat_map(|registered| registered.find_iter(text))
        {
            edits.secret(hit.range(), "registered");
        }
    }
}
