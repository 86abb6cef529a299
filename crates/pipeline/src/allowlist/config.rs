//! Allowlist entries as they stand in the configuration file.

use crate::{gate::RuleId, matcher::Matchers};

/// `[[quiet.allowlist]]`: alerts that need no attention, for good. Several keys must all hold; of a list any entry will do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowlistEntryConfig {
    /// Unique; shown where an alert is silenced by it.
    pub name: String,
    /// Why this is harmless. For the colleague who finds it in two years.
    pub comment: String,
    /// Globs on the program that acted: `*\backup\agent.exe`.
    #[serde(default)]
    pub processes: Vec<String>,
    /// Globs on the command line.
    #[serde(default)]
    pub command_lines: Vec<String>,
    /// Globs on the file something was done to.
    #[serde(default)]
    pub target_files: Vec<String>,
    /// MD5, SHA-1, SHA-256 or SHA-512 in hexadecimal digits.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// Addresses and networks, at either end of a connection.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Domains; those below count too.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Rule ids.
    #[serde(default)]
    pub rules: Vec<RuleId>,
    /// Globs on the agent's name or id.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Matchers, for everything else.
    #[serde(default)]
    pub matchers: Vec<Matchers>,
}

/// Ready-made allowlists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllowlistPreset {
    /// What the forwarder script with the AI worker drops (facts/peers.md §3.1). Hides attacks: any alert of a process with one of the
    /// usual names is gone.
    AsyncAi,
}
