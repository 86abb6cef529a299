//! Alerts of which people know what they were: `{"id": …, "label": "TP" or "FP", "alert": {"_source": {…}}}`, one a line
//! (facts/ai.md §3.6). An alert may also stand there without its wrapper.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an alert was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Label {
    /// An attack.
    #[serde(rename = "TP")]
    Attack,
    /// No attack.
    #[serde(rename = "FP")]
    Harmless,
}

/// A labelled alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Its id in the set.
    pub id: String,
    /// What it was.
    pub label: Label,
    /// The alert as Wazuh wrote it.
    pub alert: Value,
}

/// Why a line is no labelled alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelledFault {
    /// No JSON, or not all of it.
    #[error(
        "the line is no JSON object; is the file cut, or one JSON document instead of one a line?"
    )]
    NotJson,
    /// A field is missing or of another type.
    #[error("the line has no usable field {0}; wanted are id, label (TP or FP) and alert")]
    Field(&'static str),
}

impl Labelled {
    /// Reads one line.
    ///
    /// # Errors
    /// [`LabelledFault`] says what to mend in the file.
    pub fn read(line: &str) -> Result<Self, LabelledFault> {
        let line = line.trim_start_matches('\u{feff}').trim();
        let mut line: Value = serde_json::from_str(line).map_err(|_| LabelledFault::NotJson)?;
        if !line.is_object() {
            return Err(LabelledFault::NotJson);
        }
        let id = match &line["id"] {
            Value::String(id) if !id.is_empty() => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return Err(LabelledFault::Field("id")),
        };
        let label = match line["label"].as_str().map(str::trim) {
            Some(label) if label.eq_ignore_ascii_case("tp") => Label::Attack,
            Some(label) if label.eq_ignore_ascii_case("fp") => Label::Harmless,
            _ => return Err(LabelledFault::Field("label")),
        };
        let mut alert = line["alert"].take();
        if alert.get("_source").is_some_and(Value::is_object) {
            alert = alert["_source"].take();
        }
        if !alert.is_object() {
            return Err(LabelledFault::Field("alert"));
        }
        Ok(Self { id, label, alert })
    }
}
