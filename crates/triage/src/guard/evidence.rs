//! Whether a quote stands in what was sent.
//!
//! Models change how a text is escaped, spaced and cased, and nothing else is forgiven: both sides are brought to one form
//! (Unicode NFKC, entities and backslashes undone, blanks collapsed, lower case) and compared character by character.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::plain;
use crate::{SentField, answer::Evidence};

/// Characters. A shorter quote stands in every text.
const SHORTEST_QUOTE: usize = 4;
/// Entities of entities: one layer by the log, one by the model, and one to spare.
const MOST_LAYERS: usize = 3;

/// What was sent, in a form to search in.
#[derive(Debug)]
pub(super) struct Sent {
    places: Vec<Place>,
    /// Paths and texts in lower case, one a line.
    all: String,
}

/// A field or a fact.
#[derive(Debug)]
struct Place {
    /// As it is shown.
    name: String,
    /// As it is compared.
    path: String,
    fact: bool,
    text: [String; 2],
}

impl Sent {
    pub(super) fn new(fields: &[SentField], facts: &[String]) -> Self {
        let fields = fields
            .iter()
            .map(|field| (&*field.path, &*field.text, false));
        let facts = facts.iter().map(|fact| {
            let (name, _) = fact.split_once(": ").unwrap_or(("", fact));
            (name, fact.as_str(), true)
        });
        let mut all = String::new();
        let places = fields
            .chain(facts)
            .map(|(name, text, fact)| {
                for part in [name, text] {
                    all.push_str(&part.to_lowercase());
                    all.push('\n');
                }
                Place {
                    name: name.to_owned(),
                    path: path(name),
                    fact,
                    text: forms(text),
                }
            })
            .collect();
        Self { places, all }
    }

    /// The evidence with the field the quote really stands in; `None` where it does not, or where no field of that name was sent.
    pub(super) fn verify(&self, evidence: Evidence) -> Option<Evidence> {
        let wanted = path(&evidence.field);
        let named: Vec<&Place> = self
            .places
            .iter()
            .filter(|place| place.answers_to(&wanted))
            .collect();
        if named.is_empty() {
            return None;
        }
        let quote = without_ellipsis(&evidence.quote);
        let place = named
            .into_iter()
            .chain(&self.places)
            .find(|place| place.has(quote))?;
        Some(Evidence {
            field: if place.name.is_empty() {
                evidence.field
            } else {
                place.name.clone()
            },
            quote: quote.to_owned(),
            meaning: evidence.meaning,
        })
    }

    /// Whether an address or a name was sent: as a whole, not as a part of a longer one.
    pub(super) fn knows(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        !name.is_empty()
            && self.all.match_indices(&name).any(|(at, _)| {
                let before = self.all[..at].chars().next_back();
                let mut after = self.all[at + name.len()..].chars();
                let number = name.starts_with(|c: char| c.is_ascii_digit());
                let open = before.is_none_or(|c| !(word(c) || number && c == '.'));
                let closed = match after.next() {
                    None => true,
                    Some('.') => after.next().is_none_or(|c| !word(c)),
                    Some(c) => !word(c),
                };
                open && closed
            })
    }
}

impl Place {
    /// Whether a model may have meant it: the same path, or the end of it.
    fn answers_to(&self, wanted: &str) -> bool {
        if wanted.is_empty() || self.path.is_empty() {
            return false;
        }
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        ends(&self.path, wanted)
            || ends(wanted, &self.path)
            // Facts are written for readers: `Rule level: 12` is what a model calls `rule.level`.
            || self.fact && squashed(&self.path) == squashed(wanted)
    }

    fn has(&self, quote: &str) -> bool {
        // A quote may end within an escape.
        let quote = quote.trim_end_matches('\\');
        let has = |quote: &str| {
            forms(quote).iter().zip(&self.text).any(|(quote, text)| {
                quote.chars().count() >= SHORTEST_QUOTE && text.contains(quote.as_str())
            })
        };
        // In a prompt fields are lines of `path: text`, and models quote the line.
        let line = || {
            let (name, text) = quote.split_once(':')?;
            (path(name) == self.path).then_some(text)
        };
        has(quote) || line().is_some_and(has)
    }
}

/// A path as it is compared: lower case, without what wraps a document.
fn path(name: &str) -> String {
    let name = name
        .trim()
        .trim_matches(['`', '"', '\'', ':'])
        .to_lowercase();
    let name = name.strip_prefix("$.").unwrap_or(&name);
    name.strip_prefix("_source.").unwrap_or(name).to_owned()
}

fn squashed(path: &str) -> String {
    path.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The quote without the dots that say it goes on.
fn without_ellipsis(quote: &str) -> &str {
    let mut quote = quote.trim();
    for dots in ["...", "…"] {
        quote = quote.strip_prefix(dots).unwrap_or(quote);
        quote = quote.strip_suffix(dots).unwrap_or(quote);
    }
    quote.trim()
}

/// Two forms: backslashes collapsed, so that `C:\\new` is `C:\new`; and escapes undone, so that `\n` is a blank.
fn forms(text: &str) -> [String; 2] {
    let mut text = text.to_owned();
    for _ in 0..MOST_LAYERS {
        let undone = plain::entities(&text);
        if undone == text {
            break;
        }
        text = undone;
    }
    [collapsed(&text), unescaped(&text)].map(|text| form(&text))
}

fn form(text: &str) -> String {
    let text: String = text.chars().filter(|&c| !plain::invisible(c)).collect();
    let text = ComposingNormalizerBorrowed::new_nfkc()
        .normalize(&text)
        .to_lowercase();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A prompt shows line ends so.
            c if c.is_whitespace() || c == '\u{23ce}' => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            // How a prompt breaks what a model would take for its own marks. Models mend it.
            '\u{a6}' => {}
            '‹' => out.push('<'),
            '›' => out.push('>'),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' && matches!(chars.peek(), Some('\\' | '"' | '\'' | '/')) {
            continue;
        }
        out.push(c);
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches('\\');
        let code = rest
            .strip_prefix('u')
            .and_then(|code| code.get(..4))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        if let Some(c) = code {
            out.push(c);
            rest = &rest[5..];
        } else if rest.starts_with(['n', 'r', 't']) {
            out.push(' ');
            rest = &rest[1..];
        } else if !rest.starts_with(['"', '\'', '/']) {
            out.push('\\');
        }
    }
    out.push_str(rest);
    out
}
