//! Filters: `FilterGroup` of 5.12 and later, and the lists before it, read into one thing.
//!
//! Invariants (facts §2.2): a key no schema definition has is an error; an unknown second part of a key finds
//! nothing before 6.0.9 and is an error since; `eq` ignores case and never matches a text over 512 characters.
//! Elastic's ASCII folding (é = e) and analysed `search` are not played: `search`, `match` and `wildcard` look
//! for the text itself.

use jiff::Timestamp;
use serde_json::Value;

use super::condition::Condition;
use super::errors::Failure;
use super::version::OpenCtiVersion;

/// Something that can be filtered.
pub(crate) trait Filterable {
    /// What it has under a key; nothing for null and for keys it does not know.
    fn values(&self, key: &str) -> Vec<FieldValue>;
}

/// One value of a field.
#[derive(Debug, Clone)]
pub(crate) enum FieldValue {
    Number(i64),
    Text(String),
    Time(Timestamp),
}

impl FieldValue {
    pub(crate) fn text(text: &str) -> FieldValue {
        FieldValue::Text(text.to_owned())
    }

    pub(crate) fn of_bool(truth: bool) -> FieldValue {
        FieldValue::text(if truth { "true" } else { "false" })
    }

    pub(crate) fn as_text(&self) -> String {
        match self {
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Text(text) => text.to_lowercase(),
            FieldValue::Time(time) => iso(*time).to_lowercase(),
        }
    }
}

/// A time as the platform writes it: milliseconds and Z.
pub(crate) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A filter, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    any: bool,
    conditions: Vec<Condition>,
    groups: Vec<Filter>,
}

impl Filter {
    /// Lets everything pass.
    pub(crate) fn everything() -> Filter {
        Filter {
            any: false,
            conditions: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Reads the argument `filters` in whichever shape this release takes; the schema has checked the types.
    pub(crate) fn read(
        argument: &Value,
        version: OpenCtiVersion,
        now: Timestamp,
    ) -> Result<Filter, Failure> {
        match argument {
            Value::Array(list) => legacy(list, version, now),
            Value::Object(_) => group(argument, version, now),
            _ => Ok(Filter::everything()),
        }
    }

    /// The made-up indicators that can match, where an exact pattern or id is asked for; none when any can. It
    /// spares a look-up among a million the making of each.
    pub(crate) fn numbers(&self) -> Option<Vec<u64>> {
        if self.any && self.conditions.len() + self.groups.len() > 1 {
            return None;
        }
        let own = self.conditions.iter().find_map(Condition::numbers);
        own.or_else(|| self.groups.iter().find_map(Filter::numbers))
    }

    /// Nothing that was last changed before this time can match; it spares who asks what is new in a long list the making of all of it.
    pub(crate) fn changed_since(&self) -> Option<Timestamp> {
        if self.any && self.conditions.len() + self.groups.len() > 1 {
            return None;
        }
        let own = self.conditions.iter().filter_map(Condition::changed_since);
        own.chain(self.groups.iter().filter_map(Filter::changed_since))
            .max()
    }

    pub(crate) fn matches(&self, object: &dyn Filterable) -> bool {
        let mut answers = self
            .conditions
            .iter()
            .map(|condition| condition.matches(object))
            .chain(self.groups.iter().map(|group| group.matches(object)));
        if self.any && !(self.conditions.is_empty() && self.groups.is_empty()) {
            answers.any(|answer| answer)
        } else {
            answers.all(|answer| answer)
        }
    }
}

fn group(value: &Value, version: OpenCtiVersion, now: Timestamp) -> Result<Filter, Failure> {
    let list = |name: &str| {
        value[name]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let conditions = list("filters")
        .iter()
        .map(|filter| Condition::read(filter, version, now))
        .collect::<Result<_, _>>()?;
    let groups = list("filterGroups")
        .iter()
        .map(|inner| group(inner, version, now))
        .collect::<Result<_, _>>()?;
    Ok(Filter {
        any: value["mode"] == "or",
        conditions,
        groups,
    })
}

fn legacy(list: &[Value], version: OpenCtiVersion, now: Timestamp) -> Result<Filter, Failure> {
    let conditions = list
        .iter()
        .map(|filter| Condition::legacy(filter, version, now))
        .collect::<Result<_, Failure>>()?;
    Ok(Filter {
        any: false,
        conditions,
        groups: Vec::new(),
    })
}
