//! A STIX 2.1 indicator object, as the live stream and bundles carry it.
//!
//! OpenCTI's own attributes stand in an extension (5.3 and later) or in `x_opencti_…` fields (before); both are read
//! (facts/opencti.md §4b). Everything may be missing.

use serde_json::Value;

use super::{fields, marking::Names};
use crate::Indicator;

/// OpenCTI's extension of every object.
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

/// OpenCTI's own id of an object: what the store knows an indicator by.
pub(crate) fn internal_id(object: &Value) -> Option<String> {
    extension(object)
        .and_then(|extension| fields::word(extension, "id"))
        .or_else(|| fields::word(object, "x_opencti_id"))
}

/// Reads an indicator; its id, provider and link are the caller's to set. `None` where it has no usable pattern.
pub(crate) fn indicator(object: &Value, names: &Names) -> Option<Indicator> {
    let nothing = Value::Null;
    let extension = extension(object).unwrap_or(&nothing);
    let observable_values = fields::observable_values(extension, "observable_values");
    let pattern = fields::pattern(object, "pattern").unwrap_or_default();
    if pattern.is_empty() && observable_values.is_empty() {
        return None;
    }
    let standard_id = fields::word(object, "id");
    Some(Indicator {
        name: fields::word(object, "name")
            .or_else(|| standard_id.clone())
            .unwrap_or_default(),
        standard_id,
        // With a pattern the list adds nothing, and does not tell AND from OR.
        observable_values: if pattern.is_empty() {
            observable_values
        } else {
            Vec::new()
        },
        pattern,
        pattern_type: fields::word(object, "pattern_type").unwrap_or_else(|| "stix".to_owned()),
        main_observable_type: fields::word(extension, "main_observable_type")
            .or_else(|| fields::word(object, "x_opencti_main_observable_type")),
        score: fields::percent(extension, "score")
            .or_else(|| fields::percent(object, "x_opencti_score")),
        confidence: fields::percent(object, "confidence"),
        detection: fields::flag(extension, "detection")
            || fields::flag(object, "x_opencti_detection"),
        revoked: fields::flag(object, "revoked"),
        valid_from: fields::moment(object, "valid_from"),
        valid_until: fields::moment(object, "valid_until"),
        updated_at: fields::moment(extension, "updated_at")
            .or_else(|| fields::moment(object, "modified")),
        created_at: fields::moment(extension, "created_at")
            .or_else(|| fields::moment(object, "created")),
        labels: fields::words(object, "labels", "value"),
        markings: names.markings(object),
        created_by: names.author(object),
        kill_chain_phases: fields::words(object, "kill_chain_phases", "phase_name"),
        indicator_types: fields::words(object, "indicator_types", "value"),
        external_references: fields::references(object, "external_references"),
        description: fields::prose(object, "description"),
        ..Indicator::default()
    })
}

/// Whether an object is an indicator.
pub(crate) fn is_indicator(object: &Value) -> bool {
    object.get("type").and_then(Value::as_str) == Some("indicator")
}

fn extension(object: &Value) -> Option<&Value> {
    object.get("extensions")?.get(EXTENSION)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_of_the_live_stream_is_read_whole() {
        let object = json!({
            "id": "indicator--1", "type": "indicator", "name": "203.0.113.9", "pattern": "[ipv4-addr:value = '203.0.113.9']",
            "pattern_type": "stix", "valid_until": "2026-10-18T00:00:00.000Z", "revoked": true, "confidence": 80,
            "labels": ["c2"], "object_marking_refs": ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"],
            "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": "command-and-control"}],
            "extensions": {EXTENSION: {"id": "4f8b", "score": 50, "detection": true, "main_observable_type": "IPv4-Addr",
                "updated_at": "2026-09-02T00:00:00.000Z",
                "observable_values": [{"type": "IPv4-Addr", "value": "203.0.113.9"}]}},
        });
        let indicator = indicator(&object, &Names::default()).unwrap();
        assert_eq!(internal_id(&object).as_deref(), Some("4f8b"));
        assert_eq!(
            (indicator.score, indicator.confidence),
            (Some(50), Some(80))
        );
        assert!(indicator.revoked && indicator.detection);
        assert_eq!(indicator.markings, ["TLP:AMBER"]);
        assert_eq!(indicator.kill_chain_phases, ["command-and-control"]);
        assert_eq!(
            indicator.updated_at.unwrap().to_string(),
            "2026-09-02T00:00:00Z"
        );
        assert_eq!(indicator.observable_values, []);
    }

    #[test]
    fn an_object_of_5_1_without_extensions_is_read_too() {
        let object = json!({"id": "indicator--1", "type": "indicator", "x_opencti_id": "4f8b", "x_opencti_score": 70,
            "labels": [{"value": "c2", "x_opencti_internal_id": "l"}], "pattern": "[url:value = 'http://a.example/']"});
        let indicator = indicator(&object, &Names::default()).unwrap();
        assert_eq!(internal_id(&object).as_deref(), Some("4f8b"));
        assert_eq!(indicator.score, Some(70));
        assert_eq!(indicator.labels, ["c2"]);
        assert_eq!(indicator.pattern_type, "stix");
    }

    #[test]
    fn a_new_hash_that_stands_in_the_list_of_values_alone_is_kept() {
        let object = json!({"type": "indicator", "id": "indicator--1", "extensions": {EXTENSION: {
            "observable_values": [{"type": "StixFile", "hashes": {"SHA-256": "ab"}}]}}});
        let indicator = indicator(&object, &Names::default()).unwrap();
        assert_eq!(indicator.observable_values[0].kind, "SHA-256");
        assert!(super::indicator(&json!({"type": "indicator"}), &Names::default()).is_none());
    }
}
