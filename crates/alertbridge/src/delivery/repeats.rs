//! The ledger's groups in the sinks' words.

use alertbridge_ledger as ledger;
use alertbridge_sinks::{Continues, Digest, DigestKind, FieldSummary, iris::Repeats};

/// What a delivered alert is told: how often it, or what its digest holds, was seen.
pub fn told(group: &ledger::Group) -> Repeats {
    let beside_the_first = match group.kind {
        ledger::GroupKind::Repeats => group.folded,
        // The first member of a digest is folded into it, too.
        ledger::GroupKind::Burst | ledger::GroupKind::Budget => group.folded.saturating_sub(1),
    };
    Repeats {
        folded: beside_the_first,
        first_at: group.opened_at,
        last_at: group.last_at,
        fields: fields(group),
        level: group.level,
    }
}

/// A digest as it stands now; `None` for a group of repeats, and for a digest of one: that is delivered as the alert it is, and told
/// what comes to it later.
pub fn digest(group: &ledger::Group) -> Option<Digest> {
    let kind = match group.kind {
        _ if group.folded <= 1 => return None,
        ledger::GroupKind::Repeats => return None,
        ledger::GroupKind::Burst => DigestKind::Burst,
        ledger::GroupKind::Budget => DigestKind::Budget,
    };
    Some(Digest {
        kind,
        folded: group.folded,
        opened_at: group.opened_at,
        last_at: group.last_at,
        fields: fields(group),
        members: group.members.clone(),
        level: group.level,
    })
}

/// The alert it goes on from.
pub fn continues(old: ledger::Continues) -> Continues {
    Continues {
        id: old.id,
        link: old.link,
        why: old.why,
    }
}

/// What varies in a group.
pub fn fields(group: &ledger::Group) -> Vec<FieldSummary> {
    let summary = |field: &ledger::FieldSummary| FieldSummary {
        label: field.label.clone(),
        values: field.values.clone(),
        distinct: field.distinct,
        estimated: field.estimated,
    };
    group.fields.iter().map(summary).collect()
}
