//! Names of markings and authors by their STIX ids.
//!
//! A STIX object names its markings and its author by id only. The five TLP markings have fixed ids (those OpenCTI uses, and those
//! of TLP 2.0 in STIX); others are learnt from the objects that come along. A reference that stays unknown is kept as its id, so
//! that a rule on markings can't miss it.

use std::collections::HashMap;

use serde_json::Value;

use super::fields::{self, items};

/// The TLP levels: `marking-definition--` and this. The last five are those of TLP 2.0 in STIX 2.1.
const TLP: [(&str, &str); 10] = [
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", "TLP:CLEAR"),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", "TLP:GREEN"),
    ("f88d31f6-486f-44da-b317-01333bde0b82", "TLP:AMBER"),
    ("826578e1-40ad-459f-bc73-ede076f81f37", "TLP:AMBER+STRICT"),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "TLP:RED"),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR"),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN"),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER"),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT"),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED"),
];

/// Most names that are remembered; a feed has a few hundred authors.
const MOST: usize = 20_000;

/// What ids of markings and identities stand for.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Remembers a name, as long as there is room.
    pub(crate) fn learn(&mut self, id: &str, name: String) {
        if id.len() <= 128 && (self.0.len() < MOST || self.0.contains_key(id)) {
            self.0.insert(id.to_owned(), name);
        }
    }

    /// Remembers what a STIX object of type `marking-definition` or `identity` is called. Says whether it was one.
    pub(crate) fn learn_from(&mut self, object: &Value) -> bool {
        let name = match object.get("type").and_then(Value::as_str) {
            Some("identity") => fields::word(object, "name"),
            Some("marking-definition") => marking_name(object),
            _ => return false,
        };
        if let (Some(id), Some(name)) = (object.get("id").and_then(Value::as_str), name) {
            self.learn(id, name);
        }
        true
    }

    /// The names of the markings that an object refers to.
    pub(crate) fn markings(&self, object: &Value) -> Vec<String> {
        let mut names = Vec::new();
        for id in items(object, "object_marking_refs")
            .filter_map(Value::as_str)
            .take(64)
        {
            let fixed = id
                .strip_prefix("marking-definition--")
                .and_then(|uuid| TLP.iter().find(|(known, _)| *known == uuid));
            let name = match (fixed, self.0.get(id)) {
                (Some((_, name)), _) => Some((*name).to_owned()),
                (None, Some(name)) => Some(name.clone()),
                (None, None) => fields::clean(id, 128),
            };
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }

    /// The author's name.
    pub(crate) fn author(&self, object: &Value) -> Option<String> {
        let id = object.get("created_by_ref")?.as_str()?;
        self.0.get(id).cloned()
    }
}

/// `TLP:AMBER`, from any of the ways in which markings are written.
fn marking_name(object: &Value) -> Option<String> {
    if let Some(name) =
        fields::word(object, "x_opencti_definition").or_else(|| fields::word(object, "name"))
    {
        return Some(name);
    }
    let definition = object.get("definition")?;
    match fields::word(definition, "tlp") {
        Some(level) => Some(format!("TLP:{}", level.to_ascii_uppercase())),
        None => fields::word(definition, "statement"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tlp_is_known_by_its_fixed_ids_and_can_not_be_renamed() {
        let mut names = Names::default();
        names.learn_from(&json!({"type": "marking-definition", "name": "TLP:CLEAR",
            "id": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"}));
        let object = json!({"object_marking_refs": [
            "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
            "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        ]});
        assert_eq!(names.markings(&object), ["TLP:RED", "TLP:AMBER"]);
    }

    #[test]
    fn other_markings_and_authors_are_learnt_and_unknown_ones_keep_their_id() {
        let mut names = Names::default();
        let object = json!({"object_marking_refs": ["marking-definition--1"], "created_by_ref": "identity--1"});
        assert_eq!(names.markings(&object), ["marking-definition--1"]);
        assert_eq!(names.author(&object), None);
        assert!(names.learn_from(
            &json!({"type": "marking-definition", "id": "marking-definition--1",
            "definition_type": "statement", "definition": {"statement": "PAP:RED"}})
        ));
        assert!(
            names
                .learn_from(&json!({"type": "identity", "id": "identity--1", "name": "ACME CERT"}))
        );
        assert!(!names.learn_from(&json!({"type": "indicator", "id": "x", "name": "y"})));
        assert_eq!(names.markings(&object), ["PAP:RED"]);
        assert_eq!(names.author(&object).as_deref(), Some("ACME CERT"));
    }
}
