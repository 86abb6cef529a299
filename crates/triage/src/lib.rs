//! What an alert goes through before a language model or a note sees it.
//!
//! [`Redactor`] takes secrets out: passwords, keys, tokens, tickets. What an analyst needs stays: addresses, domains, file hashes,
//! paths, account names, and the fact that there was a secret.
//!
//! ```
//! use alertbridge_triage::Redactor;
//!
//! let redactor = Redactor::built_in()?;
//! let redacted = redactor.redact_text(r"net use \\fs01\c$ /user:CORP\bob Summer2026! /persistent:no");
//! assert_eq!(redacted.text, r"net use \\fs01\c$ /user:CORP\bob [REDACTED:password] /persistent:no");
//! assert_eq!(redacted.found, [("password".to_owned(), 1)]);
//! # Ok::<(), alertbridge_triage::RulesError>(())
//! ```
//!
//! The way of an alert: [`Prompter`] makes the [`Prompt`] (redacted, harmless, of a size that fits), [`model`] asks, [`answer`] reads what
//! came, [`guard`] holds it against what was sent, [`note`] writes what an analyst reads. [`evaluation`] measures all of it.
//!
//! Only [`model`] does I/O; everything else is pure. No clock, no SQL, no IRIS. What is redacted and what is not: `docs/redaction.md`;
//! what is sent: `docs/triage-prompt.md`; what is guaranteed of an answer: `docs/triage-guardrails.md`.

pub mod answer;
pub mod evaluation;
pub mod guard;
mod injection;
pub mod model;
pub mod note;
mod prompt;
mod pseudonym;
mod redact;
mod sent;

pub use self::injection::{InjectionRulesError, Injections};
pub use self::prompt::{
    Cut, Fact, PROMPT_VERSION, Prompt, PromptError, PromptSettings, Prompter, Shortened, Subject,
};
pub use self::pseudonym::PseudonymMap;
pub use self::redact::{Finding, Redacted, RedactedAlert, Redactor, Rules, RulesError};
pub use self::sent::{InjectionSign, SentField, SignKind};
