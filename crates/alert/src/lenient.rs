//! Reads fields whatever type they have.
//!
//! Real alerts hold a number where a string is usual and the other way round (facts/wazuh.md §3), so nothing here fails:
//! a value of an unusable type is as good as a missing one.

use serde_json::value::RawValue;

use crate::surrogates::repaired;

/// The fields of a JSON object, values still raw. Of a key that stands twice, the first counts, as Wazuh itself reads it.
#[derive(Default)]
pub(crate) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// `Err` where the text is not an object.
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push(entry);
                }
                Ok(fields)
            }
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = serde::Deserializer::deserialize_map(&mut deserializer, Visitor)?;
        deserializer.end()?;
        Ok(Self(fields))
    }

    /// All of them, as they stand.
    pub(crate) fn entries(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        self.0.into_iter()
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| *raw)
    }

    /// The object under a key; empty where there is none.
    pub(crate) fn object(&self, key: &str) -> Fields<'a> {
        self.raw(key)
            .filter(|raw| raw.get().starts_with('{'))
            .and_then(|raw| Fields::parse(raw.get()).ok())
            .unwrap_or_default()
    }

    /// A scalar as text: a string's content, a number or boolean as written. `None` for null, lists, objects and "".
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        scalar(self.raw(key)?.get()).filter(|text| !text.is_empty())
    }

    /// A list of scalars as text; a single scalar is a list of one.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let Some(raw) = self.raw(key) else {
            return Vec::new();
        };
        if !raw.get().starts_with('[') {
            return scalar(raw.get()).into_iter().collect();
        }
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|item| scalar(item.get()))
            .collect()
    }

    /// A whole number, also where it is written as a string; `None` where it is neither.
    pub(crate) fn level(&self, key: &str) -> Option<u32> {
        level_of_raw(self.raw(key)?.get())
    }

    /// Scalars below a key, with their dotted paths: `labels.customer` → `acme`.
    pub(crate) fn leaves(&self, key: &str) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        if let Some(tree) = self
            .raw(key)
            .and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok())
        {
            collect(&tree, String::new(), &mut leaves);
        }
        leaves
    }
}

/// The level a scalar stands for: `5`, `"5"`, `5.0`. Negative is 0, beyond `u32` is its largest.
pub(crate) fn level_of_raw(raw: &str) -> Option<u32> {
    let number: f64 = match raw.as_bytes().first()? {
        b'"' => scalar(raw)?.trim().parse().ok()?,
        _ => raw.parse().ok()?,
    };
    // `as` saturates; NaN becomes 0.
    Some(number as u32)
}

fn scalar(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw)
            .or_else(|_| serde_json::from_str(&repaired(raw)))
            .ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

fn collect(tree: &serde_json::Value, path: String, leaves: &mut Vec<(String, String)>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match tree {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                collect(value, below(name), leaves);
            }
        }
        serde_json::Value::String(text) => leaves.push((path, text.clone())),
        serde_json::Value::Number(number) => leaves.push((path, number.to_string())),
        serde_json::Value::Bool(flag) => leaves.push((path, flag.to_string())),
        serde_json::Value::Array(_) | serde_json::Value::Null => {}
    }
}
