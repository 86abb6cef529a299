//! One filter of a query: which keys are known, what each operator means (facts §2.2).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::errors::Failure;
use super::filter::{FieldValue, Filterable};
use super::synthetic;
use super::version::OpenCtiVersion;

/// Longer keywords are not indexed (facts §2.2).
const INDEXED_LENGTH: usize = 512;
const HASHES: [&str; 5] = ["MD5", "SHA-1", "SHA-256", "SHA-512", "SSDEEP"];
/// First parts of keys that some schema definition has.
const KEYS: &[&str] = &[
    "basedOn",
    "confidence",
    "created",
    "created_at",
    "createdBy",
    "creator_id",
    "description",
    "entity_type",
    "hashes",
    "id",
    "identity_class",
    "ids",
    "indicates",
    "indicator_types",
    "internal_id",
    "modified",
    "name",
    "objectLabel",
    "objectMarking",
    "parent_types",
    "pattern",
    "pattern_type",
    "pattern_version",
    "revoked",
    "sightedBy",
    "standard_id",
    "status_id",
    "updated_at",
    "valid_from",
    "valid_until",
    "value",
    "workflow_id",
    "x_mitre_platforms",
    "x_opencti_description",
    "x_opencti_detection",
    "x_opencti_main_observable_type",
    "x_opencti_score",
];

/// One filter: it holds if a value of one of its keys stands so to its own values.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    keys: Vec<String>,
    operator: String,
    all_values: bool,
    values: Vec<String>,
    /// The server's time, where a value is relative to it. Elsewhere none, so that the same question at another time is the same.
    now: Option<Timestamp>,
}

impl Condition {
    /// A `Filter` of a `FilterGroup`.
    pub(crate) fn read(
        filter: &Value,
        version: OpenCtiVersion,
        now: Timestamp,
    ) -> Result<Condition, Failure> {
        let condition = Condition::unchecked(filter, "mode", now);
        condition.check(version, true)?;
        Ok(condition)
    }

    /// A filter of the lists before 5.12.
    pub(crate) fn legacy(
        filter: &Value,
        version: OpenCtiVersion,
        now: Timestamp,
    ) -> Result<Condition, Failure> {
        let mut condition = Condition::unchecked(filter, "filterMode", now);
        for key in &mut condition.keys {
            *key = modern_key(key).to_owned();
        }
        condition.check(version, false)?;
        Ok(condition)
    }

    fn unchecked(filter: &Value, mode: &str, now: Timestamp) -> Condition {
        let keys = match &filter["key"] {
            Value::Array(keys) => keys
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Value::String(key) => vec![key.clone()],
            _ => Vec::new(),
        };
        let values = filter["values"].as_array().map(Vec::as_slice);
        let values: Vec<String> = values.unwrap_or_default().iter().map(text_of).collect();
        let is_relative = values.iter().any(|value| value.starts_with("now"));
        Condition {
            keys,
            operator: filter["operator"].as_str().unwrap_or("eq").to_owned(),
            all_values: filter[mode] == "and",
            values,
            now: is_relative.then_some(now),
        }
    }

    fn check(&self, version: OpenCtiVersion, one_key: bool) -> Result<(), Failure> {
        if one_key && self.keys.len() != 1 {
            return Err(Failure::unsupported("A filter takes exactly one key"));
        }
        for key in &self.keys {
            let (first, second) = split(key);
            if !KEYS.contains(&first) {
                return Err(Failure::unsupported(
                    "Incorrect filter keys not existing in any schema definition",
                ));
            }
            let known = match (first, second) {
                (_, None) => true,
                ("hashes", Some(algorithm)) => HASHES.contains(&algorithm),
                (_, Some(_)) => false,
            };
            if !known && version.refuses_unknown_sub_keys() {
                let attribute = second.unwrap_or_default();
                return Err(Failure::unsupported(&format!(
                    "Schema definition named [{first}] is missing mapping for attribute [{attribute}]"
                )));
            }
        }
        let too_new =
            self.operator == "within" || self.values.iter().any(|value| value.starts_with("now"));
        if too_new && !version.has_relative_dates() {
            return Err(Failure::unsupported("Relative dates are not supported"));
        }
        Ok(())
    }

