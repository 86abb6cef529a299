//! The event: what Wazuh's JSON decoder reads and the rules look at.
//!
//! `{"integration":"opencti","opencti":{…}}`. It serves both sets of rules that are in use (facts/opencti.md §3, facts/peers.md §4): the
//! widespread script's, which asks for `opencti.id` and shows `opencti.value`, labels numbered (`opencti.0.node.value`); and misje's,
//! which asks for `opencti.event_type`. `integration` comes first, because analysisd drops fields beyond 256 (facts/wazuh.md §4); there
//! are far fewer here.
//!
//! Too long an event loses fields in the order of [`LEFT_OUT`]; each is counted.

use alertbridge_alert::Alert;
use serde_json::{Map, Value, json};

use super::location;
use crate::{
    IntelHit, Matched,
    iris::safe_text::{Changes, clean, cut},
};

/// What is left out of an event that is too long, first to last. `0…` stands for the numbered labels, `source…` for
/// all of `source` but [`SOURCE_CORE`].
pub(crate) const LEFT_OUT: [&[&str]; 18] = [
    &["importFiles"],
    &["externalReferences"],
    &["createdBy"],
    &["objectMarking"],
    &["indicators"],
    &["objectLabel"],
    &["x_opencti_description"],
    &["indicator", "description"],
    &["source", "queryResults"],
    &["source", "image"],
    &["0…"],
    &["labels"],
    &["indicator", "labels"],
    &["indicator", "pattern"],
    &["source…"],
    &["detail"],
    &["query_values"],
    &["observable_value"],
];

/// What stays of `source` in any case.
const SOURCE_CORE: [&str; 3] = ["alert_id", "reference", "rule_id"];

/// Longest texts in bytes.
const VALUE: usize = 2048;
const SHORT: usize = 512;
const LONG: usize = 4096;
/// The most labels.
const MOST_LABELS: usize = 40;

/// Something to tell the manager.
#[derive(Clone, Debug)]
pub struct Event {
    /// `1:<location>:`
    head: String,
    opencti: Map<String, Value>,
    changes: Changes,
}

impl Event {
    /// A hit, said of the agent the alert came from.
    pub fn hit(alert: &Alert, reference: &str, hit: &IntelHit) -> Self {
        let mut event = Self::about(alert, reference);
        let kind = match hit.matched {
            Matched::Observable => "observable_with_indicator",
            Matched::PartialPattern => "indicator_partial_pattern_match",
            Matched::Pattern => "indicator_pattern_match",
            Matched::RelatedObservable => "observable_with_related_indicator",
        };
        let changes = &mut event.changes;
        changes.add_many(
            "label_left_out",
            hit.labels.len().saturating_sub(MOST_LABELS),
        );
        let labels: Vec<String> = hit
            .labels
            .iter()
            .take(MOST_LABELS)
            .map(|label| text(label, 128, changes))
            .collect();
        let mut put =
            |key: &str, value: Option<&str>, limit: usize, map: &mut Map<String, Value>| {
                put(key, value, limit, map, changes);
            };
        // Older dashboards and rules ask whether there is an id.
        let names = [hit.indicator_id.as_deref(), Some(&hit.indicator)];
        let id = names
            .into_iter()
            .flatten()
            .find(|name| !name.trim().is_empty());
        let id = id.unwrap_or(&hit.value);
        let mut indicator = Map::new();
        put("id", Some(id), SHORT, &mut indicator);
        put("name", Some(&hit.indicator), SHORT, &mut indicator);
        put(
            "description",
            hit.description.as_deref(),
            LONG,
            &mut indicator,
        );
        put("pattern", hit.pattern.as_deref(), LONG, &mut indicator);
        put("valid_from", hit.valid_from.as_deref(), 64, &mut indicator);
        put(
            "valid_until",
            hit.valid_until.as_deref(),
            64,
            &mut indicator,
        );
        put("marking", hit.marking.as_deref(), 128, &mut indicator);
        put(
            "createdBy",
            hit.created_by.as_deref(),
            SHORT,
            &mut indicator,
        );
        let map = &mut event.opencti;
        put("event_type", Some(kind), SHORT, map);
        put("id", Some(id), SHORT, map);
        put("entity_type", Some("Indicator"), SHORT, map);
        put("value", Some(&hit.value), VALUE, map);
        put("observable_value", Some(&hit.value), VALUE, map);
        put("query_values", Some(&hit.value), VALUE, map);
        put(
            "x_opencti_description",
            hit.description.as_deref(),
            LONG,
            map,
        );
        put("indicator_link", hit.link.as_deref(), SHORT, map);
        put("provider", Some(&hit.provider), SHORT, map);
        put("detail", Some(&hit.detail), SHORT, map);
        // Numbers are texts in Wazuh anyway (facts/wazuh.md §3).
        let number = |number: Option<u32>| number.map(|number| Value::from(number.to_string()));
        map.extend(number(hit.score).map(|score| ("x_opencti_score".to_owned(), score)));
        indicator.extend(number(hit.score).map(|score| ("x_opencti_score".to_owned(), score)));
        indicator
            .extend(number(hit.confidence).map(|confidence| ("confidence".to_owned(), confidence)));
        for (key, is_so) in [("expired", hit.expired), ("revoked", hit.revoked)] {
            indicator.insert(key.to_owned(), is_so.to_string().into());
        }
        if !labels.is_empty() {
            for (number, label) in labels.iter().enumerate() {
                map.insert(number.to_string(), json!({"node": {"value": label}}));
            }
            indicator.insert("labels".to_owned(), json!(labels));
            map.insert("labels".to_owned(), json!(labels));
        }
        map.insert("indicator".to_owned(), indicator.into());
        if let Some(observable) = &hit.observable {
            event.complete(observable);
        }
        event
    }

