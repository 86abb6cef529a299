//! Where a note comes from.

use serde::{Deserialize, Serialize};

/// What a reader needs in order to trust a note, or to find out what went wrong. Stored with the job, so fields may be added only
/// with a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The model's name: `phi4-mini:latest`.
    pub model: String,
    /// The model's digest, where the server tells it.
    pub digest: Option<String>,
    /// The prompt's version.
    pub prompt_version: String,
    /// A hash of what was sent, hexadecimal. The first 12 digits are shown.
    pub input_hash: String,
    /// Tokens of the prompt, as the server counted them.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub answer_tokens: Option<u64>,
    /// How long the model took.
    pub seconds: Option<f64>,
    /// The job's number.
    pub job: u64,
    /// How many of the alert's fields were sent.
    pub fields_seen: u32,
    /// How many the alert has.
    pub fields_total: u32,
    /// How many secrets were taken out before.
    pub secrets_redacted: u64,
    /// The IRIS alert whose answer this is, where the model was not asked again.
    pub same_as: Option<u64>,
}
