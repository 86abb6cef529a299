//! Fields of the objects as GraphQL shows them: lists or connections by release, null where it is null.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{label_id, marking_id};
use super::filter::iso;
use super::ids;
use super::model::{StixIdentity, StixIndicator, StixKillChainPhase, StixObservable, Tlp};
use super::version::OpenCtiVersion;

/// A field of an indicator; what is not there is null.
pub(crate) fn indicator_field(it: &StixIndicator, name: &str, version: OpenCtiVersion) -> Value {
    match name {
        "id" => json!(it.id),
        "standard_id" => json!(it.standard_id),
        "entity_type" => json!("Indicator"),
        "parent_types" => json!([
            "Basic-Object",
            "Stix-Object",
            "Stix-Core-Object",
            "Stix-Domain-Object"
        ]),
        "spec_version" => json!("2.1"),
        "created_at" => json!(iso(it.created_at)),
        "updated_at" => json!(iso(it.updated_at)),
        "created" => time(it.created),
        "modified" => time(it.modified),
        "revoked" => json!(it.revoked),
        "confidence" => json!(it.confidence),
        "name" => json!(it.name),
        "description" => json!(it.description),
        "pattern" => json!(it.pattern),
        "pattern_type" => json!(it.pattern_type),
        "pattern_version" => json!(it.pattern_version),
        "indicator_types" => json!(it.indicator_types),
        "valid_from" => time(it.valid_from),
        "valid_until" => time(it.valid_until),
        "x_opencti_score" => json!(it.score),
        "x_opencti_detection" => json!(it.detection),
        "x_opencti_main_observable_type" => json!(it.main_observable_type),
        "x_opencti_observable_values" => observable_values(it),
        "x_mitre_platforms" => json!(it.platforms),
        "createdBy" => author(it.created_by.as_ref(), version),
        "creators" | "objectOrganization" => json!([]),
        "objectMarking" => markings(&it.markings, version),
        "objectLabel" => labels(it.labels.as_deref(), version),
        "killChainPhases" => listed(
            "KillChainPhase",
            it.kill_chain_phases.iter().map(phase).collect(),
            version,
        ),
        "externalReferences" => external_references(it),
        _ => Value::Null,
    }
}

/// A field of an observable; what is not there is null.
pub(crate) fn observable_field(it: &StixObservable, name: &str, version: OpenCtiVersion) -> Value {
    match name {
        "id" => json!(it.id),
        "standard_id" => json!(it.standard_id),
        "entity_type" => json!(it.kind),
        "parent_types" => json!([
            "Basic-Object",
            "Stix-Object",
            "Stix-Core-Object",
            "Stix-Cyber-Observable"
        ]),
        "spec_version" => json!("2.1"),
        "created_at" => json!(iso(it.created_at)),
        "updated_at" => json!(iso(it.updated_at)),
        "observable_value" => json!(it.shown()),
        "x_opencti_description" => json!(it.description),
        "x_opencti_score" => json!(it.score),
        "value" => json!(it.value),
        "name" => json!(it.name),
        "hashes" => hashes(it.hashes.iter()),
        "createdBy" => author(it.created_by.as_ref(), version),
        "objectMarking" => markings(&it.markings, version),
        "objectLabel" => labels(it.labels.as_deref(), version),
        "externalReferences" => connection("ExternalReference", Vec::new()),
        "importFiles" => connection("File", Vec::new()),
        _ => Value::Null,
    }
}

/// An identity with all its fields.
pub(crate) fn identity(it: &StixIdentity, version: OpenCtiVersion) -> Value {
    // The platform keeps times of identities too; nothing here depends on them.
    let made = "2026-09-01T00:00:00.000Z";
    json!({
        "__typename": it.kind,
        "id": it.id,
        "standard_id": it.standard_id,
        "entity_type": it.kind,
        "parent_types": ["Basic-Object", "Stix-Object", "Stix-Core-Object", "Stix-Domain-Object", "Identity"],
        "spec_version": "2.1",
        "identity_class": it.identity_class,
        "name": it.name,
        "description": it.description,
        "created": made,
        "modified": made,
        "created_at": made,
        "updated_at": made,
        "objectMarking": markings(&[], version),
        "objectLabel": labels(None, version),
    })
}

