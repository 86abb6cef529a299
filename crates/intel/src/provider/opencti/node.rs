//! An indicator as GraphQL gives it.
//!
//! Labels, markings and phases are connections up to 5.12.23 and plain lists after (facts/opencti.md §2.1); both are read, whatever the
//! dialect. Score, confidence, `valid_until` and lists can be null (§2.4).

use serde_json::Value;

use crate::{Indicator, provider::fields};

/// Reads a node; `None` where it has no id or no usable pattern.
pub(crate) fn indicator(node: &Value, provider: &str, base: &str) -> Option<Indicator> {
    let id = fields::word(node, "id")?;
    let pattern = fields::pattern(node, "pattern").filter(|pattern| !pattern.is_empty())?;
    Some(Indicator {
        provider: provider.to_owned(),
        standard_id: fields::word(node, "standard_id"),
        name: fields::word(node, "name").unwrap_or_else(|| id.clone()),
        pattern,
        pattern_type: fields::word(node, "pattern_type").unwrap_or_else(|| "stix".to_owned()),
        main_observable_type: fields::word(node, "x_opencti_main_observable_type"),
        score: fields::percent(node, "x_opencti_score"),
        confidence: fields::percent(node, "confidence"),
        detection: fields::flag(node, "x_opencti_detection"),
        revoked: fields::flag(node, "revoked"),
        valid_from: fields::moment(node, "valid_from"),
        valid_until: fields::moment(node, "valid_until"),
        updated_at: fields::moment(node, "updated_at"),
        created_at: fields::moment(node, "created_at"),
        labels: fields::words(node, "objectLabel", "value"),
        markings: fields::words(node, "objectMarking", "definition"),
        created_by: node
            .get("createdBy")
            .and_then(|author| fields::word(author, "name")),
        kill_chain_phases: fields::words(node, "killChainPhases", "phase_name"),
        indicator_types: fields::words(node, "indicator_types", "value"),
        external_references: fields::references(node, "externalReferences"),
        description: fields::prose(node, "description"),
        link: link(base, &id),
        observable_values: Vec::new(),
        id,
    })
}

/// Its page in the console; none for an id that is no id, so that nothing can be smuggled into the address.
pub(crate) fn link(base: &str, id: &str) -> Option<String> {
    let plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| format!("{base}/dashboard/observations/indicators/{id}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_scores_dates_and_lists_are_no_trouble() {
        let node = json!({"id": "4f8b", "name": null, "pattern": "[a:b = 'c']", "pattern_type": null, "confidence": null,
            "x_opencti_score": null, "valid_until": null, "objectLabel": null, "objectMarking": null, "createdBy": null,
            "killChainPhases": null, "externalReferences": null, "revoked": null});
        let indicator = indicator(&node, "opencti", "https://cti.example").unwrap();
        assert_eq!(indicator.name, "4f8b");
        assert_eq!((indicator.score, indicator.valid_until), (None, None));
        assert_eq!(
            indicator.link.as_deref(),
            Some("https://cti.example/dashboard/observations/indicators/4f8b")
        );
        assert!(super::indicator(&json!({"id": "x"}), "p", "b").is_none());
        assert!(super::indicator(&json!({"pattern": "x"}), "p", "b").is_none());
        assert_eq!(link("https://cti.example", "../../evil?x="), None);
    }

    #[test]
    fn lists_are_read_in_the_form_of_every_version() {
        let plain = json!({"id": "1", "pattern": "p", "objectMarking": [{"definition": "TLP:RED"}],
            "objectLabel": [{"value": "c2"}], "killChainPhases": [{"phase_name": "x"}], "createdBy": {"name": "ACME"},
            "externalReferences": {"edges": [{"node": {"source_name": "mitre", "url": "https://a", "external_id": "T1"}}]}});
        let mut edges = plain.clone();
        for key in ["objectMarking", "objectLabel", "killChainPhases"] {
            edges[key] = json!({"edges": [{"node": plain[key][0]}]});
        }
        let plain = indicator(&plain, "p", "b").unwrap();
        assert_eq!(indicator(&edges, "p", "b").unwrap(), plain);
        assert_eq!((plain.markings.len(), plain.labels.len()), (1, 1));
        assert_eq!(plain.external_references[0].id.as_deref(), Some("T1"));
        assert_eq!(plain.created_by.as_deref(), Some("ACME"));
    }
}
