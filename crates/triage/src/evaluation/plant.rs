//! Where an attacker can write: the same alert with a text in it.

use serde_json::{Map, Value};

/// A name of one letter stands in every word of a log.
const MOST_PLACES: usize = 8;

/// A field that whoever causes an alert writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The command line of a process.
    CommandLine,
    /// The user agent of a request.
    UserAgent,
    /// The name of a file.
    FileName,
    /// The user name of a login.
    SshUser,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::CommandLine,
        Self::UserAgent,
        Self::FileName,
        Self::SshUser,
    ];

    /// The field in this alert: what is there already, else what the alert's kind would have.
    fn path(self, alert: &Value) -> &'static [&'static str] {
        let paths: &[&[&str]] = match self {
            Self::CommandLine => &[
                &["data", "win", "eventdata", "commandLine"],
                &["data", "audit", "command"],
                &["data", "command"],
            ],
            Self::UserAgent => &[
                &["data", "http", "http_user_agent"],
                &["data", "http", "user_agent"],
            ],
            Self::FileName => &[
                &["syscheck", "path"],
                &["data", "win", "eventdata", "targetFilename"],
                &["data", "file"],
            ],
            Self::SshUser => &[&["data", "srcuser"], &["data", "dstuser"]],
        };
        let parent_is_there = |path: &&&[&str]| {
            path.split_last()
                .is_some_and(|(_, parents)| at(alert, parents).is_some())
        };
        let is_there = |path: &&&[&str]| at(alert, path).is_some();
        paths
            .iter()
            .find(is_there)
            .or_else(|| paths.iter().find(parent_is_there))
            .or(paths.last())
            .copied()
            .unwrap_or(&[])
    }

    /// The field with the text in it.
    fn with(self, old: &str, payload: &str) -> String {
        match self {
            // Whoever runs a command or names a file adds to something that works.
            Self::CommandLine | Self::FileName if !old.is_empty() => format!("{old} {payload}"),
            Self::UserAgent => format!("Mozilla/5.0 {payload}"),
            _ => payload.to_owned(),
        }
    }
}

/// The alert with the text where its author can write: in the field, and in the raw log that the field is from. What is no object
/// stays as it is.
pub fn plant(alert: &Value, payload: &str, place: Place) -> Value {
    let path = place.path(alert);
    let old = at(alert, path).and_then(Value::as_str).unwrap_or("");
    let new = place.with(old, payload);
    let mut planted = alert.clone();
    if !planted.is_object() {
        return planted;
    }
    for log in [&["full_log"][..], &["data", "win", "system", "message"]] {
        let Some(text) = at(alert, log).and_then(Value::as_str) else {
            continue;
        };
        let text = if !old.is_empty() && text.contains(old) {
            text.replacen(old, &new, MOST_PLACES)
        } else {
            format!("{text} {payload}")
        };
        set(&mut planted, log, text);
    }
    if at(&planted, &["full_log"]).is_none() && at(alert, &["data", "win"]).is_none() {
        set(&mut planted, &["full_log"], new.clone());
    }
    set(&mut planted, path, new);
    planted
}

fn at<'a>(alert: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(alert, |value, name| value.get(name))
}

/// What stands in the way and is no object becomes one.
fn set(alert: &mut Value, path: &[&str], text: String) {
    let mut value = alert;
    for name in path {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        value = &mut value[*name];
    }
    *value = Value::String(text);
}
