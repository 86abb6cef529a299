//! Why an answer was refused.

/// Why an answer was refused. Its text is ours alone and short: it can be logged, and sent to the model as the repair question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{complaint}")]
pub struct AnswerFault {
    /// For metrics and for what to do next.
    pub class: FaultClass,
    /// `field verdict: must be one of …`. At most a few hundred characters.
    pub complaint: String,
}

/// The kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// No JSON, or more than one, or far too long.
    NotJson,
    /// JSON that does not fit the schema.
    Schema,
}

impl FaultClass {
    /// A word for metrics: `output_not_json`, `output_schema` (facts/ai.md §6).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "output_not_json",
            Self::Schema => "output_schema",
        }
    }
}

impl AnswerFault {
    pub(super) fn not_json(complaint: String) -> Self {
        Self {
            class: FaultClass::NotJson,
            complaint,
        }
    }

    /// The path is made of names of the schema and numbers.
    pub(super) fn schema(path: &str, what: &str) -> Self {
        let complaint = if path.is_empty() {
            format!("the answer {what}")
        } else {
            format!("field {path}: {what}")
        };
        Self {
            class: FaultClass::Schema,
            complaint,
        }
    }
}
