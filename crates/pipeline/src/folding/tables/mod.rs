//! The families of events: what is part of the key beside rule and agent, and what is collected. The table of `docs/folding.md`
//! is held against these by a test.

mod cloud;
mod endpoint;
mod network;
mod posture;

pub(super) use cloud::*;
pub(super) use endpoint::*;
pub(super) use network::*;
pub(super) use posture::*;

use super::family::{Family, Word, same};
use crate::path::{Path, at};

const EVENT: Word = same(&[at!("data.win.system.eventID"), at!("data.system.eventID")]);

/// Labels of what is collected.
const FILES: &str = "files";
const HASHES: &str = "hashes";
const HOSTS: &str = "hosts";
const PORTS: &str = "ports";
const PROCESSES: &str = "processes";
const SOURCES: &str = "source IPs";
const URLS: &str = "URLs";
const USERS: &str = "users";
const VALUES: &str = "values";

/// Where the other end's address stands.
const SOURCE_FIELDS: &[Path<'static>] = &[
    at!("data.srcip"),
    at!("data.src_ip"),
    at!("data.remote_ip"),
    at!("data.ClientIP"),
    at!("data.remoteAddr"),
    at!("data.win.eventdata.ipAddress"),
    at!("data.srcip2"),
    at!("data.remip"),
];

/// Windows events without a family of their own.
pub(super) static WINDOWS: Family = Family {
    name: "Windows event",
    key: &[
        EVENT,
        same(&[at!("data.win.system.channel")]),
        same(&[at!("data.win.system.providerName")]),
    ],
    collected: &[(SOURCES, &[at!("data.win.eventdata.ipAddress")])],
    has_rest: true,
};

/// Whatever is no other family.
pub(super) static OTHER: Family = Family {
    name: "other",
    key: &[],
    collected: &[(SOURCES, SOURCE_FIELDS), (PORTS, &[at!("data.srcport")])],
    has_rest: true,
};

/// Every family, for the document and its test.
#[cfg(test)]
pub(super) static ALL: &[&Family] = &[
    &PROCESS,
    &IMAGE_LOAD,
    &PROCESS_ACCESS,
    &FILE,
    &REGISTRY,
    &DNS,
    &NETWORK,
    &SERVICE,
    &SCRIPT,
    &WMI,
    &PIPE,
    &SHARE,
    &ACCOUNT,
    &LOGIN,
    &AUTHENTICATION,
    &COMMAND,
    &AUDIT,
    &WEB,
    &IDS,
    &VULNERABILITY,
    &SCA,
    &ROOTCHECK,
    &OSQUERY,
    &VIRUSTOTAL,
    &ACTIVE_RESPONSE,
    &AWS,
    &AZURE,
    &GCP,
    &OFFICE365,
    &MS_GRAPH,
    &GITHUB,
    &DOCKER,
    &WINDOWS,
    &OTHER,
];

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../../docs/folding.md");

    fn fields(fields: &[Path<'_>], between: &str) -> String {
        let quoted: Vec<String> = fields
            .iter()
            .map(|field| format!("`{}`", field.text))
            .collect();
        quoted.join(between)
    }

    fn row(family: &Family) -> String {
        let mut key: Vec<String> = family
            .key
            .iter()
            .map(|word| fields(word.fields, " or "))
            .collect();
        if family.has_rest {
            key.push("`location`, the rest of `data`".to_owned());
        }
        if key.is_empty() {
            key.push("–".to_owned());
        }
        let collected: Vec<String> = family
            .collected
            .iter()
            .map(|(label, from)| format!("{label} ({})", fields(from, ", ")))
            .collect();
        let collected = if collected.is_empty() {
            "–".to_owned()
        } else {
            collected.join("; ")
        };
        format!("| {} | {} | {collected} |", family.name, key.join(", "))
    }

    #[test]
    fn the_documents_table_of_families_is_this_one() {
        let head = "| family | key beside rule and agent | collected |\n|---|---|---|\n";
        let rows: Vec<String> = ALL.iter().map(|family| row(family)).collect();
        let table = format!("{head}{}\n", rows.join("\n"));
        assert!(
            DOCUMENT.contains(&table),
            "docs/folding.md should hold:\n{table}"
        );
    }
}
