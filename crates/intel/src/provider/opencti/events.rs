//! What an event of the live stream changes (facts/opencti.md §4b).
//!
//! Only objects of type `indicator` count; markings and authors that come along are remembered for their names; everything else
//! (relations, observables, our own sightings) is passed over.

use serde_json::Value;

use super::{node, sse::Event};
use crate::{
    Change,
    provider::{fields, marking::Names, stix},
};

/// What became of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) changes: Vec<Change>,
    /// Indicators that can't be read.
    pub(crate) unreadable: u64,
    /// Indicators that have no STIX pattern.
    pub(crate) passed_over: u64,
}

/// Reads a `create`, `update`, `delete` or `merge` event.
pub(crate) fn effect(event: &Event, names: &mut Names, provider: &str, base: &str) -> Effect {
    let mut effect = Effect::default();
    let Some(body) = parsed(event) else {
        effect.unreadable = 1;
        return effect;
    };
    let object = body.get("data").unwrap_or(&Value::Null);
    if names.learn_from(object) || !stix::is_indicator(object) {
        return effect;
    }
    let Some(id) = stix::internal_id(object) else {
        effect.unreadable = 1;
        return effect;
    };
    let delete = |id: String| Change::Delete {
        provider: provider.to_owned(),
        id,
    };
    if event.kind == "delete" {
        effect.changes.push(delete(id));
        return effect;
    }
    if event.kind == "merge" {
        // What was merged into the object is gone.
        let sources = body.get("context").unwrap_or(&Value::Null);
        let gone = fields::items(sources, "sources").filter_map(stix::internal_id);
        effect
            .changes
            .extend(gone.filter(|source| *source != id).map(delete));
    }
    match stix::indicator(object, names) {
        Some(indicator) if indicator.pattern_type != "stix" => effect.passed_over = 1,
        Some(mut indicator) => {
            provider.clone_into(&mut indicator.provider);
            indicator.link = node::link(base, &id);
            indicator.id = id;
            effect.changes.push(Change::Upsert(Box::new(indicator)));
        }
        None => effect.unreadable = 1,
    }
    effect
}

/// The JSON of an event. A text with lone surrogates is mended.
fn parsed(event: &Event) -> Option<Value> {
    if event.oversized {
        return None;
    }
    serde_json::from_str(&event.data)
        .or_else(|_| serde_json::from_str(&fields::without_lone_surrogates(&event.data)))
        .ok()
}

/// The two numbers of an event id, `1789313330953-0`: the order of events. `None` where it is something else.
pub(crate) fn order(id: &str) -> Option<(u64, u64)> {
    let (milliseconds, sequence) = id.split_once('-').unwrap_or((id, "0"));
    Some((milliseconds.parse().ok()?, sequence.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

    fn event(kind: &str, body: &Value) -> Event {
        Event {
            id: "1-0".to_owned(),
            kind: kind.to_owned(),
            data: body.to_string(),
            oversized: false,
        }
    }

    fn object(id: &str) -> Value {
        json!({"type": "indicator", "id": format!("indicator--{id}"), "pattern": "[a:b = 'c']", "pattern_type": "stix",
            "extensions": {EXTENSION: {"id": id}}})
    }

    fn ids(effect: &Effect) -> Vec<String> {
        let one = |change: &Change| match change {
            Change::Upsert(indicator) => format!("+{}", indicator.id),
            Change::Delete { id, .. } => format!("-{id}"),
        };
        effect.changes.iter().map(one).collect()
    }

    fn run(event: &Event) -> Effect {
        effect(event, &mut Names::default(), "cti", "https://cti.example")
    }

    #[test]
    fn create_update_delete_and_merge_change_what_they_name() {
        for kind in ["create", "update"] {
            assert_eq!(
                ids(&run(&event(kind, &json!({"data": object("a")})))),
                ["+a"]
            );
        }
        assert_eq!(
            ids(&run(&event("delete", &json!({"data": object("a")})))),
            ["-a"]
        );
        let merge = json!({"data": object("a"), "context": {"sources": [object("b"), object("c"), object("a"), null]}});
        assert_eq!(ids(&run(&event("merge", &merge))), ["-b", "-c", "+a"]);
    }

    #[test]
    fn everything_but_indicators_is_passed_over() {
        for kind in ["sighting", "relationship", "malware", "ipv4-addr"] {
            let body = json!({"data": {"type": kind, "id": "x"}});
            assert_eq!(run(&event("create", &body)), Effect::default());
        }
        let mut yara = object("y");
        yara["pattern_type"] = json!("yara");
        assert_eq!(run(&event("create", &json!({"data": yara}))).passed_over, 1);
    }

    #[test]
    fn hostile_events_are_counted_and_change_nothing() {
        let mut broken = event("create", &json!({}));
        for data in ["", "null x", "{\"data\":"] {
            data.clone_into(&mut broken.data);
            assert_eq!(
                (run(&broken).unreadable, run(&broken).changes.len()),
                (1, 0)
            );
        }
        let no_id = json!({"data": {"type": "indicator", "pattern": "x"}});
        assert_eq!(run(&event("create", &no_id)).unreadable, 1);
        let odd = json!({"data": [], "context": 7});
        assert_eq!(run(&event("merge", &odd)), Effect::default());
        let mut oversized = event("update", &json!({"data": object("a")}));
        oversized.oversized = true;
        assert_eq!(run(&oversized).unreadable, 1);
    }

    #[test]
    fn ids_of_events_have_an_order() {
        assert!(order("1789313330953-2") > order("1789313330953-1"));
        assert!(order("1789313330954-0") > order("1789313330953-9"));
        assert_eq!(order("soon"), None);
        assert_eq!(order("5"), Some((5, 0)));
    }
}
