//! What a test puts into the pretended platform: indicators, observables and what hangs on them.
//!
//! The members are those of `facts/opencti.md` §2.4 and §4e. What may be null there is an `Option` here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::ids;

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

/// 2026-09-01T00:00:00Z: when everything made without a time was made.
const MADE: Timestamp = Timestamp::constant(1_788_220_800, 0);

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

impl StixIdentity {
    /// An identity of this entity type and name.
    pub fn new(kind: &str, name: &str) -> StixIdentity {
        let class = match kind {
            "Sector" => "class".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        StixIdentity {
            id: ids::internal(&format!("identity {kind} {name}")),
            standard_id: ids::standard(
                "identity",
                &json!({"identity_class": class, "name": name.to_lowercase()}),
            ),
            kind: kind.to_owned(),
            name: name.to_owned(),
            description: None,
            identity_class: class,
        }
    }
}

impl StixIndicator {
    /// An indicator with this STIX pattern, and with null wherever the platform may have null.
    pub fn new(name: &str, pattern: &str) -> StixIndicator {
        StixIndicator {
            id: ids::internal(pattern),
            standard_id: ids::standard("indicator", &json!({"pattern": pattern})),
            name: name.to_owned(),
            description: None,
            pattern: pattern.to_owned(),
            pattern_type: "stix".to_owned(),
            pattern_version: None,
            main_observable_type: None,
            observable_values: Vec::new(),
            score: None,
            confidence: None,
            detection: None,
            revoked: false,
            valid_from: Some(MADE),
            valid_until: None,
            created: Some(MADE),
            modified: Some(MADE),
            created_at: MADE,
            updated_at: MADE,
            labels: None,
            markings: Vec::new(),
            created_by: None,
            kill_chain_phases: Vec::new(),
            external_references: Vec::new(),
            indicator_types: None,
            platforms: None,
            observables: Vec::new(),
        }
    }

    /// An indicator of one value: `kind` is the platform's type, e.g. `Domain-Name`, `IPv4-Addr`, `Url`.
    pub fn of_value(kind: &str, value: &str) -> StixIndicator {
        let stix_type = stix_type(kind);
        let pattern = format!("[{stix_type}:value = '{}']", quoted(value));
        let mut indicator = StixIndicator::new(value, &pattern);
        indicator.main_observable_type = Some(kind.to_owned());
        indicator.observable_values = vec![ObservableValue {
            kind: kind.to_owned(),
            value: Some(value.to_owned()),
            hashes: BTreeMap::new(),
        }];
        indicator
    }

    /// An indicator of one file, known by these hashes joined with OR, as the platform makes it from a file.
    pub fn of_file(hashes: &[(&str, &str)]) -> StixIndicator {
        let comparisons: Vec<String> = hashes
            .iter()
            .map(|(algorithm, hash)| {
                // Since 7.260506 a name that is legal without quotes has none; older ones kept what came.
                let name = match algorithm.contains('-') {
                    true => format!("'{algorithm}'"),
                    false => (*algorithm).to_owned(),
                };
                format!("file:hashes.{name} = '{}'", quoted(hash))
            })
            .collect();
        let name = hashes.first().map_or("file", |(_, hash)| hash);
        let mut indicator = StixIndicator::new(name, &format!("[{}]", comparisons.join(" OR ")));
        indicator.main_observable_type = Some("StixFile".to_owned());
        indicator.observable_values = hashes
            .iter()
            .map(|(algorithm, hash)| ObservableValue {
                kind: "StixFile".to_owned(),
                value: None,
                hashes: BTreeMap::from([((*algorithm).to_owned(), (*hash).to_owned())]),
            })
            .collect();
        indicator
    }

    /// Whether somebody who sees markings up to this one sees the indicator.
    pub(crate) fn is_visible_to(&self, highest: Tlp) -> bool {
        self.markings.iter().all(|marking| *marking <= highest)
    }
}

impl StixObservable {
    /// An observable of one value; `kind` is e.g. `Domain-Name`.
    pub fn of_value(kind: &str, value: &str) -> StixObservable {
        let mut observable = StixObservable::empty(kind, &json!({"value": value}));
        observable.value = Some(value.to_owned());
        observable
    }

    /// A file known by these hashes.
    pub fn file(hashes: &[(&str, &str)]) -> StixObservable {
        let hashes: BTreeMap<String, String> = hashes
            .iter()
            .map(|(algorithm, hash)| ((*algorithm).to_owned(), (*hash).to_owned()))
            .collect();
        let mut observable = StixObservable::empty("StixFile", &json!({"hashes": hashes}));
        observable.hashes = hashes;
        observable
    }

    fn empty(kind: &str, identity: &serde_json::Value) -> StixObservable {
        StixObservable {
            id: ids::internal(&format!("{kind} {identity}")),
            standard_id: ids::standard(stix_type(kind), identity),
            kind: kind.to_owned(),
            value: None,
            hashes: BTreeMap::new(),
            name: None,
            description: None,
            score: None,
            created_at: MADE,
            updated_at: MADE,
            labels: None,
            markings: Vec::new(),
            created_by: None,
        }
    }

    /// What the platform shows: the value, else the best hash, else the name (facts §2.3).
    pub(crate) fn shown(&self) -> &str {
        let hash = |algorithm: &str| self.hashes.get(algorithm);
        let best = self
            .value
            .as_ref()
            .or_else(|| hash("SHA-256"))
            .or_else(|| hash("SHA-512"))
            .or_else(|| hash("SHA-1"))
            .or_else(|| hash("MD5"));
        best.or(self.name.as_ref())
            .map_or("Unknown", String::as_str)
    }

    pub(crate) fn is_visible_to(&self, highest: Tlp) -> bool {
        self.markings.iter().all(|marking| *marking <= highest)
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

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}
