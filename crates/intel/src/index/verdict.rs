//! Whether an indicator with the right value counts, and why not.

use jiff::Timestamp;

use crate::{How, Indicator, MatchRules, Tlp, Unmatched};

/// Everything that speaks against a match, in no order of weight.
pub(super) fn against(
    indicator: &Indicator,
    how: How,
    rules: &MatchRules,
    now: Timestamp,
) -> Vec<Unmatched> {
    let mut against = Vec::new();
    if !rules.include_expired {
        if indicator.revoked {
            against.push(Unmatched::Revoked);
        }
        if let Some(until) = indicator.valid_until.filter(|until| *until <= now) {
            against.push(Unmatched::Expired(until));
        }
    }
    if let Some(from) = indicator.valid_from.filter(|from| *from > now) {
        against.push(Unmatched::NotYetValid(from));
    }
    if let (Some(score), Some(minimum)) = (indicator.score, rules.minimum_score)
        && score < minimum
    {
        against.push(Unmatched::BelowScore { score, minimum });
    }
    if rules.require_detection && !indicator.detection {
        against.push(Unmatched::NotForDetection);
    }
    if !rules.parents && how == How::Parent {
        against.push(Unmatched::OnlyParent);
    }
    if !rules.providers.is_empty() && !rules.providers.contains(&indicator.provider) {
        against.push(Unmatched::Provider(indicator.provider.clone()));
    }
    if !rules.labels_allow.is_empty() && labelled(indicator, &rules.labels_allow).is_none() {
        against.push(Unmatched::NoAllowedLabel);
    }
    if let Some(label) = labelled(indicator, &rules.labels_deny) {
        against.push(Unmatched::LabelDenied(label.clone()));
    }
    let tlp = indicator
        .markings
        .iter()
        .filter_map(|name| Tlp::of_marking(name))
        .max();
    if let (Some(tlp), Some(most)) = (tlp, rules.max_tlp)
        && tlp > most
    {
        against.push(Unmatched::AboveTlp(tlp));
    }
    against
}

/// Revoked, or past its validity.
pub(super) fn is_expired(indicator: &Indicator, now: Timestamp) -> bool {
    indicator.revoked || indicator.valid_until.is_some_and(|until| until <= now)
}

/// The first of the indicator's labels that is among these.
fn labelled<'i>(indicator: &'i Indicator, labels: &[String]) -> Option<&'i String> {
    indicator.labels.iter().find(|label| {
        labels
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(label))
    })
}

/// The best first: not expired, meant for detection, higher score, higher confidence, valid for longer (facts/opencti.md
/// §3.1), the stronger way of matching; then by identity, so that the order is always the same.
pub(super) fn rank(indicator: &Indicator, how: How, now: Timestamp) -> impl Ord + use<> {
    use std::cmp::Reverse;
    (
        is_expired(indicator, now),
        Reverse(indicator.detection),
        Reverse(indicator.score),
        Reverse(indicator.confidence),
        Reverse(indicator.valid_until.unwrap_or(Timestamp::MAX)),
        how,
        indicator.provider.clone(),
        indicator.id.clone(),
    )
}
