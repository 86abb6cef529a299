//! The columns of an alert and what may be put into each, with the words of IRIS's validators.
//!
//! Invariant: what leaves [`load`] has the right type for its column; ranges, foreign keys and uniqueness are
//! the database's business and come later, see [`database_checks`] and `add.rs`.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::answer::Answer;
use crate::options::IrisOptions;
use crate::{errors, event_time, index_limit, json, python, tables};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    DateTime,
    Integer,
    Json,
    /// Text, comma separated.
    Tags,
    Text,
    Uuid,
}

/// One column of an alert.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    kind: Kind,
    required: bool,
    nullable: bool,
    /// B-tree index on the column, if there is one.
    index: Option<&'static str>,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        required: false,
        nullable: true,
        index: None,
    }
}

const fn required(name: &'static str, kind: Kind, index: Option<&'static str>) -> Column {
    Column {
        name,
        kind,
        required: true,
        nullable: false,
        index,
    }
}

/// Every column a client can set, in the order in which errors are listed.
pub(crate) const COLUMNS: &[Column] = &[
    required("alert_title", Kind::Text, Some("idx_alerts_title")),
    column("alert_description", Kind::Text),
    column("alert_source", Kind::Text),
    Column {
        name: "alert_source_ref",
        kind: Kind::Text,
        required: false,
        nullable: true,
        index: Some("idx_alert_source_ref"),
    },
    column("alert_source_link", Kind::Text),
    column("alert_source_content", Kind::Json),
    required("alert_severity_id", Kind::Integer, None),
    required("alert_status_id", Kind::Integer, None),
    column("alert_context", Kind::Json),
    Column {
        name: "alert_source_event_time",
        kind: Kind::DateTime,
        required: false,
        nullable: false,
        index: None,
    },
    Column {
        name: "alert_creation_time",
        kind: Kind::DateTime,
        required: false,
        nullable: false,
        index: None,
    },
    column("alert_note", Kind::Text),
    column("alert_tags", Kind::Tags),
    column("alert_owner_id", Kind::Integer),
    column("modification_history", Kind::Json),
    required("alert_customer_id", Kind::Integer, None),
    column("alert_classification_id", Kind::Integer),
    column("alert_resolution_status_id", Kind::Integer),
    Column {
        name: "alert_uuid",
        kind: Kind::Uuid,
        required: false,
        nullable: false,
        index: None,
    },
    Column {
        name: "alert_id",
        kind: Kind::Integer,
        required: false,
        nullable: false,
        index: None,
    },
];

/// Checks the client's members against the columns; unknown members are dropped, `partial` asks for none.
pub(crate) fn load(
    members: &Map<String, Value>,
    partial: bool,
    options: &IrisOptions,
) -> Result<Map<String, Value>, Answer> {
    let mut loaded = Map::new();
    let mut complaints: Vec<(&str, String)> = Vec::new();
    if let Some(tags) = members.get("alert_tags")
        && !tags.is_null()
        && (!tags.is_string() || json::is_non_finite(tags))
    {
        let text = format!(
            "'{}' object has no attribute 'split'",
            python::type_name(tags)
        );
        return Err(errors::bad_request(&text));
    }
    for column in COLUMNS {
        let Some(value) = members.get(column.name) else {
            if column.required && !partial {
                complaints.push((column.name, "Missing data for required field.".to_owned()));
            }
            continue;
        };
        match load_value(column, value, options) {
            Ok(value) => {
                loaded.insert(column.name.to_owned(), value);
            }
            Err(complaint) => complaints.push((column.name, complaint)),
        }
    }
    if complaints.is_empty() {
        return Ok(loaded);
    }
    let listed: Vec<String> = complaints
        .iter()
        .map(|(name, text)| format!("'{name}': [{}]", python::repr(text)))
        .collect();
    Err(errors::bad_request(&format!("{{{}}}", listed.join(", "))))
}

fn load_value(column: &Column, value: &Value, options: &IrisOptions) -> Result<Value, String> {
    if column.kind == Kind::Json {
        return Ok(value.clone());
    }
    if value.is_null() {
        return if column.nullable {
            Ok(Value::Null)
        } else {
            Err("Field may not be null.".to_owned())
        };
    }
    match column.kind {
        Kind::Text | Kind::Tags => text(value).map(Value::from),
        Kind::Integer => integer(value).map(Value::from),
        Kind::DateTime => value
            .as_str()
            .and_then(|text| event_time::stored(text, &options.database_time_zone))
            .map(Value::from)
            .ok_or_else(|| "Not a valid datetime.".to_owned()),
        Kind::Uuid => value
            .as_str()
            .and_then(|text| Uuid::parse_str(text).ok())
            .map(|uuid| Value::from(uuid.to_string()))
            .ok_or_else(|| "Not a valid UUID.".to_owned()),
        Kind::Json => Ok(value.clone()),
    }
}