    /// The made-up indicators that can match; none when any can.
    pub(crate) fn numbers(&self) -> Option<Vec<u64>> {
        let [key] = self.keys.as_slice() else {
            return None;
        };
        let number_of = match key.as_str() {
            "id" | "ids" | "internal_id" | "standard_id" => synthetic::number_of,
            "pattern" => synthetic::number_of_pattern,
            _ => return None,
        };
        if self.operator != "eq" {
            return None;
        }
        let mut numbers: Vec<u64> = self
            .values
            .iter()
            .filter_map(|value| number_of(value))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers)
    }

    /// Nothing that was last changed before this time can match.
    pub(crate) fn changed_since(&self) -> Option<Timestamp> {
        let [key] = self.keys.as_slice() else {
            return None;
        };
        let [value] = self.values.as_slice() else {
            return None;
        };
        let is_bound = key == "updated_at" && matches!(self.operator.as_str(), "gt" | "gte");
        is_bound.then(|| self.time(value)).flatten()
    }

    pub(crate) fn matches(&self, object: &dyn Filterable) -> bool {
        self.keys.iter().any(|key| self.holds(&object.values(key)))
    }

    fn holds(&self, fields: &[FieldValue]) -> bool {
        match self.operator.as_str() {
            "nil" => return fields.is_empty(),
            "not_nil" => return !fields.is_empty(),
            "within" => {
                let [from, to] = self.values.as_slice() else {
                    return false;
                };
                return self.compares("gte", fields, from) && self.compares("lte", fields, to);
            }
            _ => {}
        }
        let (negated, operator) = match self.operator.strip_prefix("not_") {
            Some(operator) => (true, operator),
            None => (false, self.operator.as_str()),
        };
        let mut answers = self
            .values
            .iter()
            .map(|value| self.compares(operator, fields, value) != negated);
        // "Not one of them" means none of them, whatever the mode says.
        if self.all_values || negated {
            answers.all(|answer| answer)
        } else {
            answers.any(|answer| answer)
        }
    }

    fn compares(&self, operator: &str, fields: &[FieldValue], value: &str) -> bool {
        fields.iter().any(|field| match operator {
            "gt" | "gte" | "lt" | "lte" => self.is_ordered(operator, field, value),
            "eq" | "only_eq_to" => equal(field, value),
            operator => {
                let (text, value) = (field.as_text(), value.to_lowercase());
                match operator {
                    "starts_with" => text.starts_with(&value),
                    "ends_with" => text.ends_with(&value),
                    _ => text.contains(value.trim_matches('*')),
                }
            }
        })
    }

    fn is_ordered(&self, operator: &str, field: &FieldValue, value: &str) -> bool {
        let ordering = match field {
            FieldValue::Number(number) => value.parse::<i64>().ok().map(|other| number.cmp(&other)),
            FieldValue::Time(time) => self.time(value).map(|other| time.cmp(&other)),
            FieldValue::Text(text) => Some(text.to_lowercase().cmp(&value.to_lowercase())),
        };
        ordering.is_some_and(|ordering| match operator {
            "gt" => ordering.is_gt(),
            "gte" => ordering.is_ge(),
            "lt" => ordering.is_lt(),
            _ => ordering.is_le(),
        })
    }

    /// A date, or `now`, `now-24h`, `now+7d`.
    fn time(&self, value: &str) -> Option<Timestamp> {
        let Some(offset) = value.strip_prefix("now") else {
            return value.parse().ok();
        };
        if offset.is_empty() {
            return self.now;
        }
        let unit = offset.chars().last()?;
        let amount: i64 = offset.get(..offset.len() - unit.len_utf8())?.parse().ok()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        let distance = SignedDuration::from_secs(amount.saturating_mul(seconds));
        self.now?.saturating_add(distance).ok()
    }
}

fn equal(field: &FieldValue, value: &str) -> bool {
    match field {
        FieldValue::Text(text) => {
            text.chars().count() <= INDEXED_LENGTH && text.to_lowercase() == value.to_lowercase()
        }
        FieldValue::Number(number) => value.parse() == Ok(*number),
        FieldValue::Time(time) => value.parse::<Timestamp>().is_ok_and(|other| other == *time),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn split(key: &str) -> (&str, Option<&str>) {
    match key.split_once('.') {
        Some((first, second)) => (first, Some(second)),
        None => (key, None),
    }
}

/// Keys were renamed in 5.12 (facts §2.2).
fn modern_key(key: &str) -> &str {
    match key {
        "hashes_MD5" => "hashes.MD5",
        "hashes_SHA1" => "hashes.SHA-1",
        "hashes_SHA256" => "hashes.SHA-256",
        "labelledBy" => "objectLabel",
        "markedBy" => "objectMarking",
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(filter: Value, now: &str) -> Condition {
        let version = OpenCtiVersion::new(6, 8, 0);
        Condition::read(&filter, version, now.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_question_asked_later_is_the_same_unless_it_speaks_of_now() {
        let plain = json!({"key": ["pattern_type"], "values": ["stix"]});
        let relative = json!({"key": ["updated_at"], "operator": "gt", "values": ["now-24h"]});
        let (early, late) = ("2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z");
        let shown = |filter: &Value, now| format!("{:?}", read(filter.clone(), now));
        assert_eq!(shown(&plain, early), shown(&plain, late));
        assert_ne!(shown(&relative, early), shown(&relative, late));
    }

    #[test]
    fn what_was_changed_before_a_bound_need_not_be_looked_at() {
        let moment = "2026-11-21T10:00:00Z";
        let since = |operator: &str| {
            let filter = json!({"key": ["updated_at"], "operator": operator, "values": [moment]});
            read(filter, moment).changed_since()
        };
        assert_eq!(since("gt"), Some(moment.parse().unwrap()));
        assert_eq!(since("gte"), Some(moment.parse().unwrap()));
        assert_eq!(since("lt"), None);
    }
}
