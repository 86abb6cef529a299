//! The text of an event: its envelope, what changed, and the lines it is sent in (facts §4b).

use serde_json::{Value, json};

use super::events::EventId;
use super::ids;
use super::version::OpenCtiVersion;

/// What is around a document. An empty context is left out.
pub(crate) fn envelope(
    version: OpenCtiVersion,
    id: EventId,
    kind: &str,
    origin: Value,
    context: Value,
    document: Value,
) -> Value {
    let number = match version.has_stream_extensions() {
        true => "4",
        false => "3",
    };
    let name = document["name"].as_str().unwrap_or_default();
    let mut envelope = json!({
        "version": number,
        "type": kind,
        "scope": "external",
        "message": format!("{kind}s `{name}`"),
        "origin": origin,
        "event_id": ids::internal(&format!("event {id} {name}")),
        "data": document,
    });
    if context
        .as_object()
        .is_some_and(|members| !members.is_empty())
    {
        envelope["context"] = context;
    }
    envelope
}

/// The lines of one event.
pub(crate) fn written(name: &str, id: Option<EventId>, data: &Value) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n")
}

/// What leads from one document to the other, for top-level members.
pub(crate) fn patch(from: &Value, to: &Value) -> Value {
    let (Some(from), Some(to)) = (from.as_object(), to.as_object()) else {
        return json!([]);
    };
    let mut steps = Vec::new();
    for (name, value) in to {
        let op = match from.get(name) {
            Some(old) if old == value => continue,
            Some(_) => "replace",
            None => "add",
        };
        steps.push(json!({"op": op, "path": format!("/{name}"), "value": value}));
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        steps.push(json!({"op": "remove", "path": format!("/{name}")}));
    }
    Value::Array(steps)
}
