//! The level of an alert without reading the rest of it.
//!
//! Most alerts are below the gate. They are rejected by one pass over the bytes that allocates nothing; it goes through the
//! whole line, because a line whose head looks harmless may be a torn alert with a whole one glued to it.
//! A property test holds it against [`Alert::parse`](crate::Alert::parse).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{Alert, Malformed};

/// `rule.level` of the alert in these bytes, the same that [`Alert::parse`] reads.
///
/// # Errors
/// [`Malformed`] exactly where [`Alert::parse`] says so.
pub fn level(raw: &[u8]) -> Result<u32, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_slice(raw);
    let scanned = deserializer.deserialize_map(Object {
        key: "rule",
        value: RuleLevel,
    });
    match scanned.and_then(|level| deserializer.end().map(|()| level)) {
        Ok(level) => Ok(level.flatten().unwrap_or(0)),
        // Invalid UTF-8 in a key, a number beyond f64, broken JSON: rare, so the full parse decides.
        Err(_) => Alert::parse(raw).map(|alert| alert.head().level),
    }
}

/// Key of an object, compared without copying it.
struct KeyIs(&'static str);

impl<'de> DeserializeSeed<'de> for KeyIs {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// An object, of which the first value under one key is looked at.
struct Object<S> {
    key: &'static str,
    value: S,
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Object<S> {
    type Value = Option<S::Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seed = Some(self.value);
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(KeyIs(self.key))? {
            match seed.take_if(|_| is_it) {
                Some(seed) => found = Some(map.next_value_seed(seed)?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// The value under `rule`: its `level`, where it is an object that has one.
struct RuleLevel;

impl<'de> DeserializeSeed<'de> for RuleLevel {
    type Value = Option<u32>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let raw = <&serde_json::value::RawValue as serde::Deserialize>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Ok(None);
        }
        let mut rule = serde_json::Deserializer::from_str(raw.get());
        let level = (&mut rule)
            .deserialize_map(Object {
                key: "level",
                value: Scalar,
            })
            .map_err(serde::de::Error::custom)?;
        Ok(level.flatten())
    }
}

/// A scalar that may be a level.
struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Option<u32>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let raw = <&serde_json::value::RawValue as serde::Deserialize>::deserialize(deserializer)?;
        Ok(crate::lenient::level_of_raw(raw.get()))
    }
}
