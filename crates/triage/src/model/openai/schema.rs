//! A JSON schema as every server understands it: objects with all their properties required and no others, strings, enums, integers,
//! arrays (facts/ai.md §1.9).

use serde_json::{Map, Value, json};

/// How deep a schema may be; what is below is dropped.
const DEPTH: usize = 32;

/// Keywords that stay.
const KEPT: [&str; 6] = ["anyOf", "const", "description", "enum", "items", "type"];

/// The schema without lengths, ranges and patterns. What it allows more is for the check of the answer.
pub(crate) fn portable(schema: &Value) -> Value {
    of(schema, DEPTH)
}

fn of(schema: &Value, depth: usize) -> Value {
    let (Some(keywords), true) = (schema.as_object(), depth > 0) else {
        return json!({});
    };
    let mut portable = Map::new();
    for (keyword, value) in keywords {
        if !KEPT.contains(&keyword.as_str()) {
            continue;
        }
        let value = match (keyword.as_str(), value) {
            ("items", items) => of(items, depth - 1),
            ("anyOf", Value::Array(schemas)) => {
                schemas.iter().map(|schema| of(schema, depth - 1)).collect()
            }
            (_, value) => value.clone(),
        };
        portable.insert(keyword.clone(), value);
    }
    if let Some(properties) = keywords.get("properties").and_then(Value::as_object) {
        let all: Vec<&String> = properties.keys().collect();
        portable.insert("required".to_owned(), json!(all));
        portable.insert("additionalProperties".to_owned(), json!(false));
        let each = properties
            .iter()
            .map(|(name, schema)| (name.clone(), of(schema, depth - 1)));
        portable.insert("properties".to_owned(), Value::Object(each.collect()));
    }
    Value::Object(portable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_patterns_go_and_the_form_stays() {
        let schema = json!({
            "type": "object",
            "required": ["list"],
            "properties": {
                "list": {"type": "array", "minItems": 1, "maxItems": 4, "items": {"type": "string", "pattern": "^T$", "maxLength": 5}},
                "maximum": {"type": "integer", "minimum": 0, "maximum": 100},
                "verdict": {"enum": ["a", "b"]}
            }
        });
        assert_eq!(
            portable(&schema),
            json!({
                "type": "object",
                "required": ["list", "maximum", "verdict"],
                "additionalProperties": false,
                "properties": {
                    "list": {"type": "array", "items": {"type": "string"}},
                    "maximum": {"type": "integer"},
                    "verdict": {"enum": ["a", "b"]}
                }
            })
        );
        assert_eq!(portable(&portable(&schema)), portable(&schema));
        assert_eq!(portable(&json!(7)), json!({}));
    }
}
