//! One JSON value of an alert, opened no further than it is asked for.
//!
//! A value is a slice of the alert's text until somebody looks inside; then its object or list is split once into further
//! slices and kept. So an alert costs what is asked of it, and what an attacker put elsewhere in it (deep nesting, numbers
//! beyond `f64`, lone surrogates) neither fails nor hides the field that is asked for.

use std::{borrow::Cow, cell::OnceCell, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Lists within lists are opened this deep; deeper ones count as empty.
const DEEPEST_LIST: usize = 8;

/// A value, opened when asked.
pub(crate) struct Node<'a> {
    raw: &'a str,
    content: OnceCell<Content<'a>>,
}

enum Content<'a> {
    /// Null, an empty text, or what serde_json refuses to open.
    Nothing,
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Fields<'a>),
}

/// What stands at a field.
pub(crate) enum Seen<'v> {
    /// A text, number or boolean, as text.
    Text(&'v str),
    /// An object that has fields of its own.
    Object,
}

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// There is no such field, or it holds nothing.
    Missing,
    /// Everything at the field was shown.
    Shown,
    /// The one it was shown to had seen enough.
    Enough,
}

/// How keys are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    Exact,
    AnyCase,
}

impl<'a> Node<'a> {
    pub(crate) fn new(raw: &'a str) -> Self {
        Self {
            raw,
            content: OnceCell::new(),
        }
    }

    /// Shows each value at a dotted path until `look` answers true. A key may hold dots itself; of several ways to read the
    /// path the first in the alert that holds something counts. A list stands for each of its items.
    pub(crate) fn search<'v>(
        &'v self,
        path: &str,
        letters: Letters,
        look: &mut dyn FnMut(Seen<'v>) -> bool,
    ) -> Search {
        self.walk(Some(path), letters, 0, look)
    }

    fn walk<'v>(
        &'v self,
        path: Option<&str>,
        letters: Letters,
        lists: usize,
        look: &mut dyn FnMut(Seen<'v>) -> bool,
    ) -> Search {
        match self.content() {
            Content::Nothing => Search::Missing,
            Content::Text(text) if path.is_none() => shown(look(Seen::Text(text))),
            Content::Text(_) => Search::Missing,
            Content::List(_) if lists == DEEPEST_LIST => Search::Missing,
            Content::List(items) => {
                let mut search = Search::Missing;
                for item in items {
                    match item.walk(path, letters, lists + 1, look) {
                        Search::Missing => {}
                        Search::Shown => search = Search::Shown,
                        Search::Enough => return Search::Enough,
                    }
                }
                search
            }
            Content::Object(fields) => {
                let Some(path) = path else {
                    return match fields.0.is_empty() {
                        true => Search::Missing,
                        false => shown(look(Seen::Object)),
                    };
                };
                if !fields.1.may_lead_to(path) {
                    return Search::Missing;
                }
                for (key, node) in &fields.0 {
                    let Some(rest) = behind(path, &key.0, letters) else {
                        continue;
                    };
                    let search = node.walk(rest, letters, lists, look);
                    if search != Search::Missing {
                        return search;
                    }
                }
                Search::Missing
            }
        }
    }

    /// Shows each text below with its path, in the alert's order; a list's items stand at the list's path. Opens at most
    /// `deepest` objects and lists within each other, and ends where `look` answers true.
    pub(crate) fn leaves<'v>(
        &'v self,
        path: &mut String,
        deepest: usize,
        look: &mut dyn FnMut(&str, &'v str) -> bool,
    ) -> bool {
        match self.content() {
            Content::Nothing => false,
            Content::Text(text) => look(path, text),
            Content::List(_) | Content::Object(_) if deepest == 0 => false,
            Content::List(items) => items
                .iter()
                .any(|item| item.leaves(path, deepest - 1, look)),
            Content::Object(fields) => fields.0.iter().any(|(key, node)| {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&key.0);
                let enough = node.leaves(path, deepest - 1, look);
                path.truncate(length);
                enough
            }),
        }
    }

    /// The value of a key of this object, letter for letter.
    pub(crate) fn child(&self, name: &str) -> Option<&Node<'a>> {
        let Content::Object(fields) = self.content() else {
            return None;
        };
        let mut named = fields.0.iter().filter(|(key, _)| key.0 == name);
        named.next().map(|(_, node)| node)
    }

    fn content(&self) -> &Content<'a> {
        self.content.get_or_init(|| open(self.raw))
    }
}

fn shown(enough: bool) -> Search {
    if enough {
        Search::Enough
    } else {
        Search::Shown
    }
}

/// What is left of a path behind a key: `Some(None)` where the key is all of it, `None` where the key is not its beginning.
fn behind<'p>(path: &'p str, key: &str, letters: Letters) -> Option<Option<&'p str>> {
    let (begin, rest) = path.as_bytes().split_at_checked(key.len())?;
    let same = match letters {
        Letters::Exact => begin == key.as_bytes(),
        Letters::AnyCase => begin.eq_ignore_ascii_case(key.as_bytes()),
    };
    if !same {
        return None;
    }
    match rest.first() {
        None => Some(None),
        // Behind a whole dot is a character's begin.
        Some(b'.') => path.get(key.len() + 1..).map(Some),
        Some(_) => None,
    }
}

