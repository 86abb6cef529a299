//! Filters in the two ways OpenCTI has written them: lists of keys (dialect A), filter groups (B and C).

use serde_json::{Value, json};

use super::version::Dialect;

/// One condition: the key holds one of the values, or stands in the relation `operator` to the one value.
#[derive(Clone, Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) key: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) values: Vec<String>,
}

impl<'a> Condition<'a> {
    pub(crate) fn one_of(key: &'a str, values: Vec<String>) -> Self {
        Self {
            key,
            operator: "eq",
            values,
        }
    }

    pub(crate) fn compared(key: &'a str, operator: &'a str, value: String) -> Self {
        Self {
            key,
            operator,
            values: vec![value],
        }
    }
}

/// All conditions hold.
pub(crate) fn all(dialect: Dialect, conditions: &[Condition<'_>]) -> Value {
    written(dialect, "and", conditions)
}

/// One of the conditions holds. In dialect A the mode is an argument of its own.
pub(crate) fn any(dialect: Dialect, conditions: &[Condition<'_>]) -> Value {
    written(dialect, "or", conditions)
}

fn written(dialect: Dialect, mode: &str, conditions: &[Condition<'_>]) -> Value {
    let one = |condition: &Condition<'_>| {
        json!({
            "key": key(dialect, condition.key),
            "operator": condition.operator,
            "values": condition.values,
        })
    };
    let filters: Vec<Value> = conditions.iter().map(one).collect();
    match dialect {
        Dialect::A => Value::Array(filters),
        Dialect::B | Dialect::C => json!({"mode": mode, "filterGroups": [], "filters": filters}),
    }
}

/// Keys of hashes were enum values once.
fn key(dialect: Dialect, key: &str) -> &str {
    match (dialect, key) {
        (Dialect::A, "hashes.MD5") => "hashes_MD5",
        (Dialect::A, "hashes.SHA-1") => "hashes_SHA1",
        (Dialect::A, "hashes.SHA-256") => "hashes_SHA256",
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_asked_for_by_the_keys_the_server_knows() {
        // `hashes.SHA256`, as others ask, finds nothing before 6.0.9 and is an error after (facts/opencti.md §3.2, 1).
        let conditions = [Condition::one_of("hashes.SHA-256", vec!["ab".to_owned()])];
        assert_eq!(
            any(Dialect::C, &conditions),
            json!({"mode": "or", "filterGroups": [], "filters": [{"key": "hashes.SHA-256", "operator": "eq", "values": ["ab"]}]})
        );
        assert_eq!(
            any(Dialect::A, &conditions),
            json!([{"key": "hashes_SHA256", "operator": "eq", "values": ["ab"]}])
        );
    }
}