    /// Says what the provider shows of the observable, as the widespread script does: its id, not the indicator's, and its labels with
    /// theirs. The value stays as it stands in the alert.
    fn complete(&mut self, observable: &Map<String, Value>) {
        for key in FROM_OBSERVABLE {
            if let Some(value) = observable.get(key) {
                let value = cleaned(value, DEEPEST, &mut self.changes);
                // Numbers are texts in Wazuh anyway, and the score is one without completion.
                let value = match value {
                    Value::Number(number) => number.to_string().into(),
                    other => other,
                };
                self.opencti.insert(key.to_owned(), value);
            }
        }
        let labels = self.opencti.get("objectLabel").and_then(edges);
        let labels: Vec<Value> = labels.into_iter().flatten().cloned().collect();
        if labels.is_empty() {
            return;
        }
        self.opencti
            .retain(|key, _| !key.bytes().all(|byte| byte.is_ascii_digit()));
        for (number, label) in labels.into_iter().enumerate() {
            self.opencti.insert(number.to_string(), label);
        }
    }

    /// That alerts could not be matched. Where it is about one alert, that is named.
    pub fn error(why: &str, about: Option<(&Alert, &str)>) -> Self {
        let mut event = match about {
            Some((alert, reference)) => Self::about(alert, reference),
            None => Self {
                head: format!("1:{}:", location::NAME),
                opencti: Map::new(),
                changes: Changes::default(),
            },
        };
        put(
            "event_type",
            Some("error"),
            SHORT,
            &mut event.opencti,
            &mut event.changes,
        );
        put(
            "error",
            Some(why),
            LONG,
            &mut event.opencti,
            &mut event.changes,
        );
        event
    }

    /// What a rule sees of it, where nothing is left out for its length.
    pub fn to_json(&self) -> Value {
        json!({"integration": location::NAME, "opencti": self.opencti})
    }

    fn about(alert: &Alert, reference: &str) -> Self {
        let mut changes = Changes::default();
        let head = alert.head();
        let mut source = Map::new();
        for (key, value) in [
            ("alert_id", head.id.as_deref()),
            ("reference", Some(reference)),
            ("rule_id", head.rule_id.as_deref()),
            ("rule_description", head.rule_description.as_deref()),
            ("timestamp", head.timestamp.as_deref()),
        ] {
            put(key, value, SHORT, &mut source, &mut changes);
        }
        let tree = alert.tree();
        for (key, pointers) in FROM_ALERT {
            let value = pointers
                .iter()
                .find_map(|pointer| tree.pointer(pointer)?.as_str());
            put(key, value, SHORT, &mut source, &mut changes);
        }
        let location = location::head(&head.agent, &mut changes);
        Self {
            head: location,
            opencti: Map::from_iter([("source".to_owned(), source.into())]),
            changes,
        }
    }

    /// The datagram of at most `limit` bytes with a count of what is missing in it; `None` where even the core is longer.
    pub(crate) fn datagram(&self, limit: usize) -> Option<(Vec<u8>, Changes)> {
        let mut opencti = self.opencti.clone();
        let mut changes = self.changes.clone();
        let mut left_out = LEFT_OUT.iter();
        loop {
            let body = Value::Object(opencti.clone());
            let datagram = format!(
                r#"{}{{"integration":"{}","opencti":{body}}}"#,
                self.head,
                location::NAME
            );
            if datagram.len() <= limit {
                return Some((datagram.into_bytes(), changes));
            }
            changes.add_many(
                "event_field_left_out",
                leave_out(&mut opencti, left_out.next()?),
            );
        }
    }
}

