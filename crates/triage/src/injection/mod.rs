//! Finds signs that somebody wrote into an alert in order to steer a model.
//!
//! It looks at the alert as it came in: at every text and every key, also at what will be cut, before anything is broken or
//! replaced. A sign proves nothing by itself; the guard trusts a harmless verdict less where there is one (`facts/ai.md §3.5`).
//!
//! - Orders count everywhere but in the rule; verdicts only where an attacker can write.
//! - Base64, hexadecimal, URL, HTML and UTF-16 code is looked into, three layers deep; letters that look alike, spaced letters, letters
//!   written as digits, letters written backwards and ROT13 are read.
//! - Ordinary alerts have none: the tests hold it to that on all real ones.
//! - Linear in the size of the alert.

mod coded;
mod fold;
mod hidden;
mod rules;

use std::collections::BTreeSet;

use serde_json::Value;

pub use self::rules::InjectionRulesError;
use self::{fold::Folded, rules::Compiled};
use crate::{
    InjectionSign, Redactor, SignKind,
    prompt::{Item, harmless, visit},
};

/// Code in code in code.
const DEEPEST: usize = 3;
/// Signs of one alert.
const MOST: usize = 64;
/// Characters of an excerpt.
const EXCERPT: usize = 120;
/// Bytes. No sign is shorter.
const SHORTEST: usize = 4;
/// Bytes. In a plain word shorter than this is none.
const SHORTEST_WORD: usize = 12;

/// Looks for injections. Made once, used by all threads.
#[derive(Debug)]
pub struct Injections {
    rules: Compiled,
}

impl Injections {
    /// With the built-in rules (`rules.toml`).
    ///
    /// # Errors
    /// Never, once the tests have passed.
    pub fn built_in() -> Result<Self, InjectionRulesError> {
        Ok(Self {
            rules: Compiled::built_in()?,
        })
    }

    /// The signs in an alert, each kind once a field, at most 64. Excerpts are redacted and harmless.
    pub fn scan_alert(&self, alert: &Value, redactor: &Redactor) -> Vec<InjectionSign> {
        let mut signs = Signs::default();
        visit(alert, &mut |path, item| match item {
            Item::Key(key) => self.text(path, key, &mut signs),
            Item::Text(text) => {
                self.text(path, text, &mut signs);
                said(path, text, &mut signs);
            }
            Item::Plain(_) => {}
            Item::List(items) => {
                let mut joined = String::new();
                for text in items.iter().filter_map(Value::as_str) {
                    self.text(path, text, &mut signs);
                    joined.push_str(text);
                    joined.push(' ');
                }
                // Arguments one by one say nothing.
                if items.len() > 1 {
                    self.text(path, &joined, &mut signs);
                }
            }
        });
        signs.told(redactor)
    }

    /// The signs in one text.
    pub fn scan_text(&self, path: &str, text: &str, redactor: &Redactor) -> Vec<InjectionSign> {
        let mut signs = Signs::default();
        self.text(path, text, &mut signs);
        signs.told(redactor)
    }

    fn text(&self, path: &str, text: &str, signs: &mut Signs) {
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b' ' | b':' | b'\\' | b'/')
        };
        if text.len() < SHORTEST || text.len() < SHORTEST_WORD && text.bytes().all(plain) {
            return;
        }
        let place = Place::of(path);
        if let Some(excerpt) = hidden::find(text) {
            signs.add(path, SignKind::Invisible, excerpt);
        }
        self.layer(path, place, text, 0, signs);
    }

    fn layer(&self, path: &str, place: Place, text: &str, depth: usize, signs: &mut Signs) {
        let folded = Folded::of(text);
        self.rules.find(&folded, &mut |kind, words| {
            let counts = match kind {
                SignKind::Verdict => place == Place::Written,
                SignKind::Instruction | SignKind::Encoded => place != Place::Rule,
                _ => true,
            };
            if counts {
                signs.add(
                    path,
                    if depth > 0 { SignKind::Encoded } else { kind },
                    words,
                );
            }
        });
        if depth == 0 && folded.shown.len() != text.len() {
            // Tags and the like can be letters themselves.
            if let Some(inner) = hidden::tags(text) {
                self.layer(path, place, &inner, depth + 1, signs);
            }
        }
        if depth < DEEPEST {
            for reading in coded::readings(text) {
                if depth == 0 || coded::is_text(&reading) {
                    self.layer(path, place, &reading, depth + 1, signs);
                }
            }
        }
    }
}

/// A key that names a verdict beside a value that is one.
fn said(path: &str, text: &str, signs: &mut Signs) {
    let part = path.rsplit('.').next().unwrap_or(path);
    let verdict = [
        "true_positive",
        "benign_true_positive",
        "false_positive",
        "needs_investigation",
        "benign",
        "harmless",
    ];
    if part.to_ascii_lowercase().contains("verdict")
        && verdict
            .iter()
            .any(|verdict| text.trim().eq_ignore_ascii_case(verdict))
        && Place::of(path) == Place::Written
    {
        signs.add(path, SignKind::Verdict, format!("{part}: {text}"));
    }
}

/// Who wrote a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The author of the rule.
    Rule,
    /// The manager: names of decoders, of itself.
    Ours,
    /// Perhaps an attacker.
    Written,
}

impl Place {
    fn of(path: &str) -> Self {
        let root = path.split(['.', '[']).next().unwrap_or(path);
        match root {
            "rule" => Self::Rule,
            "decoder" | "manager" | "cluster" | "input" | "id" | "timestamp" => Self::Ours,
            _ => Self::Written,
        }
    }
}

#[derive(Debug, Default)]
struct Signs {
    seen: BTreeSet<(String, SignKind)>,
    signs: Vec<InjectionSign>,
}

impl Signs {
    fn add(&mut self, path: &str, kind: SignKind, excerpt: String) {
        if self.signs.len() < MOST && self.seen.insert((path.to_owned(), kind)) {
            self.signs.push(InjectionSign {
                path: path.to_owned(),
                kind,
                excerpt,
            });
        }
    }

    fn told(mut self, redactor: &Redactor) -> Vec<InjectionSign> {
        for sign in &mut self.signs {
            let redacted = redactor.redact_text(&sign.excerpt).text;
            sign.excerpt =
                harmless::first(&harmless::harmless(&redacted, ""), EXCERPT - 1).into_owned();
        }
        self.signs
    }
}
