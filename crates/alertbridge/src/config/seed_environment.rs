//! The environment of the Python worker that people have today: every name keeps its meaning (facts/peers.md §3.2).
//!
//! It lies over the file and under `ALERTBRIDGE__…`. A name that is there makes the section it belongs to. A switch with a word that
//! nobody knows is refused: whatever it was taken for, somebody would have meant the other.

use std::{collections::HashMap, ffi::OsString};

use alertbridge_triage::model::ModelConfig;
use toml::{Table, Value};

use super::environment::set;

/// How a value is read.
enum Form {
    Text,
    Whole,
    /// One of [`TRUE`] or [`FALSE`].
    Truth,
}

use Form::{Text, Truth, Whole};

/// The words of a switch, in any case. The seed had no `on`.
const TRUE: [&str; 4] = ["1", "true", "yes", "on"];
const FALSE: [&str; 4] = ["0", "false", "no", "off"];

/// Name, key, form.
const NAMES: [(&str, &str, Form); 18] = [
    ("IRIS_BASE_URL", "sinks.iris.url", Text),
    ("IRIS_BEARER", "sinks.iris.key", Text),
    ("IRIS_BEARER_FILE", "sinks.iris.key_file", Text),
    ("AI_WORKER_POLL_SECONDS", "triage.poll_interval", Whole),
    ("AI_WORKER_PAGE_SIZE", "triage.page_size", Whole),
    ("AI_WORKER_MAX_PER_CYCLE", "triage.max_per_cycle", Whole),
    ("AI_TAG_PENDING", "triage.tags.pending", Text),
    ("AI_TAG_PROCESSING", "triage.tags.processing", Text),
    ("AI_TAG_REVIEWED", "triage.tags.reviewed", Text),
    ("AI_ALLOW_CLOUD", "triage.model.allow_cloud", Truth),
    ("AI_PSEUDONYMIZE", "triage.pseudonyms", Truth),
    ("OLLAMA_URL", "triage.model.url", Text),
    ("OLLAMA_MODEL", "triage.model.model", Text),
    ("OLLAMA_TIMEOUT", "triage.model.whole_timeout", Whole),
    ("OLLAMA_MAX_CHARS", "triage.largest_input", Whole),
    ("OLLAMA_FAIL_LIMIT", "triage.failures", Whole),
    ("OLLAMA_COOLDOWN_SECONDS", "triage.rest", Whole),
    ("AI_OUTPUT", "triage.output", Text),
];

/// Lays what there is of it over the file's table. False where there is nothing.
///
/// # Errors
/// Names the variable and what it can be.
pub(super) fn lay_over(
    table: &mut Table,
    environment: &HashMap<String, OsString>,
) -> Result<bool, String> {
    let mut any = false;
    for (name, key, form) in NAMES {
        let Some(value) = environment.get(name) else {
            continue;
        };
        let text = value
            .to_str()
            .ok_or_else(|| format!("{name} is not UTF-8"))?
            .trim();
        if text.is_empty() {
            continue;
        }
        let value = match form {
            Text => Value::String(text.to_owned()),
            Whole => Value::Integer(
                text.parse()
                    .map_err(|_| format!("{name} must be a whole number"))?,
            ),
            Truth => Value::Boolean(switch(name, text)?),
        };
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if key.starts_with("sinks.iris.key") {
            forget_other_keys(table);
        }
        set(table, &path, value)?;
        if name == "OLLAMA_TIMEOUT" {
            wait_as_long_for_the_first_token(table)?;
        }
        any = true;
    }
    if let Some(value) = truth(environment, "IRIS_VERIFY_SSL")? {
        // The seed's default was not to look; ours is to look unless somebody says so.
        if !value {
            let path = ["sinks", "iris", "tls", "danger_accept_any_certificate"].map(str::to_owned);
            set(table, &path, Value::Boolean(true))?;
            any = true;
        }
    }
    if truth(environment, "OLLAMA_REDACT_SECRETS")? == Some(false) {
        return Err(
            "OLLAMA_REDACT_SECRETS is off, but secrets are always taken out before a model is asked; \
             unset it (rules of your own: `triage.redaction_rules`)"
                .into(),
        );
    }
    Ok(any)
}

/// IRIS takes one key: the environment's stands for whichever way the file gives it.
fn forget_other_keys(table: &mut Table) {
    let iris = table
        .get_mut("sinks")
        .and_then(Value::as_table_mut)
        .and_then(|sinks| sinks.get_mut("iris"))
        .and_then(Value::as_table_mut);
    if let Some(iris) = iris {
        for key in ["key", "key_file", "key_credential"] {
            iris.remove(key);
        }
    }
}

fn truth(environment: &HashMap<String, OsString>, name: &str) -> Result<Option<bool>, String> {
    let Some(value) = environment.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok_or_else(|| format!("{name} is not UTF-8"))?
        .trim();
    if text.is_empty() {
        return Ok(None);
    }
    switch(name, text).map(Some)
}

fn switch(name: &str, text: &str) -> Result<bool, String> {
    let among = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if among(&TRUE) {
        Ok(true)
    } else if among(&FALSE) {
        Ok(false)
    } else {
        Err(format!(
            "{name} must be one of {} or one of {}",
            TRUE.join(", "),
            FALSE.join(", ")
        ))
    }
}

/// The Python worker does not stream: its one limit covers loading the model and reading the prompt, too.
fn wait_as_long_for_the_first_token(table: &mut Table) -> Result<(), String> {
    let model = table
        .get("triage")
        .and_then(|triage| triage.get("model"))
        .and_then(Value::as_table);
    let of = |key: &str| model?.get(key)?.as_integer();
    let usual = i64::try_from(ModelConfig::default().first_byte_timeout).unwrap_or(i64::MAX);
    match of("whole_timeout") {
        Some(whole) if whole > of("first_byte_timeout").unwrap_or(usual).max(usual) => {
            let path = ["triage", "model", "first_byte_timeout"].map(str::to_owned);
            set(table, &path, Value::Integer(whole))
        }
        _ => Ok(()),
    }
}
