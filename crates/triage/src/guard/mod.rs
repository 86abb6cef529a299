//! What code makes of a model's answer before anyone sees it.
//!
//! A model reads text that an attacker wrote in part, and it may do what that text says. So nothing it says is taken as it is
//! (facts/ai.md §3.5): what it quotes must stand in what it was sent, what it names must exist, good news needs more than its
//! word, and its text is made plain, redacted and cut again. Its words never become a tag, a severity or a status.
//!
//! - Good news (`false_positive`, `benign_true_positive`) does not stand where the rule's level is 12 or higher, where somebody wrote to
//!   the model, or where it is less than 60 sure.
//! - No verdict stands without a quote that was found in the alert.
//!
//! A verdict that does not stand becomes `needs_investigation`. Never the other way round.

mod clean;
mod defang;
mod evidence;
mod plain;
mod review;
mod techniques;

pub use self::clean::Cleaned;
pub(crate) use self::clean::{cut, shown};
pub use self::review::{Downgrade, Review, TAGS, Technique};
use self::{clean::Cleaner, evidence::Sent};
use crate::{
    InjectionSign, Redactor, SentField,
    answer::{Answer, Verdict},
};

/// The rule's level from which on good news is not believed.
const HIGH_LEVEL: u32 = 12;
/// How sure a model must be of good news.
const ENOUGH_CONFIDENCE: u8 = 60;

/// Characters, as in the schema: what is redacted or mapped may have grown.
mod longest {
    pub(super) const ANALYSIS: usize = 600;
    pub(super) const SUMMARY: usize = 400;
    pub(super) const QUOTE: usize = 200;
    pub(super) const MEANING: usize = 160;
    pub(super) const ITEM: usize = 200;
    pub(super) const EXCERPT: usize = 120;
    /// A path of the alert, which is not the model's.
    pub(super) const FIELD: usize = 120;
}

/// What an answer is held against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The alert's fields as they were sent.
    pub fields: &'a [SentField],
    /// What else was sent and may be quoted, one `name: value` each: the rule, the agent.
    pub facts: &'a [String],
    /// What in the alert looked as if it was written to a model.
    pub signs: &'a [InjectionSign],
    /// The rule's level.
    pub rule_level: u32,
    /// The techniques the rule names.
    pub rule_techniques: &'a [String],
    /// Takes secrets out of the model's text as well: it may have decoded or completed one.
    pub redactor: &'a Redactor,
}

/// Holds an answer against what was sent, and makes its text safe to show.
pub fn judge(answer: Answer, context: &Context<'_>) -> Review {
    let sent = Sent::new(context.fields, context.facts);
    let mut cleaner = Cleaner::new(context.redactor, &sent, context.signs);

    let given = answer.evidence.len();
    let evidence: Vec<_> = answer
        .evidence
        .into_iter()
        .filter_map(|evidence| sent.verify(evidence))
        .map(|evidence| cleaner.evidence(evidence))
        .filter(|evidence| !evidence.quote.is_empty())
        .collect();
    let unverified = u32::try_from(given - evidence.len()).unwrap_or(u32::MAX);
    let downgrades = downgrades(
        answer.verdict,
        answer.verdict_confidence,
        evidence.is_empty(),
        context,
    );
    let (techniques, unknown_techniques) =
        techniques::known(&answer.mitre_techniques, context.rule_techniques);

    Review {
        verdict: if downgrades.is_empty() {
            answer.verdict
        } else {
            Verdict::NeedsInvestigation
        },
        said: answer.verdict,
        downgrades,
        confidence: answer.verdict_confidence.min(100),
        severity: answer.severity,
        rule_level: context.rule_level,
        analysis: cleaner.prose(&answer.analysis, longest::ANALYSIS),
        summary: cleaner.prose(&answer.summary, longest::SUMMARY),
        evidence,
        unverified,
        steps: cleaner.list(&answer.recommended_steps),
        hypotheses: cleaner.list(&answer.false_positive_hypotheses),
        techniques,
        unknown_techniques,
        signs: context
            .signs
            .iter()
            .map(|sign| cleaner.sign(sign))
            .collect(),
        cleaned: cleaner.counts,
    }
}

/// Why a verdict does not stand.
fn downgrades(
    said: Verdict,
    confidence: u8,
    no_evidence: bool,
    context: &Context<'_>,
) -> Vec<Downgrade> {
    let good_news = matches!(said, Verdict::FalsePositive | Verdict::BenignTruePositive);
    let told = said != Verdict::NeedsInvestigation;
    [
        (
            Downgrade::HighLevel,
            good_news && context.rule_level >= HIGH_LEVEL,
        ),
        (
            Downgrade::InjectionSigns,
            good_news && !context.signs.is_empty(),
        ),
        (
            Downgrade::LowConfidence,
            good_news && confidence < ENOUGH_CONFIDENCE,
        ),
        (Downgrade::NoEvidence, told && no_evidence),
    ]
    .into_iter()
    .filter_map(|(downgrade, applies)| applies.then_some(downgrade))
    .collect()
}
