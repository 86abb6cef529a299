//! What is wrong with a model's configuration.

use std::path::PathBuf;

/// Settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelConfigError {
    /// The HTTP client could not be built.
    #[error("the HTTP client can't be built: {0}")]
    Client(String),
    /// A file that can't be read.
    #[error(
        "`{key}`: can't read {path}: {source}; the file must exist and be readable by the user alertbridge runs as"
    )]
    File {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A value that makes no sense.
    #[error("`{key}`: {problem}")]
    Value {
        /// The configuration key, dotted, below the model's section.
        key: String,
        /// What is wrong and what is right.
        problem: String,
    },
}

impl ModelConfigError {
    pub(crate) fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

impl From<alertbridge_tls::TlsError> for ModelConfigError {
    fn from(error: alertbridge_tls::TlsError) -> Self {
        match error {
            alertbridge_tls::TlsError::Setup(why) => Self::Client(why),
            alertbridge_tls::TlsError::Value { key, problem } => Self::Value { key, problem },
        }
    }
}
