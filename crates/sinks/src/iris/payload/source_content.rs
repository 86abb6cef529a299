//! The whole alert as "source content".
//!
//! Sent byte for byte where IRIS can take it: within the size limit, nested at most [`DEEPEST`] levels (IRIS answers 400 from
//! 910 on), no number beyond an IEEE double (1e400 is refused); facts/iris.md §4. Otherwise the text is rewritten without ever
//! building a tree, so that 16 MiB or a million levels are no danger: deep parts and huge numbers become texts, then the longest
//! strings are cut to one common length, each with a mark that says how much is missing. NUL escapes and lone surrogates may stay:
//! the column is `json` and keeps them (facts/iris.md §4, LIVE).
//!
//! Input is the text of an `Alert`, so it is one valid JSON object; where that should not hold, [`minimal`] is sent.

use alertbridge_alert::Alert;
use serde_json::{json, value::RawValue};

use crate::iris::safe_text::{Changes, head_of};

/// Deepest nesting that is sent.
const DEEPEST: usize = 100;
/// A mark is never longer, so a string is only cut where that saves something.
const MARK_ROOM: usize = 80;

/// The alert as JSON of at most `limit` bytes.
pub(crate) fn source_content(alert: &Alert, limit: usize, changes: &mut Changes) -> Box<RawValue> {
    let text = alert.text();
    let text = text.trim();
    let flat = flattened(text);
    changes.add_many("source_content_deep_part_cut", flat.deep);
    changes.add_many("source_content_number_quoted", flat.numbers);
    let whole = flat.text.as_deref().unwrap_or(text);
    let fitted = if whole.len() <= limit {
        Some(whole.to_owned())
    } else {
        let (fitted, cuts) = with_strings_cut(whole, limit);
        changes.add_many("source_content_cut", cuts.max(1));
        fitted
    };
    fitted
        .and_then(|text| RawValue::from_string(text).ok())
        .unwrap_or_else(|| minimal(alert, limit))
}

/// What stays of an alert that is all keys or small values and still too large, or that is refused: its head.
pub(crate) fn minimal(alert: &Alert, limit: usize) -> Box<RawValue> {
    let head = alert.head();
    // An escape makes six bytes of one.
    let start = |text: Option<&str>| text.map(|text| head_of(text, limit / 64).to_owned());
    let content = json!({
        "alertbridge": mark(alert.raw().len()),
        "id": start(head.id.as_deref()),
        "timestamp": start(head.timestamp.as_deref()),
        "rule": {"id": start(head.rule_id.as_deref()), "level": head.level, "description": start(head.rule_description.as_deref())},
        "agent": {"id": start(head.agent.id.as_deref()), "name": start(head.agent.name.as_deref())},
    });
    serde_json::value::to_raw_value(&content).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn mark(bytes: usize) -> String {
    format!("…[cut by Alertbridge: {bytes} bytes, whole in the ledger]")
}

struct Flattened {
    /// None where nothing had to be changed.
    text: Option<String>,
    deep: usize,
    numbers: usize,
}

/// The text with deep parts and huge numbers replaced.
fn flattened(text: &str) -> Flattened {
    let bytes = text.as_bytes();
    let mut replaced: Option<String> = None;
    let (mut copied, mut at, mut depth, mut deep, mut numbers) = (0, 0, 0usize, 0, 0);
    while at < bytes.len() {
        let (end, replacement) = match bytes[at] {
            b'"' => (string_end(bytes, at), None),
            b'{' | b'[' if depth == DEEPEST => {
                let end = container_end(bytes, at);
                deep += 1;
                (end, Some(format!("\"{}\"", mark(end - at))))
            }
            b'{' | b'[' => {
                depth += 1;
                (at + 1, None)
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                (at + 1, None)
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                let finite = text[at..end].parse::<f64>().is_ok_and(f64::is_finite);
                numbers += usize::from(!finite);
                (end, (!finite).then(|| format!("\"{}\"", &text[at..end])))
            }
            _ => (at + 1, None),
        };
        if let Some(replacement) = replacement {
            let out = replaced.get_or_insert_with(String::new);
            out.push_str(&text[copied..at]);
            out.push_str(&replacement);
            copied = end;
        }
        at = end;
    }
    if let Some(out) = &mut replaced {
        out.push_str(&text[copied..]);
    }
    Flattened {
        text: replaced,
        deep,
        numbers,
    }
}

/// The text with its longest strings cut to one length, so that it fits; and how many were cut. None where that is not enough.
fn with_strings_cut(text: &str, limit: usize) -> (Option<String>, usize) {
    let spans = long_strings(text);
    // Bytes of the result where every string keeps at most `kept` bytes.
    let size = |kept: usize| {
        let saved: usize = spans
            .iter()
            .map(|(start, end)| (end - start).saturating_sub(kept + MARK_ROOM))
            .sum();
        text.len() - saved
    };
    if size(0) > limit {
        return (None, 0);
    }
    let (mut fits, mut too_long) = (0, limit);
    while too_long - fits > 1 {
        let middle = fits + (too_long - fits) / 2;
        if size(middle) <= limit {
            fits = middle
        } else {
            too_long = middle
        }
    }
    let mut out = String::with_capacity(limit);
    let (mut copied, mut cuts) = (0, 0);
    for (start, end) in spans {
        if end - start <= fits + MARK_ROOM {
            continue;
        }
        let keep = cut_point(&text[start..end], fits);
        out.push_str(&text[copied..start + keep]);
        out.push_str(&mark(end - start - keep));
        copied = end;
        cuts += 1;
    }
    out.push_str(&text[copied..]);
    (Some(out), cuts)
}

/// Where the contents of long string values begin and end, quotes left out. Keys are never cut.
fn long_strings(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let end = string_end(bytes, at);
        let is_key = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        if !is_key && end - at > MARK_ROOM + 2 {
            spans.push((at + 1, end - 1));
        }
        at = end;
    }
    spans
}

