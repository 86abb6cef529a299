//! What a test puts into the pretended platform: indicators, observables and what hangs on them.
//!
//! The members are those of `facts/opencti.md` §2.4 and §4e. What may be null there is an `Option` here.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The Traffic Light Protocol, as the five markings every platform has; a later one is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// TLP:CLEAR (before 5.4 TLP:WHITE).
    Clear,
    /// TLP:GREEN
    Green,
    /// TLP:AMBER
    Amber,
    /// TLP:AMBER+STRICT
    AmberStrict,
    /// TLP:RED
    Red,
}

/// Someone named as author, or the place of a sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixIdentity {
    /// Internal id, a uuid.
    pub id: String,
    /// STIX id.
    pub standard_id: String,
    /// Entity type: `Organization`, `Individual`, `System`, `Sector`, `SecurityPlatform`.
    pub kind: String,
    /// Displayed name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// STIX class, e.g. `organization`.
    pub identity_class: String,
}

/// A phase of a kill chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixKillChainPhase {
    /// E.g. `mitre-attack`.
    pub kill_chain_name: String,
    /// E.g. `command-and-control`.
    pub phase_name: String,
}

/// A link to where something is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StixExternalReference {
    /// Whose reference it is.
    pub source_name: String,
    /// Web address.
    pub url: Option<String>,
    /// Number over there.
    pub external_id: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// One comparison of a pattern, as the platform lists it since 6.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservableValue {
    /// Entity type, e.g. `IPv4-Addr`, `StixFile`.
    pub kind: String,
    /// The value; none for files.
    pub value: Option<String>,
    /// Hashes by algorithm, e.g. `SHA-256`.
    pub hashes: BTreeMap<String, String>,
}

/// An indicator with everything a mirror keeps (facts §4e).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixIndicator {
    /// Internal id, a uuid; also the last part of the dashboard link.
    pub id: String,
    /// STIX id.
    pub standard_id: String,
    /// Displayed name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The pattern.
    pub pattern: String,
    /// `stix`, `yara`, `sigma`, …
    pub pattern_type: String,
    /// Version of the pattern's language.
    pub pattern_version: Option<String>,
    /// E.g. `Domain-Name`; a hint only.
    pub main_observable_type: Option<String>,
    /// The comparisons of the pattern.
    pub observable_values: Vec<ObservableValue>,
    /// 0 to 100.
    pub score: Option<i64>,
    /// 0 to 100.
    pub confidence: Option<i64>,
    /// Whether it is meant for detection.
    pub detection: Option<bool>,
    /// Taken back, or expired long enough for the expiry manager.
    pub revoked: bool,
    /// Start of validity.
    pub valid_from: Option<Timestamp>,
    /// End of validity.
    pub valid_until: Option<Timestamp>,
    /// STIX creation.
    pub created: Option<Timestamp>,
    /// STIX change.
    pub modified: Option<Timestamp>,
    /// Creation in the platform.
    pub created_at: Timestamp,
    /// Latest change in the platform; the order a mirror reads in.
    pub updated_at: Timestamp,
    /// Labels; none is null in GraphQL.
    pub labels: Option<Vec<String>>,
    /// Markings; the strictest decides who sees it.
    pub markings: Vec<Tlp>,
    /// Author.
    pub created_by: Option<StixIdentity>,
    /// Phases.
    pub kill_chain_phases: Vec<StixKillChainPhase>,
    /// References.
    pub external_references: Vec<StixExternalReference>,
    /// STIX types, e.g. `malicious-activity`; none is null.
    pub indicator_types: Option<Vec<String>>,
    /// Platforms, e.g. `windows`; none is null.
    pub platforms: Option<Vec<String>>,
    /// Internal ids of the observables it is based on.
    pub observables: Vec<String>,
}

/// An observable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixObservable {
    /// Internal id, a uuid.
    pub id: String,
    /// STIX id.
    pub standard_id: String,
    /// `IPv4-Addr`, `IPv6-Addr`, `Domain-Name`, `Hostname`, `Url`, `Email-Addr`, `StixFile`.
    pub kind: String,
    /// The value; none for files, which the filter key `value` therefore never finds (facts §2.3).
    pub value: Option<String>,
    /// Hashes by algorithm: `MD5`, `SHA-1`, `SHA-256`, `SHA-512`, `SSDEEP`.
    pub hashes: BTreeMap<String, String>,
    /// A file's name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// 0 to 100.
    pub score: Option<i64>,
    /// Creation in the platform.
    pub created_at: Timestamp,
    /// Latest change in the platform.
    pub updated_at: Timestamp,
    /// Labels.
    pub labels: Option<Vec<String>>,
    /// Markings; the strictest decides who sees it.
    pub markings: Vec<Tlp>,
    /// Author.
    pub created_by: Option<StixIdentity>,
}

impl Tlp {
    /// E.g. `TLP:AMBER+STRICT`.
    pub fn definition(self) -> &'static str {
        match self {
            Tlp::Clear => "TLP:CLEAR",
            Tlp::Green => "TLP:GREEN",
            Tlp::Amber => "TLP:AMBER",
            Tlp::AmberStrict => "TLP:AMBER+STRICT",
            Tlp::Red => "TLP:RED",
        }
    }

    /// The STIX id: STIX 2.1's own for the four it has, the platform's for AMBER+STRICT.
    pub fn standard_id(self) -> &'static str {
        match self {
            Tlp::Clear => "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
            Tlp::Green => "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
            Tlp::Amber => "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
            Tlp::AmberStrict => "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37",
            Tlp::Red => "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        }
    }

    pub(crate) fn color(self) -> &'static str {
        match self {
            Tlp::Clear => "#ffffff",
            Tlp::Green => "#2e7d32",
            Tlp::Amber | Tlp::AmberStrict => "#d84315",
            Tlp::Red => "#c62828",
        }
    }
}

/// The STIX object type of an entity type.
pub(crate) fn stix_type(kind: &str) -> &'static str {
    match kind {
        "IPv4-Addr" => "ipv4-addr",
        "IPv6-Addr" => "ipv6-addr",
        "Domain-Name" => "domain-name",
        "Hostname" => "hostname",
        "Url" => "url",
        "Email-Addr" => "email-addr",
        _ => "file",
    }
}
