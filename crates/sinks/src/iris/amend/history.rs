//! What an alert's modification history says about changes of others.
//!
//! IRIS knows no compare-and-set (facts/iris.md §0.7), but each change leaves a line under the time it was made: user, and each field as
//! `"field" from "old" to "new"`, the note by its name alone (facts/iris.md §6). Our own line therefore tells what we overwrote. Lines
//! get lost where two changes cross, so a missing line proves nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) user_id: Option<i64>,
    pub(crate) user: String,
    pub(crate) action: String,
}

/// The lines by their time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History(pub(crate) BTreeMap<String, Line>);

impl<'de> Deserialize<'de> for History {
    /// Takes whatever stands there; what is no line is left out.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(lines) = Value::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let text = |line: &Value, key: &str| {
            line.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let read = lines.iter().map(|(time, line)| {
            let line = Line {
                user_id: line.get("user_id").and_then(Value::as_i64),
                user: text(line, "user"),
                action: text(line, "action"),
            };
            (time.clone(), line)
        });
        Ok(Self(read.collect()))
    }
}

/// The lines that came between two readings, ours and those of others.
#[derive(Debug, Default)]
pub(crate) struct News<'a> {
    pub(crate) ours: Vec<&'a Line>,
    pub(crate) others: Vec<&'a Line>,
}

impl<'a> News<'a> {
    pub(crate) fn between(before: &History, after: &'a History, own_user: i64) -> Self {
        let new = after
            .0
            .iter()
            .filter(|(time, line)| before.0.get(*time) != Some(line));
        let (ours, others) = new
            .map(|(_, line)| line)
            .partition(|line| line.user_id == Some(own_user));
        Self { ours, others }
    }

    /// Whether there is a line of ours that tells of a change; a comment leaves one as well (facts/iris.md §6).
    pub(crate) fn has_change_of_ours(&self) -> bool {
        self.ours
            .iter()
            .any(|line| !line.action.trim_start().starts_with("comment"))
    }

    /// What the field held before our change, if our line tells.
    pub(crate) fn overwritten(&self, field: &str) -> Option<String> {
        self.ours
            .iter()
            .find_map(|line| line.change(field))
            .map(|(from, _)| from)
    }

    /// What others set the field to last.
    pub(crate) fn set_by_others(&self, field: &str) -> Option<String> {
        self.others
            .iter()
            .rev()
            .find_map(|line| line.change(field))
            .map(|(_, to)| to)
    }

    /// Who else changed the note, if anyone did.
    pub(crate) fn note_changed_by(&self) -> Option<&str> {
        let line = self
            .others
            .iter()
            .find(|line| line.action.contains("\"alert_note\""))?;
        Some(&line.user)
    }
}

impl Line {
    /// Old and new value of a field, as texts.
    fn change(&self, field: &str) -> Option<(String, String)> {
        let (_, rest) = self.action.split_once(&format!("\"{field}\" from \""))?;
        let (from, rest) = rest.split_once("\" to \"")?;
        let end = rest
            .find("\", \"alert_")
            .or_else(|| rest.rfind('"'))
            .unwrap_or(rest.len());
        Some((from.to_owned(), rest[..end].to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user_id: i64, action: &str) -> Line {
        Line {
            user_id: Some(user_id),
            user: format!("u{user_id}"),
            action: action.to_owned(),
        }
    }

    #[test]
    fn our_line_tells_what_we_overwrote_and_others_lines_what_they_set() {
        let before = History::default();
        let after = History(BTreeMap::from([
            (
                "1.1".to_owned(),
                line(
                    7,
                    r#"updated alert: "alert_tags" from "a,b" to "a,b,c", "alert_note""#,
                ),
            ),
            (
                "1.2".to_owned(),
                line(
                    2,
                    r#"updated alert: "alert_note", "alert_tags" from "a,b,c" to "a,b,us", "alert_owner_id" from "7" to "-1""#,
                ),
            ),
        ]));
        let news = News::between(&before, &after, 2);
        assert_eq!(news.overwritten("alert_tags").as_deref(), Some("a,b,c"));
        assert_eq!(news.overwritten("alert_owner_id").as_deref(), Some("7"));
        assert_eq!(news.set_by_others("alert_tags").as_deref(), Some("a,b,c"));
        assert_eq!(news.note_changed_by(), Some("u7"));
        assert!(news.has_change_of_ours());
        assert_eq!(News::between(&after, &after, 2).note_changed_by(), None);
    }

    #[test]
    fn a_comment_of_ours_is_no_change_of_the_alert() {
        let after = History(BTreeMap::from([("1.1".to_owned(), line(2, "commented"))]));
        assert!(!News::between(&History::default(), &after, 2).has_change_of_ours());
    }

    #[test]
    fn a_history_of_any_shape_is_read() {
        for (text, lines) in [
            ("null", 0),
            ("[1]", 0),
            (r#"{"1.0":{"user":3},"2.0":"x"}"#, 2),
        ] {
            let history: History = serde_json::from_str(text).unwrap();
            assert_eq!(history.0.len(), lines, "{text}");
        }
    }
}
