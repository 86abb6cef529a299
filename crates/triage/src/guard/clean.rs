//! Makes text safe to show: plain, on one line, without secrets, of bounded length.

use super::{defang, evidence::Sent, longest, plain::plain};
use crate::{InjectionSign, Redactor, answer::Evidence};

/// Bytes. Nothing that is cleaned is near it; it bounds the time.
const LONGEST_TEXT: usize = 64 << 10;
/// Redaction shows what was hidden, which may have to be made plain, and so on.
const ROUNDS: usize = 6;
/// What stands for a text that never came to rest.
const WITHHELD: &str = "[text withheld: it keeps hiding something]";

/// What had to be done to a model's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Control sequences and characters that can't be seen.
    pub invisible: u32,
    /// Marks of Markdown and HTML.
    pub markup: u32,
    /// Addresses that were not in the alert.
    pub defanged: u32,
    /// Secrets.
    pub redacted: u32,
    /// Texts that were cut.
    pub cut: u32,
}

/// Cleans one answer's texts and counts.
pub(super) struct Cleaner<'a> {
    redactor: &'a Redactor,
    sent: &'a Sent,
    /// Whether addresses of the alert stay as they are.
    trusting: bool,
    pub(super) counts: Cleaned,
}

impl<'a> Cleaner<'a> {
    /// Where somebody wrote to the model, no address in its words is taken over: it may be the one it was told to recommend.
    pub(super) fn new(redactor: &'a Redactor, sent: &'a Sent, signs: &[InjectionSign]) -> Self {
        Self {
            redactor,
            sent,
            trusting: signs.is_empty(),
            counts: Cleaned::default(),
        }
    }

    /// The model's own words.
    pub(super) fn prose(&mut self, text: &str, most: usize) -> String {
        let text = self.settled(text, true);
        let (text, defanged) = defang::defang(&text, |name| self.trusting && self.sent.knows(name));
        self.counts.defanged += defanged;
        self.cut(text, most)
    }

    /// Those that say something.
    pub(super) fn list(&mut self, items: &[String]) -> Vec<String> {
        items
            .iter()
            .map(|item| self.prose(item, longest::ITEM))
            .filter(|item| !item.is_empty())
            .collect()
    }

    /// The quote stays as it stands in the alert, but for what can't be shown.
    pub(super) fn evidence(&mut self, evidence: Evidence) -> Evidence {
        let quote = self.settled(&evidence.quote, false);
        Evidence {
            field: shown(&evidence.field, longest::FIELD),
            quote: self.cut(quote, longest::QUOTE),
            meaning: self.prose(&evidence.meaning, longest::MEANING),
        }
    }

    pub(super) fn sign(&mut self, sign: &InjectionSign) -> InjectionSign {
        let excerpt = self.settled(&sign.excerpt, false);
        InjectionSign {
            path: shown(&sign.path, longest::FIELD),
            kind: sign.kind,
            excerpt: self.cut(excerpt, longest::EXCERPT),
        }
    }

    /// Plain and redacted, until neither changes anything.
    fn settled(&mut self, text: &str, prose: bool) -> String {
        let mut text = text[..text.floor_char_boundary(LONGEST_TEXT)].to_owned();
        for _ in 0..ROUNDS {
            let (plain, counts) = plain(&text, prose);
            self.counts.invisible += counts.invisible;
            self.counts.markup += counts.markup;
            let redacted = self.redactor.redact_text(&plain);
            let found: u64 = redacted.found.iter().map(|(_, count)| count).sum();
            self.counts.redacted += u32::try_from(found).unwrap_or(u32::MAX);
            if redacted.text == text {
                return text;
            }
            text = redacted.text;
        }
        WITHHELD.to_owned()
    }

    fn cut(&mut self, text: String, most: usize) -> String {
        let short = cut(&text, most);
        self.counts.cut += u32::from(short.len() != text.len());
        short
    }
}

/// Text for `<pre>`: one line, nothing that can't be seen, no `<`, at most so many characters.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
    cut(&plain(text, false).0, most)
}

/// At most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let short: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", short.trim_end())
}
