//! Why a provider can't get on, and what the operator can do about it.
//!
//! One type for all providers. Callers ask three things only: what kind it is (for a metric's label), whether it passes by itself,
//! and when to try again. No text holds a secret or an answer's whole body.

use std::{path::Path, time::Duration};

/// What went wrong. Kinds are words for metrics and tests; the remedy stands in the error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The user's account must do something first: second factor, new password, licence.
    Account,
    /// The answer is cut, garbled, too large or not what was asked for.
    Answer,
    /// The server is there and says that it can't now: 429, 5xx, search engine trouble, locks.
    Busy,
    /// A value of the configuration.
    Config,
    /// A file can't be read.
    File,
    /// The server does not understand our queries.
    Incompatible,
    /// Something that is not OpenCTI answered: a proxy, a login page, a redirect.
    NotTheServer,
    /// The token's user lacks a right, or this machine's address is not allowed.
    Right,
    /// The local store refused.
    Store,
    /// The live stream can't be used.
    Stream,
    /// No answer in time.
    Timeout,
    /// The certificate or the TLS settings.
    Tls,
    /// The token is wrong, missing or expired.
    Token,
    /// No connection.
    Unreachable,
}

impl ErrorKind {
    /// The label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Answer => "answer",
            Self::Busy => "busy",
            Self::Config => "config",
            Self::File => "file",
            Self::Incompatible => "incompatible",
            Self::NotTheServer => "not_the_server",
            Self::Right => "right",
            Self::Store => "store",
            Self::Stream => "stream",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Token => "token",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A fault with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ProviderError {
    kind: ErrorKind,
    text: String,
    operator: bool,
    retry_after: Option<Duration>,
}

impl ProviderError {
    /// Passes by itself; worth trying again soon.
    pub(crate) fn passing(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            operator: false,
            retry_after: None,
        }
    }

    /// Stays until the operator has done something; tried again every few minutes all the same.
    pub(crate) fn operator(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            operator: true,
            ..Self::passing(kind, text)
        }
    }

    /// A value of the configuration that makes no sense.
    pub(crate) fn config(key: &str, problem: impl std::fmt::Display) -> Self {
        Self::operator(ErrorKind::Config, format!("`{key}`: {problem}"))
    }

    /// A file named in the configuration that can't be read.
    pub(crate) fn unreadable(key: &str, path: &Path, problem: &impl std::fmt::Display) -> Self {
        Self::operator(
            ErrorKind::File,
            format!(
                "`{key}`: can't read {}: {problem}; the file must exist and be readable by the user alertbridge runs as",
                path.display()
            ),
        )
    }

    /// The server asked to be left alone for a while.
    pub(crate) fn wait(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether it stays until the operator has done something.
    pub fn needs_operator(&self) -> bool {
        self.operator
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<alertbridge_tls::TlsError> for ProviderError {
    fn from(error: alertbridge_tls::TlsError) -> Self {
        match &error {
            alertbridge_tls::TlsError::Setup(_) => {
                Self::operator(ErrorKind::Tls, error.to_string())
            }
            alertbridge_tls::TlsError::Value { key, problem } => Self::config(key, problem),
        }
    }
}