/// What of an observable goes into `opencti`, where the provider shows it.
const FROM_OBSERVABLE: [&str; 15] = [
    "id",
    "standard_id",
    "entity_type",
    "parent_types",
    "spec_version",
    "created_at",
    "updated_at",
    "createdBy",
    "objectMarking",
    "objectLabel",
    "externalReferences",
    "x_opencti_description",
    "x_opencti_score",
    "indicators",
    "importFiles",
];

/// How deep lists and objects of an observable are: a label's colour is in the sixth.
const DEEPEST: usize = 8;

/// Texts without control characters and cut, lists bounded, at any depth.
fn cleaned(value: &Value, depth: usize, changes: &mut Changes) -> Value {
    match value {
        Value::String(value) => text(value, LONG, changes).into(),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::Null,
        Value::Array(list) => {
            changes.add_many("list_cut", list.len().saturating_sub(MOST_LABELS));
            let list = list.iter().take(MOST_LABELS);
            list.map(|value| cleaned(value, depth - 1, changes))
                .collect()
        }
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), cleaned(value, depth - 1, changes)))
            .collect(),
        scalar => scalar.clone(),
    }
}

/// The members of a connection.
fn edges(connection: &Value) -> Option<&Vec<Value>> {
    connection.get("edges")?.as_array()
}

/// What of the alert goes into `opencti.source`, where it has it.
const FROM_ALERT: [(&str, &[&str]); 12] = [
    ("file", &["/syscheck/path"]),
    ("md5", &["/syscheck/md5_after"]),
    ("sha1", &["/syscheck/sha1_after"]),
    ("sha256", &["/syscheck/sha256_after"]),
    (
        "src_ip",
        &[
            "/data/src_ip",
            "/data/srcip",
            "/data/win/eventdata/sourceIp",
        ],
    ),
    (
        "dst_ip",
        &[
            "/data/dest_ip",
            "/data/dstip",
            "/data/win/eventdata/destinationIp",
        ],
    ),
    (
        "src_port",
        &[
            "/data/src_port",
            "/data/srcport",
            "/data/win/eventdata/sourcePort",
        ],
    ),
    (
        "dst_port",
        &[
            "/data/dest_port",
            "/data/dstport",
            "/data/win/eventdata/destinationPort",
        ],
    ),
    (
        "queryName",
        &["/data/win/eventdata/queryName", "/data/dns/question/name"],
    ),
    ("queryResults", &["/data/win/eventdata/queryResults"]),
    ("image", &["/data/win/eventdata/image", "/data/audit/exe"]),
    ("url", &["/data/url"]),
];

fn put(
    key: &str,
    value: Option<&str>,
    limit: usize,
    map: &mut Map<String, Value>,
    changes: &mut Changes,
) {
    let value = value
        .map(|value| text(value, limit, changes))
        .filter(|value| !value.is_empty());
    map.extend(value.map(|value| (key.to_owned(), value.into())));
}

/// Without NUL and other control characters, cut to a length.
fn text(text: &str, limit: usize, changes: &mut Changes) -> String {
    // A multiple of the limit is more than enough: cleaning only shortens.
    let clean = clean(crate::iris::safe_text::head_of(text, limit * 2), changes);
    cut(clean.trim(), limit, "event_text_cut", changes)
}

/// Removes one part; how many members it had.
fn leave_out(opencti: &mut Map<String, Value>, part: &[&str]) -> usize {
    match part {
        ["0…"] => {
            let before = opencti.len();
            opencti.retain(|key, _| !key.bytes().all(|byte| byte.is_ascii_digit()));
            before - opencti.len()
        }
        ["source…"] => match opencti.get_mut("source").and_then(Value::as_object_mut) {
            None => 0,
            Some(source) => {
                let before = source.len();
                source.retain(|key, _| SOURCE_CORE.contains(&key.as_str()));
                before - source.len()
            }
        },
        [key] => usize::from(opencti.remove(*key).is_some()),
        [section, key] => {
            let section = opencti.get_mut(*section).and_then(Value::as_object_mut);
            usize::from(section.is_some_and(|section| section.remove(*key).is_some()))
        }
        _ => 0,
    }
}
