//! Dependencies between the workspace's crates point one way, as ARCHITECTURE.md lists them.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{collections::BTreeSet, path::Path};

/// Each crate and the crates of ours it may depend on.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("hook", &[]),
    ("alert", &[]),
    ("tls", &[]),
    ("pipeline", &["alert"]),
    ("ledger", &[]),
    ("intel", &["alert", "tls"]),
    ("sources", &["hook"]),
    ("sinks", &["alert", "tls"]),
    ("triage", &["tls"]),
    ("sandbox", &[]),
    (
        "alertbridge",
        &[
            "hook", "alert", "pipeline", "ledger", "intel", "sources", "sinks", "triage",
            "sandbox", "tls",
        ],
    ),
];

fn manifest(folder: &Path) -> toml::Table {
    std::fs::read_to_string(folder.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn each_crate_knows_only_those_below_it() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let there: BTreeSet<String> = std::fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        there, listed,
        "a new crate needs a row here and in ARCHITECTURE.md"
    );
    for (name, allowed) in ALLOWED {
        let manifest = manifest(&crates.join(name));
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            if let Some(ours) = dependency.strip_prefix("alertbridge-") {
                assert!(allowed.contains(&ours), "{name} must not depend on {ours}");
            }
        }
    }
}

#[test]
fn the_hook_has_no_dependencies_at_all() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = manifest(&crates.join("hook"));
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    assert!(
        dependencies.is_none_or(toml::Table::is_empty),
        "std only: it is started once per alert"
    );
}
