//! What OpenCTI shows of an observable, as events for Wazuh have it: ids, types, author, markings, labels, references, files.
//!
//! Only fields that the widespread script's events have are asked for and passed on, in its form: lists as `edges` of `node`s, whatever the
//! server's version; what the server gives as null stays null, which Wazuh shows as `"null"`.

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    super::{graphql::Session, queries},
    values::{self, Wanted},
};
use crate::provider::{ProviderError, fields};

/// The fields of an observable. See [`super::LiveLookup::context`].
pub type Context = Map<String, Value>;

/// Observables asked for: there is one of a type, and a domain may be a host's name as well.
const FIRST: usize = 5;
/// Most members of a list.
const MANY: usize = 40;
/// Longest text in characters.
const LONGEST: usize = 1024;

/// What is taken of a value.
enum Shape {
    /// A text, number, flag or null.
    Leaf,
    /// A list of texts.
    Texts,
    /// An object of these.
    Object(&'static [(&'static str, Shape)]),
    /// A list of objects of these.
    Nodes(&'static [(&'static str, Shape)]),
}

use Shape::{Leaf, Nodes, Object, Texts};

const LABEL: &[(&str, Shape)] = &[("id", Leaf), ("value", Leaf), ("color", Leaf)];

const AUTHOR: &[(&str, Shape)] = &[
    ("id", Leaf),
    ("standard_id", Leaf),
    ("entity_type", Leaf),
    ("parent_types", Texts),
    ("spec_version", Leaf),
    ("identity_class", Leaf),
    ("name", Leaf),
    ("roles", Texts),
    ("contact_information", Leaf),
    ("x_opencti_aliases", Texts),
    ("created", Leaf),
    ("modified", Leaf),
    ("objectLabel", Nodes(LABEL)),
    ("x_opencti_organization_type", Leaf),
    ("x_opencti_reliability", Leaf),
];

const MARKING: &[(&str, Shape)] = &[
    ("id", Leaf),
    ("standard_id", Leaf),
    ("entity_type", Leaf),
    ("definition_type", Leaf),
    ("definition", Leaf),
    ("created", Leaf),
    ("modified", Leaf),
    ("x_opencti_order", Leaf),
    ("x_opencti_color", Leaf),
];

const REFERENCE: &[(&str, Shape)] = &[
    ("id", Leaf),
    ("standard_id", Leaf),
    ("entity_type", Leaf),
    ("source_name", Leaf),
    ("description", Leaf),
    ("url", Leaf),
    ("external_id", Leaf),
    ("created", Leaf),
    ("modified", Leaf),
];

const OBSERVABLE: &[(&str, Shape)] = &[
    ("id", Leaf),
    ("standard_id", Leaf),
    ("entity_type", Leaf),
    ("parent_types", Texts),
    ("spec_version", Leaf),
    ("created_at", Leaf),
    ("updated_at", Leaf),
    ("createdBy", Object(AUTHOR)),
    ("objectMarking", Nodes(MARKING)),
    ("objectLabel", Nodes(LABEL)),
    ("externalReferences", Nodes(REFERENCE)),
    ("observable_value", Leaf),
    ("x_opencti_description", Leaf),
    ("x_opencti_score", Leaf),
    (
        "indicators",
        Nodes(&[("id", Leaf), ("pattern", Leaf), ("pattern_type", Leaf)]),
    ),
    (
        "importFiles",
        Nodes(&[("id", Leaf), ("name", Leaf), ("size", Leaf)]),
    ),
];

/// Asks for the observable of a value.
pub(super) async fn ask(
    session: &Session,
    wanted: &Wanted,
    deadline: Instant,
) -> Result<Option<Context>, ProviderError> {
    let variables =
        |dialect| json!({"obs": values::observables(dialect, &[wanted]), "first": FIRST});
    let limit = deadline.saturating_duration_since(Instant::now());
    let answer = session
        .ask_in_dialect(queries::context, variables, Some(limit))
        .await?;
    let page = answer.page("stixCyberObservables")?;
    let found = page.nodes.iter().find(|node| is_about(node, wanted));
    Ok(found.map(|node| object(node, OBSERVABLE)))
}

/// The server compares without accents; what it returns counts only where it is the value.
fn is_about(node: &Value, wanted: &Wanted) -> bool {
    let own = node.get("observable_value").and_then(Value::as_str);
    let hashes = fields::items(node, "hashes").filter_map(|hash| hash.get("hash")?.as_str());
    own.into_iter().chain(hashes).take(16).any(|text| {
        let text = text.to_lowercase();
        wanted.forms.iter().any(|form| form.to_lowercase() == text)
    })
}

fn object(value: &Value, shape: &[(&str, Shape)]) -> Context {
    let mut map = Map::new();
    for (key, shape) in shape {
        if let Some(taken) = taken(value, key, shape) {
            map.insert((*key).to_owned(), taken);
        }
    }
    map
}

/// The member as it is shown; `None` where it is not there, or of another kind than it should be.
fn taken(value: &Value, key: &str, shape: &Shape) -> Option<Value> {
    let member = value.get(key)?;
    match shape {
        Leaf => leaf(member),
        Texts if member.is_null() => Some(Value::Null),
        Texts => Some(
            member
                .as_array()?
                .iter()
                .take(MANY)
                .filter_map(leaf)
                .collect(),
        ),
        Object(_) if member.is_null() => Some(Value::Null),
        Object(shape) => member.is_object().then(|| object(member, shape).into()),
        Nodes(shape) => {
            let nodes = fields::items(value, key).take(MANY);
            let edges: Vec<Value> = nodes
                .filter(|node| node.is_object())
                .map(|node| json!({"node": object(node, shape)}))
                .collect();
            Some(json!({"edges": edges}))
        }
    }
}

fn leaf(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(fields::clean(text, LONGEST).unwrap_or_default().into()),
        Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_fields_are_taken_and_lists_have_one_form() {
        let node = json!({"id": "1", "secret": "x", "createdBy": null, "parent_types": ["A", {"b": 1}], "x_opencti_score": 50,
            "objectLabel": [{"id": "2", "value": "c2\u{0}", "more": 1}], "importFiles": null, "standard_id": {"odd": true}});
        assert_eq!(
            Value::Object(object(&node, OBSERVABLE)),
            json!({"id": "1", "createdBy": null, "parent_types": ["A"], "x_opencti_score": 50,
                "objectLabel": {"edges": [{"node": {"id": "2", "value": "c2"}}]}, "importFiles": {"edges": []}})
        );
    }

    #[test]
    fn a_list_is_bounded() {
        let labels: Vec<Value> = (0..1000)
            .map(|number| json!({"value": number.to_string()}))
            .collect();
        let taken = object(
            &json!({"objectLabel": {"edges": [], "x": labels}, "parent_types": labels}),
            OBSERVABLE,
        );
        assert_eq!(
            taken["objectLabel"]["edges"].as_array().map(Vec::len),
            Some(0)
        );
        let taken = object(&json!({"objectLabel": labels}), OBSERVABLE);
        assert_eq!(
            taken["objectLabel"]["edges"].as_array().map(Vec::len),
            Some(MANY)
        );
    }
}
