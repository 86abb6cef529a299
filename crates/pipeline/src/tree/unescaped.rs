//! Strings with escapes.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Visitor};

use super::scan::Part;

/// A string with escapes, without them; as it stands where serde_json refuses it.
pub(super) fn unescaped(text: &str, part: Part) -> String {
    let quoted = text.get((part.begin as usize).saturating_sub(1)..part.end as usize + 1);
    let quoted = quoted.unwrap_or_default();
    serde_json::from_str::<Text<'_>>(quoted)
        .map_or_else(|_| quoted.to_owned(), |text| text.0.into_owned())
}

/// A JSON string. Read as bytes, because a lone surrogate is no Rust string: it is replaced, and the rest of the text counts.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(String::from_utf8_lossy(bytes)))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(
                    String::from_utf8_lossy(bytes).into_owned(),
                )))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