fn open(raw: &str) -> Content<'_> {
    match raw.as_bytes().first() {
        Some(b'{') => {
            serde_json::from_str::<Fields<'_>>(raw).map_or(Content::Nothing, Content::Object)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            Content::List(
                items
                    .into_iter()
                    .map(|item| Node::new(item.get()))
                    .collect(),
            )
        }
        Some(b'"') => match unescaped(raw) {
            text if text.is_empty() => Content::Nothing,
            text => Content::Text(text),
        },
        None | Some(b'n') => Content::Nothing,
        Some(_) => Content::Text(Cow::Borrowed(raw)),
    }
}

/// The content of a JSON string.
fn unescaped(raw: &str) -> Cow<'_, str> {
    let plain = raw
        .strip_prefix('"')
        .and_then(|raw| raw.strip_suffix('"'))
        .filter(|text| memchr::memchr(b'\\', text.as_bytes()).is_none());
    match plain {
        Some(text) => Cow::Borrowed(text),
        None => serde_json::from_str::<Text<'_>>(raw).map_or(Cow::Borrowed(raw), |text| text.0),
    }
}

/// The fields of an object, in the alert's order, and which keys there are.
struct Fields<'a>(Vec<(Text<'a>, Node<'a>)>, Keys);

/// Which keys an object may have: a bit for the first letter in any case and the length. Most fields that rules ask for are missing, and
/// this says so without a look at each key.
#[derive(Default)]
struct Keys(u128);

impl Keys {
    fn insert(&mut self, key: &str) {
        match key.as_bytes().first() {
            Some(first) => self.0 |= Self::bit(*first, key.len()),
            // Any path that begins with a dot leads there.
            None => self.0 = u128::MAX,
        }
    }

    /// Only a "no" is final.
    fn may_lead_to(&self, path: &str) -> bool {
        let bytes = path.as_bytes();
        let Some(first) = bytes.first() else {
            return true;
        };
        let has = |length| self.0 & Self::bit(*first, length) != 0;
        has(bytes.len()) || memchr::memchr_iter(b'.', bytes).any(has)
    }

    /// The lowest five bits of a letter are the same in either case.
    fn bit(first: u8, length: usize) -> u128 {
        1 << (usize::from(first & 31) | (length & 3) << 5)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                let mut keys = Keys::default();
                while let Some((key, raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    keys.insert(&key.0);
                    fields.push((key, Node::new(raw.get())));
                }
                Ok(Fields(fields, keys))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A JSON string, borrowed where it has no escapes. Read as bytes, because a lone surrogate is no Rust string: it is
/// replaced, and the rest of the text counts.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str, path: &str, letters: Letters) -> Vec<String> {
        let mut texts = Vec::new();
        Node::new(json).search(path, letters, &mut |seen| {
            texts.push(match seen {
                Seen::Text(text) => text.to_owned(),
                Seen::Object => "{…}".to_owned(),
            });
            false
        });
        texts
    }

    #[test]
    fn keys_with_dots_are_found_and_the_first_reading_that_holds_something_counts() {
        let json = r#"{"a":{"b":null},"a.b":{"c":1},"a.b.c":2}"#;
        assert_eq!(texts(json, "a.b.c", Letters::Exact), ["1"]);
        assert_eq!(texts(json, "a.b", Letters::Exact), ["{…}"]);
        assert_eq!(texts(json, "A.B.C", Letters::Exact), [""; 0]);
        assert_eq!(texts(json, "A.b.C", Letters::AnyCase), ["1"]);
    }

    #[test]
    fn what_the_keys_rule_out_at_a_glance_is_not_there() {
        let keys = [
            "", "a", "Image", "éa", "a.b", "a..b", "@t", "srcip", "SRCIP2",
        ];
        for key in keys {
            let json = serde_json::json!({ key: { "x": 1 } }).to_string();
            for path in keys.map(|key| format!("{key}.x")) {
                let is_same = path == format!("{key}.x");
                assert_eq!(
                    !texts(&json, &path, Letters::Exact).is_empty(),
                    is_same,
                    "{key} {path}"
                );
                assert!(
                    !is_same
                        || !texts(&json, &path.to_uppercase(), Letters::AnyCase).is_empty()
                        || !path.is_ascii()
                );
            }
        }
    }

    #[test]
    fn a_list_stands_for_its_items_also_on_the_way() {
        let json = r#"{"r":[{"id":"x"},{"id":[true,"y",[7]]},{"id":""},5]}"#;
        assert_eq!(texts(json, "r.id", Letters::Exact), ["x", "true", "y", "7"]);
        assert_eq!(texts(json, "r", Letters::Exact).len(), 4);
    }

    #[test]
    fn what_serde_refuses_elsewhere_does_not_hide_a_field() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let json = format!(
            r#"{{"a":{{"deep":{deep},"big":1e999,"\ud800":1,"low":"x\ud800y","srcip":"10.0.0.1"}}}}"#
        );
        assert_eq!(texts(&json, "a.srcip", Letters::Exact), ["10.0.0.1"]);
        assert_eq!(texts(&json, "a.big", Letters::Exact), ["1e999"]);
        assert!(texts(&json, "a.low", Letters::Exact)[0].starts_with('x'));
        assert_eq!(texts(&json, "a.deep", Letters::Exact), [""; 0]);
    }
}
