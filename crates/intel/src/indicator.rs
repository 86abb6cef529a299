//! An indicator as a provider gives it, and the changes a provider reports. The only language between providers and the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One indicator as a provider gives it (facts/opencti.md §4e lists what must be kept).
///
/// `provider` and `id` together are its identity; everything else may change. What a provider does not say stays empty.
///
/// ```
/// use alertbridge_intel::Indicator;
///
/// let indicator = Indicator::stix("opencti", "4f8b…", "[ipv4-addr:value = '203.0.113.9']");
/// assert_eq!(indicator.pattern_type, "stix");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Indicator {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own id: the internal UUID in OpenCTI. At most [`Indicator::LONGEST_ID`] bytes.
    pub id: String,
    /// `indicator--…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_id: Option<String>,
    /// What it is called; often the value itself.
    pub name: String,
    /// The pattern as text. May be empty where `observable_values` says it all: then any of these values is a match.
    pub pattern: String,
    /// `stix`; others (`yara`, `sigma`, …) are kept and counted, and never match.
    pub pattern_type: String,
    /// `IPv4-Addr`, `StixFile`, …: a hint only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_observable_type: Option<String>,
    /// 0 to 100. OpenCTI lowers it with time (decay).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// Meant for detection, says its author.
    pub detection: bool,
    /// Taken back by its author or its decay.
    pub revoked: bool,
    /// Matches count from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// And until here, this moment excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// The last change, whichever attribute it was in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When the provider got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Free words: `c2`, `phishing`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Names of markings: `TLP:AMBER`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub markings: Vec<String>,
    /// The author's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// `command-and-control`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kill_chain_phases: Vec<String>,
    /// `malicious-activity`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indicator_types: Vec<String>,
    /// Where it is written about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_references: Vec<ExternalReference>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its page in the provider's console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What the provider says the pattern compares. Looked at only where there is no pattern: this list does not tell AND
    /// from OR (facts/opencti.md §4b).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observable_values: Vec<ObservableValue>,
}

impl Indicator {
    /// Longest `id` that is taken in.
    pub const LONGEST_ID: usize = 1024;

    /// An indicator with a STIX pattern, everything else empty.
    #[must_use]
    pub fn stix(provider: &str, id: &str, pattern: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            id: id.to_owned(),
            pattern: pattern.to_owned(),
            pattern_type: "stix".to_owned(),
            ..Self::default()
        }
    }
}

/// A place where an indicator is written about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalReference {
    /// Who wrote it: `mitre-attack`.
    pub source: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its id there: `T1071`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A value that a pattern compares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservableValue {
    /// Its type as OpenCTI or STIX writes it (`IPv4-Addr`, `Domain-Name`, `ipv4-addr`), or a hash's algorithm (`SHA-256`).
    pub kind: String,
    /// The value.
    pub value: String,
}

/// One change that a provider reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// New, or other than before in whatever attribute.
    Upsert(Box<Indicator>),
    /// Gone from the provider. Unknown ids are no error.
    Delete {
        /// The provider's name in the configuration.
        provider: String,
        /// The provider's own id.
        id: String,
    },
}
