//! The schema's own words, followed by our code.
//!
//! Exactly the keywords that the schema uses are known; another one is an error when the schema is read, so none is ever skipped
//! silently. Lengths are counted in characters, as JSON schema does.

use std::collections::HashSet;

use regex_automata::meta::Regex;
use serde_json::{Map, Value};

use super::{fault::AnswerFault, node::Node};

/// What a value must be.
#[derive(Debug)]
pub(super) enum Rule {
    Integer {
        least: i64,
        most: i64,
    },
    List {
        item: Box<Rule>,
        least: usize,
        most: usize,
    },
    Object {
        fields: Vec<(String, Rule)>,
    },
    OneOf {
        words: Vec<String>,
    },
    Pattern {
        regex: Regex,
        source: String,
    },
    Text {
        longest: usize,
    },
}

/// A complaint names a field that it does not know only where the name is a plain word.
const LONGEST_NAME: usize = 32;

impl Rule {
    /// What the schema says, or which part of it can't be followed.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let schema = schema.as_object().ok_or("a schema is an object")?;
        let known: &[&str] = match text(schema, "type")? {
            "object" => &["type", "additionalProperties", "required", "properties"],
            "array" => &["type", "items", "minItems", "maxItems"],
            "string" => &["type", "maxLength", "enum", "pattern"],
            "integer" => &["type", "minimum", "maximum"],
            other => return Err(format!("type {other}")),
        };
        if let Some(other) = schema.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("keyword {other}"));
        }
        match text(schema, "type")? {
            "object" => Self::object(schema),
            "array" => Ok(Self::List {
                item: Box::new(Self::of(schema.get("items").ok_or("items")?)?),
                least: size(schema, "minItems").unwrap_or(0),
                most: size(schema, "maxItems").ok_or("maxItems")?,
            }),
            "integer" => Ok(Self::Integer {
                least: number(schema, "minimum").ok_or("minimum")?,
                most: number(schema, "maximum").ok_or("maximum")?,
            }),
            _ => Self::string(schema),
        }
    }

    fn object(schema: &Map<String, Value>) -> Result<Self, String> {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err("additionalProperties".to_owned());
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.ok_or("properties")?;
        let required = schema.get("required").and_then(Value::as_array);
        let required: HashSet<&str> = required
            .ok_or("required")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if required != properties.keys().map(String::as_str).collect() {
            return Err("every property is required".to_owned());
        }
        let fields = properties
            .iter()
            .map(|(name, schema)| Ok((name.clone(), Self::of(schema)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self::Object { fields })
    }

    fn string(schema: &Map<String, Value>) -> Result<Self, String> {
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words = words.iter().filter_map(Value::as_str);
            return Ok(Self::OneOf {
                words: words.map(str::to_owned).collect(),
            });
        }
        if schema.contains_key("pattern") {
            let source = text(schema, "pattern")?;
            // Servers follow anchored patterns only, and `$` means the end in both languages.
            if !(source.starts_with('^') && source.ends_with('$')) {
                return Err("pattern without anchors".to_owned());
            }
            let regex = Regex::new(source).map_err(|error| error.to_string())?;
            return Ok(Self::Pattern {
                regex,
                source: source.to_owned(),
            });
        }
        Ok(Self::Text {
            longest: size(schema, "maxLength").ok_or("maxLength")?,
        })
    }

    /// Holds a value against the rule. The first fault is told, in the schema's order.
    pub(super) fn check(&self, node: &Node) -> Result<(), AnswerFault> {
        self.at(node, "")
    }

    fn at(&self, node: &Node, path: &str) -> Result<(), AnswerFault> {
        let fault = |what: String| Err(AnswerFault::schema(path, &what));
        match (self, node) {
            (Self::Object { fields }, Node::Object(given)) => Self::fields(fields, given, path),
            (Self::Object { .. }, _) => fault("must be an object".to_owned()),
            (Self::List { item, least, most }, Node::List(items)) => {
                if items.len() < *least || items.len() > *most {
                    return fault(format!(
                        "must have {least} to {most} items, not {}",
                        items.len()
                    ));
                }
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, node)| item.at(node, &format!("{path}[{index}]")))
            }
            (Self::List { .. }, _) => fault("must be a list".to_owned()),
            (Self::Integer { least, most }, node) => match node {
                Node::Number(number)
                    if Node::integer(number).is_some_and(|n| (*least..=*most).contains(&n)) =>
                {
                    Ok(())
                }
                _ => fault(format!("must be a whole number from {least} to {most}")),
            },
            (Self::OneOf { words }, node) => match node {
                Node::Text(text) if words.contains(text) => Ok(()),
                _ => fault(format!("must be one of {}", words.join(", "))),
            },
            (Self::Pattern { regex, source }, node) => match node {
                Node::Text(text) if regex.is_match(text) => Ok(()),
                _ => fault(format!("must be a string of the form {source}")),
            },
            (Self::Text { longest }, Node::Text(text)) => match text.chars().count() {
                length if length > *longest => fault(format!(
                    "must be at most {longest} characters, not {length}"
                )),
                _ => Ok(()),
            },
            (Self::Text { .. }, _) => fault("must be a string".to_owned()),
        }
    }

    fn fields(
        fields: &[(String, Self)],
        given: &[(String, Node)],
        path: &str,
    ) -> Result<(), AnswerFault> {
        let inside = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        for (name, rule) in fields {
            let mut nodes = given.iter().filter(|(given, _)| given == name);
            match (nodes.next(), nodes.next()) {
                (None, _) => return Err(AnswerFault::schema(&inside(name), "is missing")),
                (_, Some(_)) => return Err(AnswerFault::schema(&inside(name), "is there twice")),
                (Some((_, node)), None) => rule.at(node, &inside(name))?,
            }
        }
        let known = |name: &String| fields.iter().any(|(known, _)| known == name);
        match given.iter().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, _)) if plain_word(name) => {
                Err(AnswerFault::schema(&inside(name), "is not in the schema"))
            }
            Some(_) => Err(AnswerFault::schema(
                path,
                "has a field that is not in the schema",
            )),
        }
    }
}

fn plain_word(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn text<'a>(schema: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let value = schema.get(key).and_then(Value::as_str);
    value.ok_or_else(|| key.to_owned())
}

fn number(schema: &Map<String, Value>, key: &str) -> Option<i64> {
    schema.get(key).and_then(Value::as_i64)
}

fn size(schema: &Map<String, Value>, key: &str) -> Option<usize> {
    let size = schema.get(key).and_then(Value::as_u64)?;
    usize::try_from(size).ok()
}
