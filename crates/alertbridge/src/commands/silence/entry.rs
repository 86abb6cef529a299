//! One silence of a JSON list: in our own form, or in Alertmanager's.
//!
//! ```text
//! ours         {"id", "matchers": "rule.id = 5710", "starts_at", "ends_at", "created_by", "comment", "created_at"}
//! amtool's     {"id", "matchers": [{"name", "value", "isRegex", "isEqual"}], "startsAt", "endsAt", "createdBy", "comment", "updatedAt"}
//! ```
//!
//! (`amtool silence query -o json`; github.com/prometheus/alertmanager, api/v2/openapi.yaml, `postableSilence`.) Alertmanager's
//! `isEqual` came later than the rest: missing, it means true. What else stands in an entry is left alone.

use alertbridge_ledger::Silence;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{checked, login_name, new_id};

/// Alertmanager's lists are short; so are those of people.
const MOST_MATCHERS: usize = 100;
const LONGEST_ID: usize = 64;

/// Reads one. The error says what is wrong.
pub fn read(entry: &Value, now: Timestamp) -> Result<Silence, String> {
    let entry = entry.as_object().ok_or("it is no JSON object")?;
    let silence = Silence {
        id: id(entry)?,
        matchers: match entry.get("matchers") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => from_alertmanager(list)?,
            _ => return Err("it has no `matchers`, which must be a text or a list".into()),
        },
        starts_at: time(entry, &["starts_at", "startsAt"])?.unwrap_or(now),
        ends_at: time(entry, &["ends_at", "endsAt"])?.ok_or("it has no `ends_at` (or `endsAt`)")?,
        created_by: text(entry, &["created_by", "createdBy"])?.unwrap_or_else(login_name),
        comment: text(entry, &["comment"])?.unwrap_or_default(),
        created_at: time(entry, &["created_at", "updatedAt"])?.unwrap_or(now),
        hits: 0,
        last_hit: None,
    };
    checked(silence)
}

