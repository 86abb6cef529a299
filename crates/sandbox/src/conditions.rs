//! `custom_conditions` of `/alerts/filter`: a JSON list of field, operator and value, all of which must hold.
//!
//! Since v2.4.17 (facts §5); the caller ignores the parameter on older servers.

use serde_json::Value;
use uuid::Uuid;

use crate::answer::Answer;
use crate::schema::COLUMNS;
use crate::store::Alert;
use crate::{errors, like};

/// One checked condition.
#[derive(Debug)]
pub(crate) struct Condition {
    field: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Like(String),
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
}

/// Reads the parameter; a bad field, operator or document is a 400.
pub(crate) fn parse(text: &str) -> Result<Vec<Condition>, Answer> {
    let Ok(Value::Array(items)) = crate::json::decode(text.as_bytes()) else {
        return Err(errors::bad_request("Invalid custom_conditions"));
    };
    items.iter().map(condition).collect()
}

fn condition(item: &Value) -> Result<Condition, Answer> {
    let field = item
        .get("field")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if field != "alert_id" && !COLUMNS.iter().any(|column| column.name == field) {
        return Err(errors::bad_request(&format!(
            "Field {field} not found in Alert"
        )));
    }
    let operator = item
        .get("operator")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let value = item.get("value").cloned().unwrap_or(Value::Null);
    let list = |value: &Value| {
        value
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![value.clone()])
    };
    let test = match operator {
        "eq" => Test::OneOf(vec![value]),
        "not" => Test::NoneOf(vec![value]),
        "in" => Test::OneOf(list(&value)),
        "not_in" => Test::NoneOf(list(&value)),
        "like" => Test::Like(value.as_str().unwrap_or_default().to_owned()),
        other => {
            return Err(errors::bad_request(&format!(
                "Unsupported operator: {other}"
            )));
        }
    };
    let mut condition = Condition {
        field: field.to_owned(),
        test,
    };
    if field == "alert_uuid" {
        condition.normalise_uuids()?;
    }
    Ok(condition)
}

impl Condition {
    fn normalise_uuids(&mut self) -> Result<(), Answer> {
        let (Test::OneOf(values) | Test::NoneOf(values)) = &mut self.test else {
            return Ok(());
        };
        for value in values {
            let uuid = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
            let uuid = uuid.ok_or_else(|| errors::bad_request("Filtering error"))?;
            *value = uuid.to_string().into();
        }
        Ok(())
    }

    /// Whether the alert satisfies the condition; a null column satisfies none, as in SQL.
    pub(crate) fn holds(&self, alert: &Alert) -> bool {
        let id = Value::from(alert.id);
        let stored = if self.field == "alert_id" {
            Some(&id)
        } else {
            alert.columns.get(&self.field)
        };
        let Some(stored) = stored.filter(|value| !value.is_null()) else {
            return false;
        };
        match &self.test {
            Test::OneOf(values) => values.iter().any(|value| same(stored, value)),
            Test::NoneOf(values) => !values.iter().any(|value| same(stored, value)),
            Test::Like(pattern) => stored
                .as_str()
                .is_some_and(|text| like::contains(pattern, text)),
        }
    }
}

/// PostgreSQL reads a quoted number for an integer column.
fn same(stored: &Value, wanted: &Value) -> bool {
    stored == wanted
        || stored
            .as_i64()
            .is_some_and(|id| wanted.as_str().and_then(|t| t.parse().ok()) == Some(id))
}
