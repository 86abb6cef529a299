//! What the pretended model says.

/// One answer of the model, before a fault or a limit takes something away from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// The answer.
    pub text: String,
    /// What it thought before, sent apart from the answer; "" for nothing.
    pub thinking: String,
    /// `stop`, or `length` for an answer that used up its tokens. Longer answers than the request allows are cut by the server itself.
    pub reason: String,
}

impl ModelAnswer {
    /// An answer that came to its end.
    pub fn text(text: impl Into<String>) -> ModelAnswer {
        ModelAnswer {
            text: text.into(),
            thinking: String::new(),
            reason: "stop".to_owned(),
        }
    }
}