/// Its own id, so that what is taken twice is there once; a new one where it has none.
fn id(entry: &Map<String, Value>) -> Result<String, String> {
    let Some(id) = text(entry, &["id"])?.filter(|id| !id.is_empty()) else {
        return Ok(new_id());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.len() > LONGEST_ID || !id.chars().all(plain) {
        return Err(format!(
            "its id is no UUID: letters, digits, - and _, at most {LONGEST_ID}"
        ));
    }
    Ok(id)
}

fn text(entry: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, String> {
    for name in names {
        match entry.get(*name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => return Ok(Some(text.clone())),
            Some(_) => return Err(format!("its `{name}` is no text")),
        }
    }
    Ok(None)
}

fn time(entry: &Map<String, Value>, names: &[&str]) -> Result<Option<Timestamp>, String> {
    text(entry, names)?
        .map(|text| {
            text.parse().map_err(|_| {
                let name = names.first().copied().unwrap_or_default();
                format!("its `{name}` is no time such as 2026-11-20T00:00:00Z")
            })
        })
        .transpose()
}

/// Alertmanager's list in our language: names and values in quotes mean what they mean there.
fn from_alertmanager(list: &[Value]) -> Result<String, String> {
    if list.len() > MOST_MATCHERS {
        return Err(format!("it has more than {MOST_MATCHERS} matchers"));
    }
    let mut matchers = Vec::with_capacity(list.len());
    for (place, matcher) in list.iter().enumerate() {
        let wrong = |what: String| format!("its matcher {}: {what}", place + 1);
        let matcher = matcher
            .as_object()
            .ok_or_else(|| wrong("it is no JSON object".into()))?;
        let part = |name| {
            text(matcher, &[name])
                .map_err(wrong)?
                .ok_or_else(|| wrong(format!("it has no `{name}`")))
        };
        let flag = |name: &str, missing| match matcher.get(name) {
            None | Some(Value::Null) => Ok(missing),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong(format!("its `{name}` is neither true nor false"))),
        };
        let operator = match (flag("isEqual", true)?, flag("isRegex", false)?) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        let (name, value) = (part("name")?, part("value")?);
        matchers.push(format!("{} {operator} {}", quoted(&name), quoted(&value)));
    }
    Ok(format!("{{{}}}", matchers.join(", ")))
}

/// As docs/matchers.md says: in quotes only these three are written otherwise.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn amtools(matchers: Value) -> Value {
        json!({
            "id": "3a7a7a5e-8a4b-4c1e-9a53-5f5d6c0b9a11",
            "status": {"state": "active"},
            "updatedAt": "2026-11-20T08:00:00.000Z",
            "comment": "pentest",
            "createdBy": "ana",
            "endsAt": "2026-11-22T08:00:00.000Z",
            "startsAt": "2026-11-20T08:00:00.000Z",
            "matchers": matchers,
        })
    }

    #[test]
    fn alertmanagers_matchers_mean_here_what_they_mean_there() {
        let silence = read(
            &amtools(json!([
                {"name": "rule.id", "value": "5710", "isRegex": false, "isEqual": true},
                {"name": "agent.name", "value": r"web-\d+", "isRegex": true},
                {"name": "data.srcuser", "value": "a\\b \"c\"", "isRegex": false, "isEqual": false},
                {"name": "data.some field", "value": "svc-.*", "isRegex": true, "isEqual": false},
            ])),
            now(),
        )
        .unwrap();
        assert_eq!(
            silence.matchers,
            r#"{rule.id = "5710", agent.name =~ "web-\\d+", data.srcuser != "a\\b \"c\"", "data.some field" !~ "svc-.*"}"#
        );
        assert_eq!(silence.id, "3a7a7a5e-8a4b-4c1e-9a53-5f5d6c0b9a11");
        assert_eq!(silence.created_by, "ana");
        assert_eq!(silence.created_at.to_string(), "2026-11-20T08:00:00Z");
        assert_eq!(silence.ends_at.to_string(), "2026-11-22T08:00:00Z");
    }

    #[test]
    fn what_a_silence_lacks_or_has_of_another_kind_is_named() {
        let good = amtools(json!([{"name": "rule.id", "value": "1"}]));
        let without = |name: &str, value: Value| {
            let mut entry = good.clone();
            entry[name] = value;
            read(&entry, now()).unwrap_err()
        };
        assert!(without("endsAt", Value::Null).contains("ends_at"));
        assert!(without("endsAt", json!("tomorrow")).contains("no time"));
        assert!(without("endsAt", json!("2026-11-20T08:00:00Z")).contains("not after its start"));
        assert!(without("comment", json!(5)).contains("`comment` is no text"));
        assert!(without("comment", json!("x".repeat(5000))).contains("longer than"));
        assert!(without("id", json!("a/../b")).contains("no UUID"));
        assert!(without("matchers", json!(5)).contains("`matchers`"));
        assert!(without("matchers", json!([5])).contains("matcher 1: it is no JSON object"));
        assert!(without("matchers", json!([{"name": "a"}])).contains("no `value`"));
        assert!(
            without(
                "matchers",
                json!([{"name": "a", "value": "b", "isRegex": "no"}])
            )
            .contains("neither true nor false")
        );
        assert!(
            without(
                "matchers",
                json!([{"name": "a", "value": "(", "isRegex": true}])
            )
            .contains("matcher, column")
        );
        assert!(without("matchers", json!([])).contains("expected a matcher"));
        assert!(
            without(
                "matchers",
                json!([{"name": "a", "value": ".*", "isRegex": true}])
            )
            .contains("nearly everything")
        );
        assert!(read(&json!([]), now()).is_err());
        assert!(read(&good, now()).is_ok());
    }

    #[test]
    fn our_own_form_comes_back_as_it_was() {
        let silence = read(&amtools(json!([{"name": "rule.id", "value": "1"}])), now()).unwrap();
        let written = serde_json::to_value(&silence).unwrap();
        assert_eq!(read(&written, now()).unwrap(), silence);
    }
}
