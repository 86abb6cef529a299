//! What counts as a match. Applied when an alert is matched, never when indicators are stored: scores decay, indicators expire, and
//! the operator's rules change.

/// What counts as a match. The default lets everything match that is valid, by its own value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRules {
    /// Indicators with a lower score do not match. One without a score always does: unknown is not low.
    pub minimum_score: Option<u8>,
    /// A domain matches indicators for the domains above it (`a.evil.example` matches `evil.example`). Off by default: hosters
    /// and dynamic DNS make it noisy.
    pub parents: bool,
    /// Revoked and expired indicators match too, marked as [`crate::Hit::expired`].
    pub include_expired: bool,
    /// Only indicators with one of these labels match; empty: all. Compared without case.
    pub labels_allow: Vec<String>,
    /// Indicators with one of these labels never match. Compared without case.
    pub labels_deny: Vec<String>,
    /// Indicators marked higher do not match: alerts are read more widely than OpenCTI.
    pub max_tlp: Option<Tlp>,
    /// Only indicators meant for detection match.
    pub require_detection: bool,
    /// Only these providers; empty: all.
    pub providers: Vec<String>,
    /// At most so many hits for one alert; more are counted.
    pub most_hits: usize,
}

impl Default for MatchRules {
    fn default() -> Self {
        Self {
            minimum_score: None,
            parents: false,
            include_expired: false,
            labels_allow: Vec::new(),
            labels_deny: Vec::new(),
            max_tlp: None,
            require_detection: false,
            providers: Vec::new(),
            most_hits: 32,
        }
    }
}

/// The Traffic Light Protocol 2.0, from free to closed. `WHITE` is its older name for `CLEAR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// No limit.
    Clear,
    /// The community.
    Green,
    /// The organisation and its clients.
    Amber,
    /// The organisation.
    AmberStrict,
    /// The named recipients.
    Red,
}

impl Tlp {
    /// The level a marking's name stands for; `None` where it is no TLP marking (`PAP:RED`). A level that TLP does not know is
    /// taken as the closed one.
    #[must_use]
    pub fn of_marking(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase();
        let level = name.strip_prefix("TLP:")?.trim();
        Some(match level {
            "CLEAR" | "WHITE" => Self::Clear,
            "GREEN" => Self::Green,
            "AMBER" => Self::Amber,
            "AMBER+STRICT" | "AMBER-STRICT" => Self::AmberStrict,
            _ => Self::Red,
        })
    }
}