/// The last place at or before `limit` where a string's content can end: between two characters, not inside an escape, not
/// between the halves of a surrogate pair.
fn cut_point(content: &str, limit: usize) -> usize {
    let bytes = content.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = match bytes[at] {
            b'\\' if bytes.get(at + 1) == Some(&b'u') => {
                let high = matches!(bytes.get(at + 2), Some(b'd' | b'D'))
                    && matches!(
                        bytes.get(at + 3),
                        Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B')
                    );
                if high && bytes.get(at + 6) == Some(&b'\\') && bytes.get(at + 7) == Some(&b'u') {
                    12
                } else {
                    6
                }
            }
            b'\\' => 2,
            _ => content[at..].chars().next().map_or(1, char::len_utf8),
        };
        if at + length > limit {
            break;
        }
        at += length;
    }
    at
}

/// The place after the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place after the object or list that begins at `start`.
fn container_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    bytes[start..]
        .iter()
        .position(|byte| !is_part(byte))
        .map_or(bytes.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(raw: &str, limit: usize) -> (String, Changes) {
        let alert = Alert::parse(raw.as_bytes()).unwrap();
        let mut changes = Changes::default();
        (
            source_content(&alert, limit, &mut changes).get().to_owned(),
            changes,
        )
    }

    #[test]
    fn an_alert_that_iris_takes_is_sent_byte_for_byte() {
        let raw = r#"{"b":1.50,"a" : "\u0000\ud800 é","big":12345678901234567890123,"a":2}"#;
        let (sent, changes) = content(raw, 4096);
        assert_eq!(sent, raw);
        assert_eq!(changes, Changes::default());
    }

    #[test]
    fn the_longest_strings_are_cut_and_say_how_much_is_missing() {
        let raw = format!(
            r#"{{"id":"1.2","full_log":"{}","short":"kept"}}"#,
            "é\\n".repeat(50_000)
        );
        let (sent, changes) = content(&raw, 10_000);
        assert!(sent.len() <= 10_000 && sent.len() > 9_000, "{}", sent.len());
        let tree: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(tree["short"], "kept");
        assert!(
            tree["full_log"]
                .as_str()
                .unwrap()
                .contains("[cut by Alertbridge: ")
        );
        assert_eq!(changes.list()[0].what, "source_content_cut");
    }

    #[test]
    fn a_cut_never_leaves_half_an_escape() {
        for unit in ["\\ud83d\\ude00", "\\u0041", "\\\\", "\\\"", "é", "x"] {
            for padding in 0..13 {
                let raw = format!(r#"{{"a":"{}{}"}}"#, "y".repeat(padding), unit.repeat(3000));
                let (sent, _) = content(&raw, 4096);
                assert!(sent.len() <= 4096);
                assert!(
                    serde_json::from_str::<serde_json::Value>(&sent).is_ok(),
                    "{unit} {padding}"
                );
            }
        }
    }

    #[test]
    fn nesting_and_numbers_beyond_iris_become_texts() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let (sent, changes) = content(
            &format!(r#"{{"deep":{deep},"n":1e400,"m":-2.5e-3}}"#),
            262_144,
        );
        let tree: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(tree["n"], "1e400");
        assert_eq!(tree["m"], -2.5e-3);
        let words: Vec<String> = changes
            .list()
            .into_iter()
            .map(|change| change.what)
            .collect();
        assert_eq!(
            words,
            [
                "source_content_deep_part_cut",
                "source_content_number_quoted"
            ]
        );
    }

    #[test]
    fn an_alert_of_small_parts_that_is_too_large_keeps_its_head() {
        let many: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":{n}")).collect();
        let (sent, _) = content(
            &format!(
                r#"{{"id":"1.2","rule":{{"id":"5"}},"data":{{{}}}}}"#,
                many.join(",")
            ),
            4096,
        );
        assert!(sent.len() <= 4096);
        let tree: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(tree["id"], "1.2");
    }

    #[test]
    fn sixteen_mebibytes_are_no_trouble() {
        let (sent, _) = content(
            &format!(r#"{{"full_log":"{}"}}"#, "a".repeat(16 << 20)),
            262_144,
        );
        assert!(sent.len() <= 262_144);
    }
}
