//! Why a sink can't be built from its configuration.
//!
//! Every message says what to change. Secrets never appear in one.

use std::path::PathBuf;

/// A fault of the configuration that is known before anything is sent.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A value that makes no sense.
    #[error("`{key}`: {problem}")]
    Value {
        /// The configuration key, dotted, below the sink's section.
        key: String,
        /// What is wrong and what is right.
        problem: String,
    },
    /// A file that can't be read.
    #[error(
        "`{key}`: can't read {path}: {source}; the file must exist and be readable by the user alertbridge runs as"
    )]
    File {
        /// The configuration key.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client can't be built: {0}")]
    Client(String),
}

impl SinkError {
    pub(crate) fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

impl From<alertbridge_tls::TlsError> for SinkError {
    fn from(error: alertbridge_tls::TlsError) -> Self {
        match error {
            alertbridge_tls::TlsError::Setup(why) => Self::Client(why),
            alertbridge_tls::TlsError::Value { key, problem } => Self::Value { key, problem },
        }
    }
}
