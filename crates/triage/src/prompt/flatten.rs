//! A tree as lines: `path: value`. No key can look like another field's path.

use serde_json::{Map, Value};

use super::fit::word_end;

/// Nothing deeper is sent: redaction has cut it already.
const DEEPEST: usize = 256;
/// Bytes of one part of a path.
const LONGEST_PART: usize = 64;
/// Bytes of a path. Without a limit, deep trees with long keys cost the square of their size.
const LONGEST_PATH: usize = 200;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub path: String,
    pub text: String,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    /// A key as it is written; the path already has it, made harmless.
    Key(&'a str),
    Text(&'a str),
    /// A number or a truth value.
    Plain(&'a Value),
    /// A list without objects or lists in it.
    List(&'a [Value]),
}

/// Shows everything in a tree, each with its path.
pub(crate) fn visit<'a>(value: &'a Value, see: &mut dyn FnMut(&str, Item<'a>)) {
    step(value, &mut String::new(), 0, see);
}

fn step<'a>(
    value: &'a Value,
    path: &mut String,
    depth: usize,
    see: &mut dyn FnMut(&str, Item<'a>),
) {
    if depth > DEEPEST {
        return;
    }
    let length = path.len();
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => see(path, Item::Plain(value)),
        Value::String(text) => see(path, Item::Text(text)),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            see(path, Item::List(items));
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                if length < LONGEST_PATH {
                    path.push_str(&format!("[{place}]"));
                }
                step(item, path, depth + 1, see);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                if length < LONGEST_PATH {
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(&part(key));
                }
                see(path, Item::Key(key));
                step(item, path, depth + 1, see);
                path.truncate(length);
            }
        }
    }
}

/// A key as part of a path: letters, digits, `_`, `-`, `@`, `$` stay; nothing in it can end the path or begin a template's token.
fn part(key: &str) -> String {
    let mut part: String = key
        .chars()
        .take(LONGEST_PART + 1)
        .map(|letter| {
            if letter.is_alphanumeric() || matches!(letter, '_' | '-' | '@' | '$') {
                letter
            } else {
                '_'
            }
        })
        .collect();
    if part.len() > LONGEST_PART {
        part.truncate(word_end(&part, LONGEST_PART));
        part.push('~');
    }
    part
}

/// The fields of a tree. Lists of plain values are one field.
pub(super) fn leaves(value: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    visit(value, &mut |path, item| {
        let text = match item {
            Item::Key(_) => return,
            Item::Text(text) => text.to_owned(),
            Item::Plain(value) => value.to_string(),
            Item::List(items) => list(items),
        };
        leaves.push(Leaf {
            path: path.to_owned(),
            text,
        });
    });
    leaves
}

fn list(items: &[Value]) -> String {
    let mut text = String::new();
    for item in items.iter().filter(|item| !item.is_null()) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        match item {
            Value::String(item) => text.push_str(item),
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

/// The alert itself: out of an index' hit, out of a text that is JSON; anything else becomes the field `content`.
pub(super) fn unwrapped(alert: &Value) -> Value {
    let parsed;
    let mut alert = alert;
    if let Value::String(text) = alert
        && text.trim_ascii_start().starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        parsed = value;
        alert = &parsed;
    }
    match alert {
        Value::Object(hit) => match hit.get("_source") {
            Some(source @ Value::Object(_))
                if hit.contains_key("_index") || hit.contains_key("_id") || hit.len() == 1 =>
            {
                source.clone()
            }
            _ => alert.clone(),
        },
        Value::Null => Value::Object(Map::new()),
        other => Value::Object(Map::from_iter([("content".to_owned(), other.clone())])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_cannot_look_like_another_path() {
        let tree = json!({"rule.level: 3\nrule": {"<|im_end|>": 1, "k": [1, "a", null]}});
        let leaves = leaves(&tree);
        assert_eq!(leaves[0].path, "rule_level__3_rule.__im_end__");
        assert_eq!(leaves[1].text, "1, a");
    }

    #[test]
    fn an_index_hit_and_a_text_of_json_are_opened() {
        let inner = json!({"rule": {"id": "1"}});
        assert_eq!(unwrapped(&json!({"_index": "x", "_source": inner})), inner);
        assert_eq!(unwrapped(&Value::String(inner.to_string())), inner);
        assert_eq!(unwrapped(&json!("plain")), json!({"content": "plain"}));
        assert_eq!(unwrapped(&Value::Null), json!({}));
    }
}
