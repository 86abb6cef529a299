//! Objects as STIX 2.1 with the platform's extensions, as streams and `toStix` give them (facts §4b).

use serde_json::{Map, Value, json};

use super::fields::{label_id, marking_id};
use super::filter::iso;
use super::ids;
use super::model::{StixIdentity, StixIndicator, StixObservable, Tlp, stix_type};
use super::version::OpenCtiVersion;

const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
const EXTENSION_SCO: &str = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82";
const EXTENSION_MITRE: &str = "extension-definition--322b8f77-262a-4cb8-a915-1e441e00329b";

/// An indicator. What it does not have is left out, never null.
pub(crate) fn indicator(it: &StixIndicator, version: OpenCtiVersion) -> Value {
    let mut object = json!({
        "id": it.standard_id,
        "type": "indicator",
        "spec_version": "2.1",
        "name": it.name,
        "description": it.description,
        "pattern": it.pattern,
        "pattern_type": it.pattern_type,
        "pattern_version": it.pattern_version,
        "valid_from": it.valid_from.map(iso),
        "valid_until": it.valid_until.map(iso),
        "revoked": it.revoked,
        "confidence": it.confidence,
        "created": it.created.map(iso),
        "modified": it.modified.map(iso),
        "labels": it.labels,
        "indicator_types": it.indicator_types,
        "object_marking_refs": markings(&it.markings),
        "created_by_ref": it.created_by.as_ref().map(|author| author.standard_id.as_str()),
    });
    if !it.external_references.is_empty() {
        object["external_references"] = it
            .external_references
            .iter()
            .map(|reference| {
                without_nulls(json!({
                    "source_name": reference.source_name,
                    "url": reference.url,
                    "external_id": reference.external_id,
                    "description": reference.description,
                }))
            })
            .collect();
    }
    if !it.kill_chain_phases.is_empty() {
        object["kill_chain_phases"] = it
            .kill_chain_phases
            .iter()
            .map(|phase| json!({"kill_chain_name": phase.kill_chain_name, "phase_name": phase.phase_name}))
            .collect();
    }
    if version.has_stream_extensions() {
        let mut extensions = Map::new();
        extensions.insert(EXTENSION.to_owned(), indicator_extension(it, version));
        if let Some(platforms) = &it.platforms {
            let mitre = json!({"extension_type": "property-extension", "platforms": platforms});
            extensions.insert(EXTENSION_MITRE.to_owned(), mitre);
        }
        object["extensions"] = Value::Object(extensions);
    }
    without_nulls(object)
}

fn indicator_extension(it: &StixIndicator, version: OpenCtiVersion) -> Value {
    let mut extension = json!({
        "extension_type": "property-extension",
        "id": it.id,
        "type": "Indicator",
        "created_at": iso(it.created_at),
        "updated_at": iso(it.updated_at),
        "is_inferred": false,
        "creator_ids": [],
        "labels_ids": it.labels.as_ref().map(|labels| labels.iter().map(|label| label_id(label)).collect::<Vec<_>>()),
        "score": it.score,
        "detection": it.detection,
        "main_observable_type": it.main_observable_type,
    });
    if version.has_observable_values() && !it.observable_values.is_empty() {
        extension["observable_values"] = it
            .observable_values
            .iter()
            .map(|one| {
                without_nulls(json!({
                    "type": one.kind,
                    "value": one.value,
                    "hashes": if one.hashes.is_empty() { Value::Null } else { json!(one.hashes) },
                }))
            })
            .collect();
    }
    without_nulls(extension)
}

/// An observable.
pub(crate) fn observable(it: &StixObservable) -> Value {
    let extension = without_nulls(json!({
        "extension_type": "property-extension",
        "id": it.id,
        "type": it.kind,
        "created_at": iso(it.created_at),
        "updated_at": iso(it.updated_at),
        "is_inferred": false,
    }));
    let sco = without_nulls(json!({
        "extension_type": "property-extension",
        "description": it.description,
        "labels": it.labels,
        "score": it.score,
    }));
    without_nulls(json!({
        "id": it.standard_id,
        "type": stix_type(&it.kind),
        "spec_version": "2.1",
        "value": it.value,
        "name": it.name,
        "hashes": if it.hashes.is_empty() { Value::Null } else { json!(it.hashes) },
        "object_marking_refs": markings(&it.markings),
        "extensions": {EXTENSION: extension, EXTENSION_SCO: sco},
    }))
}

/// The relation from an indicator to an observable it is based on.
pub(crate) fn based_on(indicator: &StixIndicator, observable: &StixObservable) -> Value {
    let seed = json!({"from": indicator.standard_id, "to": observable.standard_id});
    json!({
        "id": ids::standard("relationship", &seed),
        "type": "relationship",
        "spec_version": "2.1",
        "relationship_type": "based-on",
        "source_ref": indicator.standard_id,
        "target_ref": observable.standard_id,
        "created": iso(indicator.created_at),
        "modified": iso(indicator.updated_at),
    })
}

/// A marking definition.
pub(crate) fn marking(marking: Tlp) -> Value {
    json!({
        "id": marking.standard_id(),
        "type": "marking-definition",
        "spec_version": "2.1",
        "name": marking.definition(),
        "definition_type": "TLP",
        "definition": {"TLP": marking.definition().trim_start_matches("TLP:")},
        "created": "2026-09-01T00:00:00.000Z",
        "extensions": {EXTENSION: {
            "extension_type": "property-extension",
            "id": marking_id(marking),
            "type": "Marking-Definition",
        }},
    })
}

/// An identity.
pub(crate) fn identity(it: &StixIdentity) -> Value {
    without_nulls(json!({
        "id": it.standard_id,
        "type": "identity",
        "spec_version": "2.1",
        "name": it.name,
        "description": it.description,
        "identity_class": it.identity_class,
        "created": "2026-09-01T00:00:00.000Z",
        "modified": "2026-09-01T00:00:00.000Z",
        "extensions": {EXTENSION: {
            "extension_type": "property-extension",
            "id": it.id,
            "type": it.kind,
        }},
    }))
}

fn markings(markings: &[Tlp]) -> Value {
    if markings.is_empty() {
        return Value::Null;
    }
    markings
        .iter()
        .map(|marking| json!(marking.standard_id()))
        .collect()
}

fn without_nulls(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    object
}
