//! An alert's tree: names decide first, then every text is read. JSON in a text is walked too.

use serde_json::{Map, Value};

use super::{
    Redactor,
    edits::{Counts, MARK},
    hidden::{from_hex, is_hex_field},
    meant,
    names::LONGEST,
    value::{is_path, is_reference},
};

/// `serde_json` reads no deeper; a tree made otherwise is cut here.
const DEEPEST: usize = 128;
/// JSON in JSON in JSON.
const DEEPEST_TEXT: usize = 4;
/// Within a header that is told as an object, what holds it.
const HOLDERS: [&str; 6] = ["value", "data", "text", "raw", "plaintext", "plain"];

#[derive(Clone, Copy)]
struct Place<'a> {
    depth: usize,
    texts: usize,
    /// The kind of secret the field is named for.
    kind: Option<&'a str>,
}

impl Redactor {
    pub(super) fn walk(&self, value: &Value, counts: &mut Counts) -> Value {
        self.value(
            value,
            "",
            Place {
                depth: 0,
                texts: 0,
                kind: None,
            },
            counts,
        )
    }

    fn value(&self, value: &Value, name: &str, place: Place<'_>, counts: &mut Counts) -> Value {
        if place.depth > DEEPEST {
            return secret("too_deep", counts);
        }
        let deeper = Place {
            depth: place.depth + 1,
            ..place
        };
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(_) => place
                .kind
                .map_or_else(|| value.clone(), |kind| secret(kind, counts)),
            Value::String(text) => self.string(text, name, place, counts),
            Value::Array(items) => {
                let arguments = self.arguments(items.iter().map(Value::as_str), counts);
                let items = arguments.as_ref().unwrap_or(items);
                Value::Array(
                    items
                        .iter()
                        .map(|item| self.value(item, name, deeper, counts))
                        .collect(),
                )
            }
            Value::Object(fields) => Value::Object(self.fields(fields, deeper, counts)),
        }
    }

    fn string(&self, text: &str, name: &str, place: Place<'_>, counts: &mut Counts) -> Value {
        if let Some(kind) = place.kind
            && !is_reference(text)
            && !(name.eq_ignore_ascii_case("pwd") && (is_path(text) || text.starts_with('/')))
        {
            return secret(kind, counts);
        }
        if is_hex_field(name)
            && let Some(plain) = from_hex(text)
        {
            return Value::String(self.text(&plain, counts).unwrap_or(plain));
        }
        if place.texts < DEEPEST_TEXT
            && let Some(json) = self.json(text, place, counts)
        {
            return Value::String(json);
        }
        Value::String(self.text(text, counts).unwrap_or_else(|| text.to_owned()))
    }

    /// A text that is JSON, where walking it finds something.
    fn json(&self, text: &str, place: Place<'_>, counts: &mut Counts) -> Option<String> {
        let trimmed = text.trim_ascii();
        if !(trimmed.starts_with('{') && trimmed.ends_with('}')
            || trimmed.starts_with('[') && trimmed.ends_with(']'))
        {
            return None;
        }
        let value: Value = serde_json::from_str(trimmed).ok()?;
        let mut found = Counts::new();
        let inner = Place {
            texts: place.texts + 1,
            kind: None,
            ..place
        };
        let redacted = self.value(&value, "", inner, &mut found);
        if found.is_empty() {
            return None;
        }
        for (kind, count) in found {
            *counts.entry(kind).or_default() += count;
        }
        // What the walk can't see, such as two values of one name, is gone with it: the text is written anew.
        let text = redacted.to_string();
        Some(self.text(&text, counts).unwrap_or(text))
    }

    fn fields(
        &self,
        fields: &Map<String, Value>,
        place: Place<'_>,
        counts: &mut Counts,
    ) -> Map<String, Value> {
        let split = self.split_arguments(fields, counts);
        let named = self.named(fields);
        let mut redacted = Map::new();
        for (name, value) in fields {
            let value = split
                .as_ref()
                .and_then(|split| split.get(name))
                .unwrap_or(value);
            let kind = match named {
                Some((holder, kind)) if holder == name => Some(kind),
                _ => inherited(place.kind, name).or_else(|| self.name(name, value)),
            };
            let value = self.value(value, name, Place { kind, ..place }, counts);
            let mut name = self.text(name, counts).unwrap_or_else(|| name.clone());
            while redacted.contains_key(&name) {
                name.push('\'');
            }
            redacted.insert(name, value);
        }
        redacted
    }

    /// The kind of secret a field is named for.
    pub(super) fn name(&self, name: &str, value: &Value) -> Option<&str> {
        let name = meant::name(name);
        let names = &self.rules.names;
        let name = &*name;
        if !is_name(name) {
            return None;
        }
        let name = &name[name.len().saturating_sub(LONGEST)..];
        let counted = match value {
            Value::Number(_) => true,
            Value::String(text) => text.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        names
            .kind(name)
            .or_else(|| names.kind_of_many(name).filter(|_| !counted))
    }

    /// `{"name": "DB_PASSWORD", "value": …}`, and FTP's `{"command": "PASS", "command_data": …}` as Suricata tells it.
    fn named(&self, fields: &Map<String, Value>) -> Option<(&'static str, &str)> {
        if fields.get("command").and_then(Value::as_str) == Some("PASS") {
            return Some(("command_data", "password"));
        }
        let name = ["name", "Name", "key", "Key"]
            .iter()
            .find_map(|key| fields.get(*key)?.as_str())?;
        let kind = self.name(name, &Value::Null)?;
        let holder = ["value", "Value"]
            .into_iter()
            .find(|holder| fields.contains_key(*holder))?;
        Some((holder, kind))
    }
}

/// Below a field that names a secret everything is one. But what some call `authorization` tells what was allowed to whom.
fn inherited<'a>(kind: Option<&'a str>, name: &str) -> Option<&'a str> {
    kind.filter(|kind| {
        *kind != "credentials"
            || HOLDERS
                .iter()
                .any(|holder| name.eq_ignore_ascii_case(holder))
    })
}

/// A field's name, not a text that became one.
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ' | b'\'')
    })
}

fn secret(kind: &str, counts: &mut Counts) -> Value {
    *counts.entry(kind.to_owned()).or_default() += 1;
    Value::String(format!("{MARK}{kind}]"))
}
