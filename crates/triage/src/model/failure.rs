//! Why there is no answer, in one word for metrics and one line for people.
//!
//! The words are those of `facts/ai.md §6`. What a caller does depends on the kind alone: a fault of the server is waited out and
//! never held against the alert, a fault only the operator can mend stops everything, and a fault of the answer costs the alert one of
//! its attempts.

use std::{fmt, time::Duration};

/// What went wrong, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The server refuses the key or wants one.
    Auth,
    /// The server says that it has too much to do.
    Busy,
    /// We gave up ourselves: a stop, a withdrawn alert.
    Cancelled,
    /// The model would send the alert to somebody else's machines, and that is not allowed.
    CloudRefused,
    /// No connection, or it broke.
    Connect,
    /// The prompt is longer than the context, and the server says so.
    ContextTooLong,
    /// The server cut the prompt in silence: the answer is about something else.
    ContextTruncated,
    /// IRIS refuses our key.
    IrisAuth,
    /// IRIS no longer has the alert.
    IrisGone,
    /// IRIS does not answer.
    IrisUnreachable,
    /// Somebody else works on the alert by now.
    LeaseLost,
    /// An address, a certificate or a proxy that can't be right.
    Misconfigured,
    /// The server does not have the model.
    ModelMissing,
    /// Something else than a model server answered: a proxy's page.
    NotTheServer,
    /// The answer ended before its end: the limit of tokens, or a filter.
    OutputCut,
    /// The answer stopped without a word about why: the repeat guard of Ollama.
    OutputNoDone,
    /// The answer is no JSON.
    OutputNotJson,
    /// The answer is JSON, but not what was asked for.
    OutputSchema,
    /// The prompt still held what looks like a secret, and was not sent.
    RedactionFailed,
    /// The server refuses this request as it is.
    RequestRefused,
    /// The server failed: a 5xx, a crash of the model's runner, an error in the middle of an answer.
    Server,
    /// Nothing came until the limit for the first token.
    TimeoutFirstByte,
    /// Nothing came between two tokens until the limit.
    TimeoutIdle,
    /// The answer was not finished within the limit for all of it.
    TimeoutTotal,
}

/// Whose fault it is, and so what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// What the alert or the answer holds: at most two attempts.
    Alert,
    /// Only the operator can mend it: nothing is begun, an alarm is raised.
    Operator,
    /// Our own doing: tried again as if nothing had been.
    Ours,
    /// It passes by itself: waited out, not held against the alert.
    Server,
}

impl FailureClass {
    /// All of them, in the order of their names.
    pub const ALL: [FailureClass; 24] = [
        Self::Auth,
        Self::Busy,
        Self::Cancelled,
        Self::CloudRefused,
        Self::Connect,
        Self::ContextTooLong,
        Self::ContextTruncated,
        Self::IrisAuth,
        Self::IrisGone,
        Self::IrisUnreachable,
        Self::LeaseLost,
        Self::Misconfigured,
        Self::ModelMissing,
        Self::NotTheServer,
        Self::OutputCut,
        Self::OutputNoDone,
        Self::OutputNotJson,
        Self::OutputSchema,
        Self::RedactionFailed,
        Self::RequestRefused,
        Self::Server,
        Self::TimeoutFirstByte,
        Self::TimeoutIdle,
        Self::TimeoutTotal,
    ];

    /// The label of a metric, as `facts/ai.md §6` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Busy => "busy_503",
            Self::Cancelled => "cancelled",
            Self::CloudRefused => "cloud_refused",
            Self::Connect => "connect",
            Self::ContextTooLong => "context_too_long",
            Self::ContextTruncated => "context_truncated",
            Self::IrisAuth => "iris_auth",
            Self::IrisGone => "iris_gone",
            Self::IrisUnreachable => "iris_unreachable",
            Self::LeaseLost => "lease_lost",
            Self::Misconfigured => "misconfigured",
            Self::ModelMissing => "model_missing",
            Self::NotTheServer => "not_the_server",
            Self::OutputCut => "output_cut",
            Self::OutputNoDone => "output_no_done",
            Self::OutputNotJson => "output_not_json",
            Self::OutputSchema => "output_schema",
            Self::RedactionFailed => "redaction_failed",
            Self::RequestRefused => "request_refused",
            Self::Server => "server_5xx",
            Self::TimeoutFirstByte => "timeout_first_byte",
            Self::TimeoutIdle => "timeout_idle",
            Self::TimeoutTotal => "timeout_total",
        }
    }

    /// Whose fault it is.
    pub fn kind(self) -> FailureKind {
        match self {
            Self::Auth
            | Self::CloudRefused
            | Self::IrisAuth
            | Self::Misconfigured
            | Self::ModelMissing => FailureKind::Operator,
            Self::Cancelled | Self::IrisGone | Self::LeaseLost => FailureKind::Ours,
            Self::Busy
            | Self::Connect
            | Self::IrisUnreachable
            | Self::NotTheServer
            | Self::Server
            | Self::TimeoutFirstByte
            | Self::TimeoutIdle
            | Self::TimeoutTotal => FailureKind::Server,
            Self::ContextTooLong
            | Self::ContextTruncated
            | Self::OutputCut
            | Self::OutputNoDone
            | Self::OutputNotJson
            | Self::OutputSchema
            | Self::RedactionFailed
            | Self::RequestRefused => FailureKind::Alert,
        }
    }

    /// Whether it says something about the model server; the others are for the caller's own counting.
    pub fn is_of_the_model(self) -> bool {
        !matches!(
            self,
            Self::Cancelled
                | Self::IrisAuth
                | Self::IrisGone
                | Self::IrisUnreachable
                | Self::LeaseLost
                | Self::RedactionFailed
        )
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ModelError {
    /// What went wrong.
    pub class: FailureClass,
    /// One line that says what the operator can do. Holds no secret and nothing of the prompt.
    pub text: String,
    /// How long the server asked to be left alone.
    pub after: Option<Duration>,
}

impl ModelError {
    /// Of this class; the text is one line without secrets.
    pub fn new(class: FailureClass, text: impl Into<String>) -> Self {
        Self {
            class,
            text: text.into(),
            after: None,
        }
    }

    /// Whose fault it is.
    pub fn kind(&self) -> FailureKind {
        self.class.kind()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_a_word_of_its_own_that_a_metric_can_carry() {
        let words: BTreeSet<&str> = FailureClass::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(words.len(), FailureClass::ALL.len());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(words.iter().all(|word| word.chars().all(plain)));
    }

    #[test]
    fn what_is_not_the_models_doing_is_never_held_against_the_model() {
        assert!(!FailureClass::IrisUnreachable.is_of_the_model());
        assert!(FailureClass::Server.is_of_the_model());
    }
}
