//! Environment overrides: `ALERTBRIDGE__SECTION__KEY=value`.
//!
//! The value is read as TOML where it is a number, a boolean, a list or a table, else as text; names are case-blind.

use std::ffi::OsString;

use toml::{Table, Value};

const PREFIX: &str = "ALERTBRIDGE__";

/// The overrides in an environment: the key's path, lower case, and its value.
pub(super) fn overrides(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(Vec<String>, Value)>, String> {
    let mut overrides = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let value = value
            .into_string()
            .map_err(|_| format!("{PREFIX}{name} is not UTF-8"))?;
        let path: Vec<String> = name.split("__").map(str::to_ascii_lowercase).collect();
        // A key may be all digits.
        let is_text = path.last().is_some_and(|last| last == "key");
        overrides.push((
            path,
            if is_text {
                Value::String(value)
            } else {
                read(value)
            },
        ));
    }
    overrides.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(overrides)
}

fn read(text: String) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table.remove("value").unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

/// Sets one key, making the tables above it.
pub(super) fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((last, above)) = path.split_last() else {
        return Ok(());
    };
    let mut table = table;
    for name in above {
        table = table
            .entry(name)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .ok_or_else(|| {
                format!(
                    "{PREFIX}{}: `{name}` is not a section",
                    path.join("__").to_uppercase()
                )
            })?;
    }
    table.insert(last.clone(), value);
    Ok(())
}