fn author(identity_of: Option<&StixIdentity>, version: OpenCtiVersion) -> Value {
    identity_of.map_or(Value::Null, |found| identity(found, version))
}

/// Labels are null, not empty, when there are none (facts §2.4); as connections they were empty.
fn labels(labels: Option<&[String]>, version: OpenCtiVersion) -> Value {
    if labels.is_none() && version.has_lists() {
        return Value::Null;
    }
    let nodes = labels.unwrap_or_default().iter().map(|label| {
        let standard_id = ids::standard("label", &json!({"value": label.to_lowercase()}));
        json!({
            "__typename": "Label",
            "id": label_id(label),
            "standard_id": standard_id,
            "entity_type": "Label",
            "value": label,
            "color": "#27c7fe",
        })
    });
    listed("Label", nodes.collect(), version)
}

fn markings(markings: &[Tlp], version: OpenCtiVersion) -> Value {
    let nodes = markings.iter().map(|marking| marking_node(*marking));
    listed("MarkingDefinition", nodes.collect(), version)
}

fn marking_node(marking: Tlp) -> Value {
    json!({
        "__typename": "MarkingDefinition",
        "id": marking_id(marking),
        "standard_id": marking.standard_id(),
        "entity_type": "Marking-Definition",
        "definition_type": "TLP",
        "definition": marking.definition(),
        "x_opencti_order": marking as i64 + 1,
        "x_opencti_color": marking.color(),
        "created": "2026-09-01T00:00:00.000Z",
        "modified": "2026-09-01T00:00:00.000Z",
    })
}

fn phase(phase: &StixKillChainPhase) -> Value {
    let standard_id = ids::standard(
        "kill-chain-phase",
        &json!({"kill_chain_name": phase.kill_chain_name, "phase_name": phase.phase_name}),
    );
    json!({
        "__typename": "KillChainPhase",
        "id": ids::internal(&standard_id),
        "standard_id": standard_id,
        "entity_type": "Kill-Chain-Phase",
        "kill_chain_name": phase.kill_chain_name,
        "phase_name": phase.phase_name,
        "x_opencti_order": 0,
        "created": "2026-09-01T00:00:00.000Z",
        "modified": "2026-09-01T00:00:00.000Z",
    })
}

fn external_references(it: &StixIndicator) -> Value {
    let nodes = it.external_references.iter().map(|reference| {
        let seed = json!({"source_name": reference.source_name, "url": reference.url});
        let standard_id = ids::standard("external-reference", &seed);
        json!({
            "__typename": "ExternalReference",
            "id": ids::internal(&standard_id),
            "standard_id": standard_id,
            "entity_type": "External-Reference",
            "source_name": reference.source_name,
            "description": reference.description,
            "url": reference.url,
            "external_id": reference.external_id,
        })
    });
    connection("ExternalReference", nodes.collect())
}

fn observable_values(it: &StixIndicator) -> Value {
    let values = it.observable_values.iter().map(|one| {
        json!({
            "__typename": "IndicatorObservableValue",
            "type": one.kind,
            "value": one.value,
            "hashes": if one.hashes.is_empty() { Value::Null } else { hashes(one.hashes.iter()) },
        })
    });
    Value::Array(values.collect())
}

fn hashes<'a>(hashes: impl Iterator<Item = (&'a String, &'a String)>) -> Value {
    let nodes = hashes.map(|(algorithm, hash)| {
        json!({"__typename": "Hash", "algorithm": algorithm.to_uppercase(), "hash": hash})
    });
    Value::Array(nodes.collect())
}

/// A plain list since 5.12.24, a connection before.
fn listed(type_name: &str, nodes: Vec<Value>, version: OpenCtiVersion) -> Value {
    if version.has_lists() {
        Value::Array(nodes)
    } else {
        connection(type_name, nodes)
    }
}

fn connection(type_name: &str, nodes: Vec<Value>) -> Value {
    let edge = format!("{type_name}Edge");
    let edges = nodes
        .into_iter()
        .map(|node| json!({"__typename": edge, "node": node}));
    json!({
        "__typename": format!("{type_name}Connection"),
        "edges": edges.collect::<Vec<Value>>(),
    })
}

fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| json!(iso(time)))
}
