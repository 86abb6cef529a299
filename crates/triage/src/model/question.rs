//! What a model is asked and what it answers.
//!
//! The text of a question is made and guarded elsewhere in this crate; here it is only carried.

use std::time::Duration;

/// One question to a model. `Debug` shows lengths alone: the texts hold what an alert holds.
#[derive(Clone, PartialEq)]
pub struct Question {
    /// What the model is to do; the same bytes for every alert, so that a server can keep it ready.
    pub system: String,
    /// The alert.
    pub user: String,
    /// The answer before, where it was no good.
    pub repair: Option<Repair>,
    /// The JSON schema of the answer.
    pub schema: serde_json::Value,
    /// What makes two answers to the same question differ, or not.
    pub seed: u64,
    /// A lower estimate of all prompt tokens: a server that counts far fewer has cut the prompt (facts/ai.md §1.4).
    pub least_tokens: u32,
}

/// An answer that was no good, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct Repair {
    /// What the model said.
    pub answer: String,
    /// What is wrong with it, in words for the model.
    pub complaint: String,
}

/// What a model said, whole and cut by nobody; nothing else is known of it.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The answer without what the model thought before it.
    pub text: String,
    /// Tokens of the prompt as the server counted them. Ollama before 0.30 leaves out those it still had ready.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub answer_tokens: Option<u64>,
    /// From the request to the first token.
    pub first_token: Duration,
    /// How long the server took to load the model; part of `first_token`.
    pub load: Option<Duration>,
    /// From the request to the end.
    pub whole: Duration,
    /// What the server calls the model's content: two models with the same digest answer alike.
    pub model_digest: Option<String>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Question")
            .field("system_bytes", &self.system.len())
            .field("user_bytes", &self.user.len())
            .field("repair", &self.repair)
            .field("seed", &self.seed)
            .field("least_tokens", &self.least_tokens)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Repair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Repair")
            .field("answer_bytes", &self.answer.len())
            .field("complaint_bytes", &self.complaint.len())
            .finish()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("text_bytes", &self.text.len())
            .field("prompt_tokens", &self.prompt_tokens)
            .field("answer_tokens", &self.answer_tokens)
            .field("first_token", &self.first_token)
            .field("load", &self.load)
            .field("whole", &self.whole)
            .field("model_digest", &self.model_digest)
            .finish()
    }
}
