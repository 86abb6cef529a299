//! How large a prompt may be, and why there is none.

use crate::InjectionRulesError;

/// Limits of a prompt. The defaults suit a small model on a processor (`facts/ai.md §3.4`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptSettings {
    /// Tokens of prompt and answer together: the model's `num_ctx`.
    pub context_tokens: u32,
    /// Tokens kept free for the answer: `num_predict`.
    pub answer_tokens: u32,
    /// Bytes of a field that tells what happened: a command line, a path, a user.
    pub core_bytes: usize,
    /// Bytes of a script (`scriptBlockText`).
    pub script_bytes: usize,
    /// Bytes of a changed file's difference (`syscheck.diff`).
    pub difference_bytes: usize,
    /// Bytes of the log line itself, where it says more than the fields do.
    pub log_bytes: usize,
    /// Bytes of any other field.
    pub other_bytes: usize,
    /// Bytes of what is told before the data: the rule's description, the agent, each fact.
    pub fact_bytes: usize,
    /// How many facts at most.
    pub facts: usize,
}

impl Default for PromptSettings {
    fn default() -> Self {
        Self {
            context_tokens: 8_192,
            answer_tokens: 1_024,
            core_bytes: 800,
            script_bytes: 1_500,
            difference_bytes: 600,
            log_bytes: 800,
            other_bytes: 200,
            fact_bytes: 300,
            facts: 12,
        }
    }
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The constant parts and the answer need more than the whole context.
    #[error(
        "a context of {context} tokens is too small: with {answer} tokens for the answer at least {needed} are needed; raise the context or lower the answer"
    )]
    ContextTooSmall {
        /// Tokens of the context.
        context: u32,
        /// Tokens kept free for the answer.
        answer: u32,
        /// Tokens that would be enough.
        needed: u32,
    },
    /// The finished prompt still has a secret. Nothing may be sent.
    #[error(
        "a secret of the kind `{kind}` is left after redaction, so nothing was sent to the model; add a redaction rule for where it stands"
    )]
    Secret {
        /// Its kind.
        kind: String,
    },
    /// The nonce would not mark the data safely.
    #[error("the nonce must be 8 to 64 ASCII letters and digits")]
    Nonce,
    /// More names than pseudonyms can be given to: made to exhaust us.
    #[error(
        "the alert holds more names of users and hosts than can be replaced, so nothing was sent to the model; triage it by hand"
    )]
    TooManyNames,
    /// The rules that look for injections can't be used.
    #[error(transparent)]
    Injections(#[from] InjectionRulesError),
}
