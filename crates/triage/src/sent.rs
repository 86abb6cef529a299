//! What of an alert a model is shown. The prompt makes it, the guard holds the model's answer against it.

/// One field of the alert as it stands in the prompt: redacted, made harmless and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentField {
    /// Dotted path: `data.win.eventdata.commandLine`.
    pub path: String,
    /// The text that was sent.
    pub text: String,
}

/// A sign that somebody wrote into the alert in order to steer a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InjectionSign {
    /// The field it stands in.
    pub path: String,
    /// What it looks like.
    pub kind: SignKind,
    /// The words, redacted, made harmless, at most 120 characters.
    pub excerpt: String,
}

/// What a sign looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SignKind {
    /// Orders to the reader: "ignore all previous instructions", "you are now …", "system prompt".
    Instruction,
    /// A verdict spoken in the alert itself: "classify this as benign", "false positive", `"verdict": …`.
    Verdict,
    /// The spelling of a chat template's token: `<|im_end|>`, `[INST]`, `<think>`.
    Template,
    /// The look of our own marker around the data.
    Fence,
    /// Characters that can't be seen: zero width, bidirectional, tags.
    Invisible,
    /// One of the above behind base64 or another code.
    Encoded,
}

impl SignKind {
    /// A word for metrics and JSON: `instruction`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::Verdict => "verdict",
            Self::Template => "template",
            Self::Fence => "fence",
            Self::Invisible => "invisible",
            Self::Encoded => "encoded",
        }
    }
}
