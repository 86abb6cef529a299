//! Reading foreign JSON leniently: any field may be missing, null, of another type or huge.
//!
//! What can't be used reads as absent. Texts lose control characters and are cut to a length that fits what they are.

use jiff::Timestamp;
use serde_json::Value;

use crate::{ExternalReference, ObservableValue};

/// Longest name, label, phase, marking in characters.
const WORD: usize = 256;
/// Longest description in characters.
const PROSE: usize = 4096;
/// Longest address in characters.
const ADDRESS: usize = 2048;
/// Longest pattern in bytes; real ones with a thousand hashes have 100 kB.
const PATTERN: usize = 1024 * 1024;
/// Most labels, phases, markings of one indicator.
const MANY: usize = 64;
/// Most external references of one indicator.
const REFERENCES: usize = 5;

/// A short text, not empty.
pub(crate) fn word(value: &Value, key: &str) -> Option<String> {
    clean(value.get(key)?.as_str()?, WORD)
}

/// A long text, not empty.
pub(crate) fn prose(value: &Value, key: &str) -> Option<String> {
    clean(value.get(key)?.as_str()?, PROSE)
}

/// A pattern: as it is, or not at all; a cut one would mean something else.
pub(crate) fn pattern(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?;
    (text.len() <= PATTERN).then(|| text.to_owned())
}

/// A number from 0 to 100, also where it is written as text or is out of range.
pub(crate) fn percent(value: &Value, key: &str) -> Option<u8> {
    let number = match value.get(key)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // The range is what makes the cast exact.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    number
        .is_finite()
        .then(|| number.clamp(0.0, 100.0).round() as u8)
}

/// `true`, also as text; anything else is `false`.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    match value.get(key) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A moment in ISO 8601.
pub(crate) fn moment(value: &Value, key: &str) -> Option<Timestamp> {
    value.get(key)?.as_str()?.trim().parse().ok()
}

/// What a list holds: a plain list, or a connection `{edges: [{node: …}]}`. Nothing where it is neither.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = value.get(key);
    let plain = list.and_then(Value::as_array);
    let edges = list
        .and_then(|list| list.get("edges"))
        .and_then(Value::as_array);
    let nodes = edges
        .into_iter()
        .flatten()
        .filter_map(|edge| edge.get("node"));
    plain.into_iter().flatten().chain(nodes)
}

/// Short texts of a list: texts, or objects with the text under `inner`. Without doubles.
pub(crate) fn words(value: &Value, key: &str, inner: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for item in items(value, key) {
        let text = item
            .as_str()
            .or_else(|| item.get(inner).and_then(Value::as_str));
        let Some(text) = text.and_then(|text| clean(text, WORD)) else {
            continue;
        };
        if words.len() == MANY {
            break;
        }
        if !words.contains(&text) {
            words.push(text);
        }
    }
    words
}

/// The first few places where it is written about.
pub(crate) fn references(value: &Value, key: &str) -> Vec<ExternalReference> {
    items(value, key)
        .take(REFERENCES)
        .map(|item| ExternalReference {
            source: word(item, "source_name").unwrap_or_default(),
            url: item
                .get("url")
                .and_then(Value::as_str)
                .and_then(|text| clean(text, ADDRESS)),
            id: word(item, "external_id"),
        })
        .collect()
}

/// The compared values that OpenCTI lists (facts/opencti.md §4b): a file's stand under its algorithms.
pub(crate) fn observable_values(value: &Value, key: &str) -> Vec<ObservableValue> {
    let mut found = Vec::new();
    for item in items(value, key).take(MANY) {
        if let Some(text) = item.get("value").and_then(Value::as_str)
            && let Some(kind) = word(item, "type")
        {
            found.push((kind, text));
        }
        match item.get("hashes") {
            Some(Value::Object(hashes)) => found.extend(
                hashes
                    .iter()
                    .filter_map(|(kind, hash)| Some((kind.clone(), hash.as_str()?))),
            ),
            Some(Value::Array(_)) => {
                found.extend(items(item, "hashes").filter_map(|hash| {
                    Some((word(hash, "algorithm")?, hash.get("hash")?.as_str()?))
                }))
            }
            _ => {}
        }
    }
    found
        .into_iter()
        .filter(|(_, text)| !text.is_empty() && text.len() <= ADDRESS)
        .take(MANY)
        .map(|(kind, text)| ObservableValue {
            kind,
            value: text.to_owned(),
        })
        .collect()
}

