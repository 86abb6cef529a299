//! An alert's text as a tree, whatever is in it.
//!
//! A strict parser gives the whole alert up for one part it can't represent: nesting beyond its limit, a number beyond an IEEE
//! double, a lone surrogate. An attacker who gets such a part into a log must not hide the rest with it, so where the
//! strict parser fails, the text is read part by part, and only the part is lost.

use serde_json::{Map, Value, value::RawValue};

use crate::{lenient::Fields, surrogates::repaired};

/// Deeper parts are `Null` where the strict parser failed. Each level is scanned once more, so this bounds the work too.
const DEEPEST: usize = 32;

/// `Null` only where the text is no JSON.
pub(crate) fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let text = repaired(text);
        serde_json::from_str::<&RawValue>(&text).map_or(Value::Null, |raw| part(raw.get(), DEEPEST))
    })
}

fn part(raw: &str, depth: usize) -> Value {
    match raw.as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => Value::Null,
        Some(b'{') => {
            let fields = Fields::parse(raw).unwrap_or_default();
            let mut map = Map::new();
            for (name, raw) in fields.entries() {
                map.entry(name)
                    .or_insert_with(|| part(raw.get(), depth - 1));
            }
            Value::Object(map)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            Value::Array(
                items
                    .into_iter()
                    .map(|item| part(item.get(), depth - 1))
                    .collect(),
            )
        }
        // A number that does not fit stays as it is written.
        _ => serde_json::from_str(raw).unwrap_or_else(|_| Value::String(raw.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_part_that_cannot_be_represented_is_lost() {
        let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
        let text = format!(
            r#"{{"a":1,"n":1e400,"s":"x\ud800y","l":[true,null],"deep":{deep},"z":{{"b":"c"}}}}"#
        );
        let tree = tree(&text);
        assert_eq!(tree["a"], json!(1));
        assert_eq!(tree["n"], json!("1e400"));
        assert_eq!(tree["s"], json!("x\u{fffd}y"));
        assert_eq!(tree["l"], json!([true, null]));
        assert_eq!(tree["z"], json!({"b": "c"}));
    }

    #[test]
    fn what_is_no_json_is_null() {
        assert_eq!(tree("{\"a\""), Value::Null);
    }
}
