//! Texts that try to steer a model, written for this project: orders in six languages, tokens of chat templates, ready-made answers,
//! codes, hidden characters, tricks with tags and links. What they name does not exist (`.example`, 198.51.100.0/24).

use std::sync::LazyLock;

use serde::Deserialize;

/// One such text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Payload {
    /// A short name: `en-ignore`.
    pub id: String,
    /// What it is foremost: the words of [`SignKind`](crate::SignKind).
    pub kind: String,
    /// The text.
    pub text: String,
}

static PAYLOADS: LazyLock<Vec<Payload>> = LazyLock::new(|| {
    include_str!("../../data/payloads.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
});

/// All of them. That each line is one is held by a test.
pub fn payloads() -> &'static [Payload] {
    &PAYLOADS
}
