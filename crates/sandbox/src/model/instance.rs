//! The smallest value a JSON schema allows, for schemas nobody has an answer to.

use serde_json::{Map, Value, json};

/// How deep a schema may be.
const DEPTH: usize = 16;

/// Some value of a schema; not of every schema there is.
pub(crate) fn of(schema: &Value) -> Value {
    value(schema, DEPTH)
}

fn value(schema: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(0).min(64);
            (0..least)
                .map(|_| value(&schema["items"], depth - 1))
                .collect()
        }
        Some("boolean") => json!(false),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(0.0)),
        Some("object") => {
            let properties = schema["properties"].as_object();
            let members = properties.into_iter().flatten();
            let object: Map<String, Value> = members
                .map(|(name, schema)| (name.clone(), value(schema, depth - 1)))
                .collect();
            Value::Object(object)
        }
        Some("string") => json!("text"),
        _ => Value::Null,
    }
}
