//! What a language model is asked about one alert: a constant system prompt, and a user's message that always fits.
//!
//! - **Order**: the tree is redacted (and decoded), then freed of characters that can't be seen, then names become pseudonyms where
//!   wanted, then what could steer a model is broken visibly, and only then it is cut. Half a secret has no shape.
//! - **It fits**: `estimated_tokens + answer_tokens + 64 <= context_tokens`, whatever the alert is. A server cuts silently what does
//!   not fit (`facts/ai.md §1.4`).
//! - **Fail closed**: the finished prompt is scanned for secrets once more; a hit means that nothing is sent.
//! - **Linear** in the size of the alert.
//!
//! What is sent, in which order and how much of it: `docs/triage-prompt.md`.

mod build;
mod estimate;
mod fit;
mod flatten;
pub(crate) mod harmless;
mod identity;
mod packing;
mod repeats;
mod settings;
mod system;
mod tree;
mod worth;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::flatten::{Item, visit};
pub use self::{
    settings::{PromptError, PromptSettings},
    system::PROMPT_VERSION,
};
use crate::{InjectionSign, Injections, PseudonymMap, Redactor, SentField};

/// Tokens for the chat template around the messages (`facts/ai.md §1.4`).
const MARGIN: u32 = 64;

/// What a prompt is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The alert as its source told it: a Wazuh alert (also wrapped in an index' `_source`), another tool's JSON, a text, or null.
    pub alert: &'a Value,
    /// Used where the alert has no description of its own.
    pub title: Option<&'a str>,
    /// Used where the alert has next to nothing.
    pub description: Option<&'a str>,
    /// What our own books know.
    pub facts: &'a [Fact],
}

/// Something our own books know: counts, hits of intelligence, earlier verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about: `seen`.
    pub label: String,
    /// What it says. It may hold names from alerts, so it is redacted and made harmless as the alert is.
    pub text: String,
    /// It changes by itself, such as a count: the question is the same without it (see [`Prompt::input_hash`]).
    pub passing: bool,
}

/// A prompt, ready to be sent. Its texts hold no secret that the rules know.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The system's message: the same bytes for every alert, so that a server's prefix cache hits.
    pub system: String,
    /// The user's message.
    pub user: String,
    /// The alert's fields in it, in its order.
    pub fields: Vec<SentField>,
    /// The facts in it, as sent.
    pub facts: Vec<String>,
    /// What did not fit.
    pub cut: Cut,
    /// How many secrets of each kind were taken out, by kind.
    pub redacted: Vec<(String, u64)>,
    /// Signs that somebody wrote into the alert in order to steer a model. At most 64.
    pub signs: Vec<InjectionSign>,
    /// Tokens of both messages, rather too many.
    pub estimated_tokens: u32,
    /// Tokens of both messages, rather too few: a server that counted far less has cut the prompt.
    pub least_tokens: u32,
    /// Names what the model is shown, without what differs from one time to the next (times, process ids, record numbers, the
    /// nonce): 64 hexadecimal digits.
    pub input_hash: String,
    /// Which name stands for what; empty where pseudonyms are off.
    pub pseudonyms: PseudonymMap,
}

/// What of an alert did not fit. Empty fields, repetitions and what never helps are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Fields in the prompt.
    pub sent: usize,
    /// Fields that would have been of use.
    pub of: usize,
    /// Fields that were shortened.
    pub shortened: Vec<Shortened>,
    /// Paths of fields that were left out; the first 64 of them.
    pub left_out: Vec<String>,
}

/// A field that was shortened, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Its path.
    pub path: String,
    /// How many characters of it are in the prompt.
    pub kept: usize,
    /// How many it has.
    pub of: usize,
}

/// Makes prompts. Made once, used by all threads.
pub struct Prompter {
    settings: PromptSettings,
    redactor: Arc<Redactor>,
    injections: Injections,
    pseudonyms: bool,
    /// Tokens for the user's message.
    budget: u32,
}

impl fmt::Debug for Prompter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompter")
            .field("settings", &self.settings)
            .field("pseudonyms", &self.pseudonyms)
            .finish_non_exhaustive()
    }
}

impl Prompter {
    /// With these limits. With `pseudonyms`, names of people, hosts and internal addresses are replaced.
    ///
    /// # Errors
    /// [`PromptError::ContextTooSmall`] where the context can't even hold the constant parts and the answer.
    pub fn new(
        settings: PromptSettings,
        redactor: Arc<Redactor>,
        pseudonyms: bool,
    ) -> Result<Self, PromptError> {
        let constant = estimate::most(system::SYSTEM) + MARGIN;
        let needed = constant
            .saturating_add(build::LEAST_BUDGET)
            .saturating_add(settings.answer_tokens);
        if needed > settings.context_tokens {
            return Err(PromptError::ContextTooSmall {
                context: settings.context_tokens,
                answer: settings.answer_tokens,
                needed,
            });
        }
        Ok(Self {
            budget: settings.context_tokens - settings.answer_tokens - constant,
            settings,
            redactor,
            injections: Injections::built_in()?,
            pseudonyms,
        })
    }

    /// The system's message: the same for every alert.
    pub fn system(&self) -> &str {
        system::SYSTEM
    }

    /// The prompt for one alert. `nonce` marks where its data begin and end: 8 to 64 letters and digits, random, fresh each time.
    ///
    /// # Errors
    /// [`PromptError::Secret`] where a secret was left after all; [`PromptError::Nonce`]; [`PromptError::TooManyNames`].
    pub fn build(&self, subject: &Subject<'_>, nonce: &str) -> Result<Prompt, PromptError> {
        build::build(self, subject, nonce)
    }
}
