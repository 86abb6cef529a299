//! Making objects: from a value, a file's hashes, a pattern, a name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::ids;
use super::model::{ObservableValue, StixIdentity, StixIndicator, StixObservable, Tlp, stix_type};

/// 2026-09-01T00:00:00Z: when everything made without a time was made.
const MADE: Timestamp = Timestamp::constant(1_788_220_800, 0);

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

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}
