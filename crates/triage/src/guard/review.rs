//! What is left of an answer: what is shown, and what is not believed.

use super::{
    clean::{self, Cleaned},
    longest,
};
use crate::{
    InjectionSign,
    answer::{Evidence, Severity, Verdict},
};

/// All tags a review can have. None is ever made of a model's text: a comma would split it, and IRIS keeps each tag for ever
/// (facts/iris.md §9). None has `ai-pending`, `ai-processing` or `ai-reviewed` in it: IRIS finds alerts by parts of tags.
pub const TAGS: [&str; 5] = [
    "ai-verdict:needs-investigation",
    "ai-verdict:true-positive",
    "ai-verdict:benign",
    "ai-verdict:false-positive",
    "ai-injection-suspected",
];

/// An answer after all checks. Every text is plain, without secrets, of bounded length, on one line and without `<`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// What stands.
    pub verdict: Verdict,
    /// What the model said.
    pub said: Verdict,
    /// Why the one is not the other. Empty where they are the same.
    pub downgrades: Vec<Downgrade>,
    /// How sure the model says it is: 0 to 100.
    pub confidence: u8,
    /// The model's. Shown, never written to the alert's severity.
    pub severity: Severity,
    /// The level of the rule, to stand beside it.
    pub rule_level: u32,
    /// The model's reasoning.
    pub analysis: String,
    /// What happened.
    pub summary: String,
    /// Quotes that were found where `field` says.
    pub evidence: Vec<Evidence>,
    /// How many quotes were not found and left out.
    pub unverified: u32,
    /// What to do next.
    pub steps: Vec<String>,
    /// Harmless explanations to check.
    pub hypotheses: Vec<String>,
    /// Techniques that exist.
    pub techniques: Vec<Technique>,
    /// How many ids were left out because ATT&CK has none such.
    pub unknown_techniques: u32,
    /// What in the alert looked as if it was written to a model.
    pub signs: Vec<InjectionSign>,
    /// What had to be taken out of the model's text.
    pub cleaned: Cleaned,
}

/// Why a verdict was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Downgrade {
    /// Good news about a rule of level 12 or higher.
    HighLevel,
    /// Good news about an alert in which somebody wrote to the model.
    InjectionSigns,
    /// Good news that the model is less than 60 sure of.
    LowConfidence,
    /// No quote was found in the alert.
    NoEvidence,
}

impl Downgrade {
    /// A word for metrics: `high_level`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HighLevel => "high_level",
            Self::InjectionSigns => "injection_signs",
            Self::LowConfidence => "low_confidence",
            Self::NoEvidence => "no_evidence",
        }
    }
}

/// A technique of MITRE ATT&CK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `T1059.001`.
    pub id: String,
    /// `PowerShell`.
    pub name: &'static str,
    /// Whether the rule names it, too.
    pub from_rule: bool,
}

impl Review {
    /// The alert's tags for this review, all of them from [`TAGS`]. Take the others of these away.
    pub fn tags(&self) -> Vec<&'static str> {
        let verdict = match self.verdict {
            Verdict::NeedsInvestigation => TAGS[0],
            Verdict::TruePositive => TAGS[1],
            Verdict::BenignTruePositive => TAGS[2],
            Verdict::FalsePositive => TAGS[3],
        };
        let mut tags = vec![verdict];
        if !self.signs.is_empty() {
            tags.push(TAGS[4]);
        }
        tags
    }

    /// Changes each text, such as to put names back in the place of pseudonyms. Call it last: the checks need what was sent. What
    /// comes back is made plain and cut again, but not redacted again.
    pub fn map_text(&mut self, mut f: impl FnMut(&str) -> String) {
        let mut map = |text: &mut String, most: usize| *text = clean::shown(&f(text), most);
        map(&mut self.analysis, longest::ANALYSIS);
        map(&mut self.summary, longest::SUMMARY);
        for evidence in &mut self.evidence {
            map(&mut evidence.quote, longest::QUOTE);
            map(&mut evidence.meaning, longest::MEANING);
        }
        for item in self.steps.iter_mut().chain(&mut self.hypotheses) {
            map(item, longest::ITEM);
        }
        for sign in &mut self.signs {
            map(&mut sign.excerpt, longest::EXCERPT);
        }
    }
}