/// A string, or the validator's complaint.
pub(crate) fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) if !json::is_non_finite(value) => Ok(text),
        _ => Err("Not a valid string.".to_owned()),
    }
}

/// What Python's `int()` makes of the value: `"4"` and `4.7` give 4; truth values are refused.
pub(crate) fn integer(value: &Value) -> Result<i64, String> {
    let complaint = || "Not a valid integer.".to_owned();
    if json::is_non_finite(value) {
        return Err(complaint());
    }
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Ok(integer),
            // Saturates, which is far outside any column as the real number is.
            (None, Some(float)) => Ok(float as i64),
            (None, None) => Err(complaint()),
        },
        Value::String(text) => {
            let digits = text.trim().replace('_', "");
            let unsigned = digits.trim_start_matches(['+', '-']);
            if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(complaint());
            }
            Ok(digits.parse().unwrap_or(i64::MAX))
        }
        _ => Err(complaint()),
    }
}

/// What the driver and the database refuse, row by row: NUL, surrogates, indexes, ranges, broken JSON.
pub(crate) fn database_checks(values: &Map<String, Value>) -> Result<(), Answer> {
    for column in COLUMNS {
        let Some(value) = values.get(column.name) else {
            continue;
        };
        match column.kind {
            Kind::Text | Kind::Tags => {
                if let Some(text) = value.as_str() {
                    storable_text(text)?;
                }
            }
            Kind::Json => {
                if json::holds_non_finite(value) {
                    return Err(errors::not_json_for_postgres(column.name, values));
                }
            }
            Kind::Integer => {
                // `alert_id` is a bigint; a saturated number stands for one beyond it.
                let is_bigint = column.name == "alert_id";
                let fits = |id: i64| {
                    if is_bigint {
                        id < i64::MAX
                    } else {
                        i32::try_from(id).is_ok()
                    }
                };
                if value.as_i64().is_some_and(|id| !fits(id)) {
                    return Err(errors::out_of_range(values));
                }
            }
            Kind::DateTime | Kind::Uuid => {}
        }
    }
    for column in COLUMNS {
        let text = values.get(column.name).and_then(Value::as_str);
        if let (Some(text), Some(index)) = (text, column.index) {
            indexable(text, index)?;
        }
    }
    Ok(())
}

/// Text that PostgreSQL can take at all.
pub(crate) fn storable_text(text: &str) -> Result<(), Answer> {
    for (position, character) in text.chars().enumerate() {
        if let Some(unit) = json::lone_surrogate(character) {
            return Err(errors::lone_surrogate(unit, position));
        }
    }
    if text.contains('\0') {
        return Err(errors::nul_in_text());
    }
    Ok(())
}

/// Text that fits into the named B-tree index.
pub(crate) fn indexable(text: &str, index: &str) -> Result<(), Answer> {
    match index_limit::excess(text) {
        Some(size) => Err(errors::index_row_too_large(size, index)),
        None => Ok(()),
    }
}

/// Ids that must exist in another table.
pub(crate) fn foreign_keys(
    values: &Map<String, Value>,
    options: &IrisOptions,
) -> Result<(), Answer> {
    let known_in = |table: &'static [&'static str], id: i64| tables::name_of(table, id).is_some();
    for (column, referenced) in [
        ("alert_severity_id", "severities"),
        ("alert_status_id", "alert_status"),
        ("alert_customer_id", "client"),
        ("alert_classification_id", "case_classification"),
        ("alert_resolution_status_id", "alert_resolution_status"),
        ("alert_owner_id", "user"),
    ] {
        let Some(id) = values.get(column).and_then(Value::as_i64) else {
            continue;
        };
        let known = match column {
            "alert_severity_id" => known_in(tables::severities(options.ids), id),
            "alert_status_id" => known_in(tables::STATUSES, id),
            "alert_classification_id" => known_in(tables::CLASSIFICATIONS, id),
            "alert_resolution_status_id" => known_in(tables::RESOLUTIONS, id),
            "alert_customer_id" => options.customers.iter().any(|(known, _)| *known == id),
            _ => options.all_user_ids().any(|known| known == id),
        };
        if !known {
            return Err(errors::foreign_key(
                "alerts", column, id, referenced, values,
            ));
        }
    }
    Ok(())
}
