//! Rewrites the texts of a tree, keys and all.

use serde_json::{Map, Value};

/// Deeper there is nothing after redaction.
const DEEPEST: usize = 256;

/// Each text for which `change` has another becomes that one. It is asked with the name of the field, `None` for a key.
pub(super) fn rewrite(
    value: Value,
    change: &mut dyn FnMut(Option<&str>, &str) -> Option<String>,
) -> Value {
    step(value, "", 0, change)
}

fn step(
    value: Value,
    name: &str,
    depth: usize,
    change: &mut dyn FnMut(Option<&str>, &str) -> Option<String>,
) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    match value {
        Value::String(text) => Value::String(change(Some(name), &text).unwrap_or(text)),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| step(item, name, depth + 1, change))
                .collect(),
        ),
        Value::Object(fields) => {
            let mut rewritten = Map::new();
            // Two keys that become one get a number; counting on from the last keeps this linear.
            let mut number = 0_usize;
            for (key, item) in fields {
                let item = step(item, &key, depth + 1, change);
                let mut key = change(None, &key).unwrap_or(key);
                if rewritten.contains_key(&key) {
                    number += 1;
                    key.push_str(&format!("'{number}"));
                }
                rewritten.insert(key, item);
            }
            Value::Object(rewritten)
        }
        other => other,
    }
}
