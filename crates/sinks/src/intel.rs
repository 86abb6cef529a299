//! A hit of threat intelligence, as sinks show it.

use std::sync::Arc;

use alertbridge_alert::ObservableKind;
use serde_json::{Map, Value};

/// One observable of an alert that an indicator is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntelHit {
    /// The observable as it stands in the alert.
    pub value: String,
    /// What it is.
    pub kind: ObservableKind,
    /// The indicator's name.
    pub indicator: String,
    /// The provider's id of the indicator (OpenCTI: `id` or `standard_id`).
    pub indicator_id: Option<String>,
    /// What the indicator says of itself.
    pub description: Option<String>,
    /// Its author.
    pub created_by: Option<String>,
    /// The indicator's pattern: `[ipv4-addr:value = '203.0.113.7']`.
    pub pattern: Option<String>,
    /// 0 to 100.
    pub score: Option<u32>,
    /// Confidence, 0 to 100.
    pub confidence: Option<u32>,
    /// Labels of the indicator.
    pub labels: Vec<String>,
    /// The traffic light it is marked with: `TLP:AMBER+STRICT`, `amber`.
    pub marking: Option<String>,
    /// Its page at the provider.
    pub link: Option<String>,
    /// How it was found.
    pub matched: Matched,
    /// More about how, for people: `in the network 203.0.113.0/24`. Empty where the value itself is named.
    pub detail: String,
    /// Whether the indicator is past its time.
    pub expired: bool,
    /// Whether it was withdrawn.
    pub revoked: bool,
    /// Since when it is valid, as the provider writes it.
    pub valid_from: Option<String>,
    /// Until when it is valid, as the provider writes it.
    pub valid_until: Option<String>,
    /// The name of the provider in the configuration: `opencti`.
    pub provider: String,
    /// What the provider shows of the observable itself, in the form of the widespread script's events (lists as `edges` of `node`s);
    /// only where it was asked for.
    pub observable: Option<Arc<Map<String, Value>>>,
}

/// How a hit was found; the words of misje/wazuh-opencti (facts/opencti.md §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The pattern is about this value alone.
    Pattern,
    /// The pattern asks for more than this value.
    PartialPattern,
    /// The value is a known observable that an indicator is based on.
    Observable,
    /// The value is a known observable beside one that an indicator is based on.
    RelatedObservable,
}