/// Without control characters and outer white space, at most `longest` characters; `None` where nothing is left.
pub(crate) fn clean(text: &str, longest: usize) -> Option<String> {
    let cleaned: String = text
        .chars()
        .filter(|char| !char.is_control() || *char == '\n')
        .take(longest)
        .collect();
    let cleaned = cleaned.trim();
    (!cleaned.is_empty()).then(|| cleaned.to_owned())
}

/// The text of a JSON document that a parser refuses for lone surrogates (`"\ud83d"`): JavaScript writes them where it has cut a
/// text in the middle of an emoji. They become U+FFFD.
pub(crate) fn without_lone_surrogates(json: &str) -> String {
    let unit = |at: usize| {
        let escape = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut mended = String::with_capacity(json.len());
    let mut rest = 0;
    while let Some(found) = json[rest..].find('\\') {
        let at = rest + found;
        mended.push_str(&json[rest..at]);
        let (length, replaced) = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(0xd800..=0xdfff), _) => (6, true),
            (Some(_), _) => (6, false),
            (None, _) => (
                1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
                false,
            ),
        };
        mended.push_str(if replaced {
            "\\ufffd"
        } else {
            &json[at..at + length]
        });
        rest = at + length;
    }
    mended.push_str(&json[rest..]);
    mended
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_another_type_reads_as_absent() {
        let value = json!({"a": [], "b": {}, "c": 1, "d": null, "e": "x\u{0}y\u{7}", "f": "  "});
        for key in ["a", "b", "c", "d", "f", "missing"] {
            assert_eq!(word(&value, key), None, "{key}");
            assert_eq!(moment(&value, key), None, "{key}");
        }
        assert_eq!(word(&value, "e").as_deref(), Some("xy"));
        assert_eq!(word(&Value::Null, "a"), None);
    }

    #[test]
    fn a_score_is_read_whatever_it_is_written_as() {
        let value =
            json!({"a": 50, "b": "70", "c": -3, "d": 1e300, "e": null, "f": "high", "g": 49.6});
        let scores = ["a", "b", "c", "d", "e", "f", "g"].map(|key| percent(&value, key));
        assert_eq!(
            scores,
            [Some(50), Some(70), Some(0), Some(100), None, None, Some(50)]
        );
    }

    #[test]
    fn plain_lists_and_connections_mean_the_same() {
        let plain = json!({"l": [{"value": "c2"}, {"value": "c2"}, null, {"value": 5}]});
        let edges = json!({"l": {"edges": [{"node": {"value": "c2"}}, null, {"node": null}]}});
        for value in [plain, edges] {
            assert_eq!(words(&value, "l", "value"), ["c2"]);
        }
        assert_eq!(
            words(&json!({"l": ["phishing", ""]}), "l", "value"),
            ["phishing"]
        );
        let many: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(words(&json!({"l": many}), "l", "value").len(), MANY);
    }

    #[test]
    fn hashes_are_found_in_both_forms() {
        let value = json!({"v": [
            {"type": "StixFile", "hashes": {"SHA-256": "aa"}},
            {"type": "StixFile", "hashes": [{"algorithm": "MD5", "hash": "bb"}]},
            {"type": "IPv4-Addr", "value": "203.0.113.9"},
        ]});
        let found: Vec<(String, String)> = observable_values(&value, "v")
            .into_iter()
            .map(|found| (found.kind, found.value))
            .collect();
        let expected = [
            ("SHA-256", "aa"),
            ("MD5", "bb"),
            ("IPv4-Addr", "203.0.113.9"),
        ];
        assert_eq!(
            found,
            expected.map(|(kind, value)| (kind.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn lone_surrogates_are_mended_and_nothing_else_is_touched() {
        for (text, mended) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83d\ud83d\ude00\n""#, r#""\ufffd\ud83d\ude00\n""#),
            (r#""\ude00ä\"""#, r#""\ufffdä\"""#),
            ("\"\\", "\"\\"),
            ("\\ud83", "\\ud83"),
        ] {
            assert_eq!(without_lone_surrogates(text), mended);
        }
    }

    proptest::proptest! {
        #[test]
        fn mending_never_panics_and_keeps_valid_json(text in ".*", json in ".*") {
            let _ = without_lone_surrogates(&text);
            let json = serde_json::to_string(&json).unwrap();
            proptest::prop_assert_eq!(without_lone_surrogates(&json), json);
        }
    }
}
