//! An alert's identity.
//!
//! `<node>:<alert id>` is stable whichever way the alert arrived: the hook's copy is written anew by integratord and so has
//! other bytes, but the same id. Ids are unique per node only (facts/wazuh.md §2), hence the node.
//! A manager restored from a snapshot can give an id twice: then the [`Fingerprint`] differs, and the later alert is kept
//! under [`Reference::with_suffix`].

use std::fmt;

use crate::{Alert, Head};

/// The longest reference in bytes. IRIS indexes `alert_source_ref` and refuses about 2,690 bytes and more (facts/iris.md §0.9).
const LONGEST: usize = 512;

/// `<node>:<alert id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

impl Reference {
    pub(crate) fn of(alert: &Alert) -> Self {
        let head = alert.head();
        let reference = match &head.id {
            Some(id) => format!("{}:{}", head.node(), id),
            None => format!("{}:content-{}", head.node(), content_hash(alert)),
        };
        // Control characters would be changed on the way to IRIS, and then the reference would not be found again.
        if reference.len() <= LONGEST && !reference.chars().any(char::is_control) {
            return Self(reference);
        }
        let hash = blake3::hash(reference.as_bytes()).to_hex();
        let kept: String = reference
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect();
        Self(format!("{kept}-{}", &hash[..32]))
    }

    /// The reference of a different alert under the same one: `node:id~1a2b3c4d`. Depends on the alert alone, so that a
    /// second copy of the later alert gets the same suffix.
    pub fn with_suffix(&self, fingerprint: &Fingerprint) -> Self {
        Self(format!("{}~{}", self.0, &fingerprint.to_string()[..8]))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hash of what two copies of one alert have in common: timestamp, rule and agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(crate) fn of(head: &Head) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [&head.timestamp, &head.rule_id, &head.agent.id] {
            match part {
                Some(text) => hasher
                    .update(&(text.len() as u64).to_le_bytes())
                    .update(text.as_bytes()),
                None => hasher.update(&u64::MAX.to_le_bytes()),
            };
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(bytes)
    }

    /// The hash's bytes, to be stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hash of an alert's values that survives integratord's re-serialising: other escapes, numbers of 15 digits, strings
/// cut at NUL (facts/wazuh.md §1.3).
fn content_hash(alert: &Alert) -> String {
    let mut hasher = blake3::Hasher::new();
    match alert.tree() {
        serde_json::Value::Null => {
            hasher.update(alert.raw());
        }
        tree => update(&mut hasher, &tree),
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn update(hasher: &mut blake3::Hasher, tree: &serde_json::Value) {
    let text = |hasher: &mut blake3::Hasher, text: &str| {
        let text = text.split('\0').next().unwrap_or_default();
        hasher
            .update(b"s")
            .update(&(text.len() as u64).to_le_bytes())
            .update(text.as_bytes());
    };
    match tree {
        serde_json::Value::Null => drop(hasher.update(b"n")),
        serde_json::Value::Bool(flag) => drop(hasher.update(if *flag { b"t" } else { b"f" })),
        serde_json::Value::Number(number) => {
            hasher.update(format!("{:.14e}", number.as_f64().unwrap_or(0.0)).as_bytes());
        }
        serde_json::Value::String(content) => text(hasher, content),
        serde_json::Value::Array(items) => {
            hasher
                .update(b"[")
                .update(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| update(hasher, item));
        }
        serde_json::Value::Object(map) => {
            hasher
                .update(b"{")
                .update(&(map.len() as u64).to_le_bytes());
            for (name, value) in map {
                text(hasher, name);
                update(hasher, value);
            }
        }
    }
}
