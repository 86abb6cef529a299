//! What is found: hits for an alert, and the explained look-up of one value for the command line.

use std::sync::Arc;

use alertbridge_alert::observables::Observable;
use jiff::Timestamp;

use crate::{Indicator, Tlp};

/// An indicator that an alert matches.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The observable of the alert that it matches; the first one where there are several.
    pub observable: Observable,
    /// How the two match.
    pub how: How,
    /// Revoked, or past its `valid_until` at the moment of matching. Only with [`crate::MatchRules::include_expired`].
    pub expired: bool,
}

/// How an indicator and an observable match, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The same value.
    Exact,
    /// The address is in the indicator's network.
    Cidr,
    /// By `LIKE` or `MATCHES`.
    Pattern,
    /// The URL's host is the indicator's domain or address.
    UrlHost,
    /// The indicator's domain is above the observable's.
    Parent,
}

/// All that is known about one value. See [`crate::Index::lookup`].
#[derive(Clone, Debug)]
pub struct Lookup {
    /// What the text was taken for, in normal form; empty where it is nothing that can be looked up.
    pub observables: Vec<Observable>,
    /// Every indicator that compares the value, the best first, at most 200.
    pub entries: Vec<LookupEntry>,
    /// Indicators beyond these.
    pub more: usize,
}

/// One indicator in a [`Lookup`].
#[derive(Clone, Debug)]
pub struct LookupEntry {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The observable of the [`Lookup`] it compares.
    pub observable: Observable,
    /// How.
    pub how: How,
    /// Would an alert with this value match it?
    pub verdict: Verdict,
}

/// Would an alert with this value match?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Match,
    /// No, for all these reasons.
    NoMatch(Vec<Unmatched>),
}

/// Why an indicator with the right value is no match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmatched {
    /// Its TLP marking is above the allowed one.
    #[error("it is marked {0:?}, above the allowed level")]
    AboveTlp(Tlp),
    /// Its score is too low.
    #[error("its score is {score}, below {minimum}")]
    BelowScore {
        /// What it has.
        score: u8,
        /// What is asked for.
        minimum: u8,
    },
    /// Past its validity.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// One of its labels is denied.
    #[error("its label `{0}` is denied")]
    LabelDenied(String),
    /// Its pattern asks for more than this value.
    #[error("its pattern asks for more than this value")]
    MoreAsked,
    /// None of its labels is an allowed one.
    #[error("it has none of the allowed labels")]
    NoAllowedLabel,
    /// Its author does not mean it for detection.
    #[error("it is not meant for detection")]
    NotForDetection,
    /// Before its validity.
    #[error("it is valid from {0} on")]
    NotYetValid(Timestamp),
    /// Only its domain is above the value's, and parents do not count.
    #[error("only a parent domain is known, and these do not count")]
    OnlyParent,
    /// Its provider is not among those asked for.
    #[error("its provider `{0}` is not asked")]
    Provider(String),
    /// Taken back.
    #[error("it is revoked")]
    Revoked,
}
