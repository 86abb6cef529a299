//! What a job keeps of its answer in the ledger, so that a crash between the model and IRIS costs no second question.

use alertbridge_triage::{answer::Answer, note::Provenance};
use serde::{Deserialize, Serialize};

/// A finished review, ready to be written, and the answer it was made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The validated answer as the model gave it. Another alert with the same question is judged by it anew.
    pub answer: Answer,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The text for the note.
    pub text: String,
    /// Tags beside the one that says "reviewed".
    pub tags: Vec<String>,
    /// The verdict after the guards, for the books.
    pub verdict: String,
}

impl Kept {
    /// As the ledger keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts and numbers: can't fail; an empty answer is read as none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None where it is of an older program or damaged: the question is asked again.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
