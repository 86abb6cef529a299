//! Names all ledgers give the same way: a dead letter's id, the reference of an alert whose own is taken, and of digests and rules.

use std::fmt;

use crate::{Arrival, GroupKind, SilencedBy};

/// The source of digests in the books.
pub(crate) const DIGEST: &str = "digest";

/// The source of what was known late in the books: an alert of a source again, with an indicator that came after it.
pub(crate) const LATE: &str = "intel";

/// What stands between the reference of an alert and what was known of it late.
pub(crate) const LATE_MARK: &str = "#intel:";

/// Whether a source is none of alerts: what it brings is left out of what is told of alerts.
pub(crate) fn is_pseudo(source: &str) -> bool {
    source == DIGEST || source == LATE
}

/// What `m17` and `d42` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetterId {
    /// A dead delivery.
    Delivery(i64),
    /// What was no alert.
    Malformed(i64),
}

impl LetterId {
    /// Reads an id; `None` for anything else.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (kind, number) = id.split_at_checked(1)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = number.parse().ok()?;
        match kind {
            "d" => Some(Self::Delivery(number)),
            "m" => Some(Self::Malformed(number)),
            _ => None,
        }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery(number) => write!(formatter, "d{number}"),
            Self::Malformed(number) => write!(formatter, "m{number}"),
        }
    }
}

/// The reference to try when both of an alert's own are taken by others: with the whole fingerprint, then numbered.
pub(crate) fn further_reference(arrival: &Arrival, attempt: u32) -> String {
    let fingerprint = u128::from_be_bytes(arrival.fingerprint);
    match attempt {
        ..=2 => format!("{}#{fingerprint:032x}", arrival.reference),
        _ => format!("{}#{fingerprint:032x}.{attempt}", arrival.reference),
    }
}

/// The reference of a digest, from its first member's.
pub(crate) fn digest_reference(member: &str, attempt: u32) -> String {
    match attempt {
        ..=1 => format!("{member}+digest"),
        _ => format!("{member}+digest.{attempt}"),
    }
}

/// The rule and the name a silenced alert is counted under.
pub(crate) fn silencer(by: &SilencedBy) -> (&'static str, &str) {
    match by {
        SilencedBy::Silence(id) => ("silence", id),
        SilencedBy::Allowlist(name) => ("allowlist", name),
        SilencedBy::Mute(name) => ("mute", name),
    }
}

/// Why a group ended of which a sink can't be told the count.
pub(crate) fn untold(why: &str) -> String {
    const LONGEST: usize = 200;
    let head = &why[..why.floor_char_boundary(LONGEST)];
    let cut = if head.len() < why.len() { "…" } else { "" };
    format!("can't be told: {head}{cut}")
}

/// The rule a folded alert is counted under.
pub(crate) fn rule_of(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Repeats => "repeat",
        GroupKind::Burst => "burst",
        GroupKind::Budget => "budget",
    }
}
