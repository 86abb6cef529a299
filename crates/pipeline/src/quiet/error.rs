//! What can be wrong in `[quiet]` beyond the form of a single value.

/// A key whose value makes no sense, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct QuietError {
    /// `quiet.allowlist "backup" processes[0]`; lists count from 0.
    pub key: String,
    /// What is wrong and what to write instead.
    pub why: String,
}

impl QuietError {
    pub(crate) fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            why: why.into(),
        }
    }
}
