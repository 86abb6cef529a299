//! What an object has under a filter key or an ordering.

use jiff::Timestamp;

use super::filter::{FieldValue, Filterable};
use super::ids;
use super::model::{StixIdentity, StixIndicator, StixObservable, Tlp};
use super::paging::SortKey;
use super::version::OpenCtiVersion;

/// An object of a release; labels are found by name only since 6.7.
pub(crate) struct Fields<'a, T> {
    pub(crate) object: &'a T,
    pub(crate) version: OpenCtiVersion,
}

/// Internal id of a label.
pub(crate) fn label_id(label: &str) -> String {
    ids::internal(&format!("label {label}"))
}

/// Internal id of a marking.
pub(crate) fn marking_id(marking: Tlp) -> String {
    ids::internal(&format!("marking {}", marking.definition()))
}

impl Filterable for Fields<'_, StixIndicator> {
    fn values(&self, key: &str) -> Vec<FieldValue> {
        let it = self.object;
        match key {
            "basedOn" => it
                .observables
                .iter()
                .map(|id| FieldValue::text(id))
                .collect(),
            "confidence" => number(it.confidence),
            "created" => time(it.created),
            "created_at" => time(Some(it.created_at)),
            "createdBy" => author(it.created_by.as_ref()),
            "description" => text(it.description.as_deref()),
            "entity_type" => text(Some("Indicator")),
            "id" | "ids" | "internal_id" | "standard_id" => both(&it.id, &it.standard_id),
            "indicator_types" => it
                .indicator_types
                .iter()
                .flatten()
                .map(|one| FieldValue::text(one))
                .collect(),
            "modified" => time(it.modified),
            "name" => text(Some(&it.name)),
            "objectLabel" => labels(it.labels.as_ref(), self.version),
            "objectMarking" => markings(&it.markings),
            "pattern" => text(Some(&it.pattern)),
            "pattern_type" => text(Some(&it.pattern_type)),
            "pattern_version" => text(it.pattern_version.as_deref()),
            "revoked" => vec![FieldValue::of_bool(it.revoked)],
            "updated_at" => time(Some(it.updated_at)),
            "valid_from" => time(it.valid_from),
            "valid_until" => time(it.valid_until),
            "x_opencti_detection" => it.detection.map(FieldValue::of_bool).into_iter().collect(),
            "x_opencti_main_observable_type" => text(it.main_observable_type.as_deref()),
            "x_opencti_score" => number(it.score),
            _ => Vec::new(),
        }
    }
}

impl Filterable for Fields<'_, StixObservable> {
    fn values(&self, key: &str) -> Vec<FieldValue> {
        let it = self.object;
        if let Some(algorithm) = key.strip_prefix("hashes.") {
            return text(it.hashes.get(algorithm).map(String::as_str));
        }
        match key {
            "created_at" => time(Some(it.created_at)),
            "createdBy" => author(it.created_by.as_ref()),
            "entity_type" => text(Some(&it.kind)),
            "id" | "ids" | "internal_id" | "standard_id" => both(&it.id, &it.standard_id),
            "name" => text(it.name.as_deref()),
            "objectLabel" => labels(it.labels.as_ref(), self.version),
            "objectMarking" => markings(&it.markings),
            "updated_at" => time(Some(it.updated_at)),
            "value" => text(it.value.as_deref()),
            "x_opencti_description" | "description" => text(it.description.as_deref()),
            "x_opencti_score" => number(it.score),
            _ => Vec::new(),
        }
    }
}

impl Filterable for Fields<'_, StixIdentity> {
    fn values(&self, key: &str) -> Vec<FieldValue> {
        let it = self.object;
        match key {
            "description" => text(it.description.as_deref()),
            "entity_type" => text(Some(&it.kind)),
            "id" | "ids" | "internal_id" | "standard_id" => both(&it.id, &it.standard_id),
            "identity_class" => text(Some(&it.identity_class)),
            "name" => text(Some(&it.name)),
            _ => Vec::new(),
        }
    }
}

/// What an indicator is ordered by; an unknown ordering is the default one, by STIX id.
pub(crate) fn indicator_order(it: &StixIndicator, order: &str) -> SortKey {
    match order {
        "confidence" => SortKey::of_number(it.confidence),
        "created" => SortKey::of_time(it.created),
        "created_at" => SortKey::of_time(Some(it.created_at)),
        "createdBy" => SortKey::of_text(it.created_by.as_ref().map(|author| author.name.as_str())),
        "modified" => SortKey::of_time(it.modified),
        "name" => SortKey::of_text(Some(&it.name)),
        "pattern" => SortKey::of_text(Some(&it.pattern)),
        "pattern_type" => SortKey::of_text(Some(&it.pattern_type)),
        "pattern_version" => SortKey::of_text(it.pattern_version.as_deref()),
        "updated_at" => SortKey::of_time(Some(it.updated_at)),
        "valid_from" => SortKey::of_time(it.valid_from),
        "valid_until" => SortKey::of_time(it.valid_until),
        "x_opencti_detection" => SortKey::of_number(it.detection.map(i64::from)),
        "x_opencti_score" => SortKey::of_number(it.score),
        _ => SortKey::of_text(Some(&it.standard_id)),
    }
}

/// What an observable is ordered by.
pub(crate) fn observable_order(it: &StixObservable, order: &str) -> SortKey {
    match order {
        "created_at" => SortKey::of_time(Some(it.created_at)),
        "entity_type" => SortKey::of_text(Some(&it.kind)),
        "observable_value" => SortKey::of_text(Some(it.shown())),
        "updated_at" => SortKey::of_time(Some(it.updated_at)),
        _ => SortKey::of_text(Some(&it.standard_id)),
    }
}

fn text(value: Option<&str>) -> Vec<FieldValue> {
    value.map(FieldValue::text).into_iter().collect()
}

fn number(value: Option<i64>) -> Vec<FieldValue> {
    value.map(FieldValue::Number).into_iter().collect()
}

fn time(value: Option<Timestamp>) -> Vec<FieldValue> {
    value.map(FieldValue::Time).into_iter().collect()
}

fn both(id: &str, standard_id: &str) -> Vec<FieldValue> {
    vec![FieldValue::text(id), FieldValue::text(standard_id)]
}

fn author(identity: Option<&StixIdentity>) -> Vec<FieldValue> {
    identity
        .map(|identity| both(&identity.id, &identity.standard_id))
        .unwrap_or_default()
}

fn labels(labels: Option<&Vec<String>>, version: OpenCtiVersion) -> Vec<FieldValue> {
    let mut found = Vec::new();
    for label in labels.into_iter().flatten() {
        found.push(FieldValue::Text(label_id(label)));
        if version.filters_labels_by_name() {
            found.push(FieldValue::text(label));
        }
    }
    found
}

fn markings(markings: &[Tlp]) -> Vec<FieldValue> {
    markings
        .iter()
        .flat_map(|marking| both(&marking_id(*marking), marking.standard_id()))
        .collect()
}
