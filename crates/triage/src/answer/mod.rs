//! What a model answered, read by our own code.
//!
//! A schema that is sent to a model server is a request, not a guarantee: some ignore it without a word (facts/ai.md §1.3). So each
//! answer is held against the very same schema here, and what does not fit is refused with a complaint that a repair question can
//! use. The complaint is in our words: a path and a rule, never the model's text.
//!
//! Tolerated is what models put around JSON and nothing else: blanks, a byte order mark, one fence, a `<think>` part before it.

mod fault;
mod node;
mod rule;
mod wrapping;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::fault::{AnswerFault, FaultClass};
use self::{node::Node, rule::Rule};

/// Bytes. A longer text is not read; the longest answer the schema allows has a tenth of it.
pub const LONGEST_ANSWER: usize = 64 << 10;

#[expect(
    clippy::expect_used,
    reason = "the text is compiled in, and the first test of this module reads it"
)]
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("schema.json")).expect("the schema is compiled in")
});

#[expect(
    clippy::expect_used,
    reason = "as for the schema: a keyword that is not known fails the first test"
)]
static RULE: LazyLock<Rule> =
    LazyLock::new(|| Rule::of(&SCHEMA).expect("the schema has keywords we know"));

/// The JSON schema a model is asked to fill, and that [`read`] holds its answer against. Its properties are in alphabetical order,
/// which is the order they are wanted in (facts/ai.md §3.2).
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// A model's answer that fits the schema. The names are the schema's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Short reasoning.
    pub analysis: String,
    /// What the model quotes from the alert. Not verified yet.
    pub evidence: Vec<Evidence>,
    /// Harmless explanations that somebody should check.
    pub false_positive_hypotheses: Vec<String>,
    /// Ids of MITRE ATT&CK by their form; whether they exist is not checked yet.
    pub mitre_techniques: Vec<String>,
    /// What to do next.
    pub recommended_steps: Vec<String>,
    /// How bad the model thinks it is.
    pub severity: Severity,
    /// What happened, in a few sentences.
    pub summary: String,
    /// What the model takes it for.
    pub verdict: Verdict,
    /// How sure it says it is: 0 to 100.
    pub verdict_confidence: u8,
}

/// A quote from the alert and what it is meant to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The path of the alert's field.
    pub field: String,
    /// Why it matters, in the model's words.
    pub meaning: String,
    /// The alert's words.
    pub quote: String,
}

/// What an alert is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An attack or a breach of policy.
    TruePositive,
    /// The rule is right and the activity is allowed.
    BenignTruePositive,
    /// The rule is wrong.
    FalsePositive,
    /// The alert alone can't tell.
    NeedsInvestigation,
}

impl Verdict {
    /// All, in the order they are listed in.
    pub const ALL: [Self; 4] = [
        Self::TruePositive,
        Self::BenignTruePositive,
        Self::FalsePositive,
        Self::NeedsInvestigation,
    ];

    /// The word for metrics and JSON: `true_positive`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::BenignTruePositive => "benign_true_positive",
            Self::FalsePositive => "false_positive",
            Self::NeedsInvestigation => "needs_investigation",
        }
    }

    /// The words for people: `benign true positive`.
    pub fn words(self) -> &'static str {
        match self {
            Self::TruePositive => "true positive",
            Self::BenignTruePositive => "benign true positive",
            Self::FalsePositive => "false positive",
            Self::NeedsInvestigation => "needs investigation",
        }
    }
}

/// How bad a model thinks it is. Shown beside the rule's level, never written to the alert's severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing to do.
    Informational,
    /// Can wait.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Call somebody.
    Critical,
}

impl Severity {
    /// The word for people, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Reads what a model answered.
///
/// ```
/// use alertbridge_triage::answer::{self, FaultClass};
///
/// let fault = answer::read(r#"{"verdict":"malware"}"#).unwrap_err();
/// assert_eq!(fault.class, FaultClass::Schema);
/// assert_eq!(fault.complaint, "field analysis: is missing");
/// ```
///
/// # Errors
/// [`AnswerFault`] where it is no JSON or does not fit the schema. Ask once more with its complaint, then give up.
pub fn read(text: &str) -> Result<Answer, AnswerFault> {
    if text.len() > LONGEST_ANSWER {
        return Err(AnswerFault::not_json(format!(
            "the answer is longer than {LONGEST_ANSWER} bytes"
        )));
    }
    let node: Node = serde_json::from_str(wrapping::inside(text)).map_err(|error| {
        AnswerFault::not_json(if error.is_eof() {
            "the text ends before the JSON object does".to_owned()
        } else {
            format!(
                "the text is not one JSON object: line {}, column {}",
                error.line(),
                error.column()
            )
        })
    })?;
    RULE.check(&node)?;
    // What fits the schema fits the type; were it not so, it is a fault like any other.
    serde_json::from_value(node.into_value())
        .map_err(|_| AnswerFault::schema("", "does not fit the schema"))
}
