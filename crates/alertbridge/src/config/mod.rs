//! The configuration: one TOML file, environment overrides, defaults for everything that has a sensible one.
//!
//! `docs/configuration.md` lists every key; `packaging/alertbridge.toml` is a file to start from, and a test loads it.

mod environment;
mod nearest;
mod seed_environment;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    path::{Path, PathBuf},
};

use alertbridge_pipeline::{Gate, QuietConfig, QuietRules};
use alertbridge_sinks::{
    iris::IrisConfig,
    wazuh::{WazuhQueueConfig, WazuhQueueSink},
};
use alertbridge_sources::Begin;
use serde::Deserialize;

use crate::{exit::Exit, failure::Failure, intel::IntelConfig, triage::TriageConfig};

/// Where the configuration is looked for when `--config` is not given.
pub const DEFAULT_PATH: &str = "/etc/alertbridge/alertbridge.toml";

/// The most bytes of a Unix socket's path, without its final NUL.
const LONGEST_SOCKET: usize = 107;

/// A hundred years: sums of time stay within bounds.
const LONGEST_DAYS: u32 = 36_500;

/// Everything the operator can set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the books are kept.
    pub ledger: LedgerConfig,
    /// Where alerts come from.
    pub sources: SourcesConfig,
    /// Where alerts go.
    pub sinks: SinksConfig,
    /// `[gates.iris]`: which of the alerts that got through their source's gate go to this sink; all where there is none.
    pub gates: BTreeMap<String, Gate>,
    /// Fewer alerts: allowlists, mute times, folding, budgets (docs/silences.md, docs/folding.md).
    pub quiet: QuietConfig,
    /// Threat intelligence (docs/intelligence.md); off where it is not there.
    pub intel: Option<IntelConfig>,
    /// Reviews by a language model (docs/triage.md); off where it is not there.
    pub triage: Option<TriageConfig>,
    /// The HTTP listener for metrics and health.
    pub http: HttpConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// `[ledger]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// The database file. Its folder must be on a local disk (SQLite's write-ahead log does not work over a network).
    pub path: PathBuf,
    /// Days the payload of a finished alert is kept, to be read and replayed.
    pub payload_days: u32,
    /// Days the payload of a silenced or folded alert is kept.
    pub quiet_payload_days: u32,
    /// Days the reference of a finished alert is kept: for so long an old archive read again makes no doubles even where
    /// the alert was deleted in IRIS.
    pub reference_days: u32,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            path: "/var/lib/alertbridge/ledger.db".into(),
            payload_days: 30,
            quiet_payload_days: 7,
            reference_days: 400,
        }
    }
}

/// `[sources]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesConfig {
    /// `alerts.json`, followed.
    pub follower: FollowerSection,
    /// The integration script's socket and its spool folder.
    pub hook: HookSection,
}

/// `[sources.follower]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FollowerSection {
    /// Whether it runs.
    pub enabled: bool,
    /// The live file.
    pub path: PathBuf,
    /// The folder with `YYYY/Mon/ossec-alerts-DD.json`; the live file's folder where not set.
    pub archives: Option<PathBuf>,
    /// Where to begin at the very first start: `end`, `start`, or a time such as `2026-11-20T00:00:00Z`.
    #[serde(deserialize_with = "begin")]
    pub begin: Begin,
    /// Alerts of a lower `rule.level` are filtered: counted, not stored. 7 where there is no `gate`.
    pub minimum_level: Option<u32>,
    /// Which alerts get through, by any field; takes the place of `minimum_level`.
    pub gate: Option<Gate>,
    /// Longest line in bytes; a longer one is kept as a dead letter, cut to 64 KiB.
    pub line_limit: usize,
}

impl Default for FollowerSection {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/var/ossec/logs/alerts/alerts.json".into(),
            archives: None,
            begin: Begin::End,
            minimum_level: None,
            gate: None,
            line_limit: 16 << 20,
        }
    }
}

/// `[sources.hook]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookSection {
    /// Whether it runs.
    pub enabled: bool,
    /// The Unix socket `alertbridge-hook` connects to.
    pub socket: PathBuf,
    /// The folder it writes to when the daemon does not answer.
    pub spool: PathBuf,
    /// Alerts of a lower `rule.level` are filtered. 0 by default: what `ossec.conf` sends is what the operator chose there.
    pub minimum_level: Option<u32>,
    /// Which alerts get through, by any field; takes the place of `minimum_level`.
    pub gate: Option<Gate>,
}

impl Default for HookSection {
    fn default() -> Self {
        Self {
            enabled: true,
            socket: "/run/alertbridge/hook.sock".into(),
            spool: "/var/lib/alertbridge/spool".into(),
            minimum_level: None,
            gate: None,
        }
    }
}

impl FollowerSection {
    /// What gets through.
    pub fn gate(&self) -> Gate {
        gate(self.gate.as_ref(), self.minimum_level.unwrap_or(7))
    }
}

impl HookSection {
    /// What gets through.
    pub fn gate(&self) -> Gate {
        gate(self.gate.as_ref(), self.minimum_level.unwrap_or(0))
    }
}

fn gate(gate: Option<&Gate>, minimum_level: u32) -> Gate {
    gate.cloned()
        .unwrap_or_else(|| Gate::new(minimum_level, None, Vec::new()))
}

/// `[sinks]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinksConfig {
    /// DFIR-IRIS.
    pub iris: Option<IrisConfig>,
    /// The queue of the Wazuh manager, for hits of threat intelligence.
    pub wazuh: Option<WazuhQueueConfig>,
}

/// `[http]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port of `/metrics`, `/health`, `/live` and `/ready`; empty for none. It has no authentication: keep it on
    /// loopback or behind a proxy.
    pub listen: String,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9639".into(),
        }
    }
}

/// `[log]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,alertbridge_sinks=debug`.
    pub level: String,
    /// `text` or `json`, one object a line.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
        }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Config {
    /// Reads the file and lays the process's environment (`ALERTBRIDGE__SECTION__KEY`) over it.
    ///
    /// # Errors
    /// With the place in the file, and the nearest name for a key that is not known.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                Exit::Config,
                format!("can't read the configuration {}: {error}", path.display()),
            )
            .remedy("give its path with --config, or start from packaging/alertbridge.toml")
        })?;
        let config = Self::parse(&text, std::env::vars_os()).map_err(|message| {
            Failure::new(Exit::Config, format!("{}: {message}", path.display()))
        })?;
        config.check().map_err(|message| {
            Failure::new(Exit::Config, format!("{}: {message}", path.display()))
        })?;
        Ok(config)
    }

    /// Parses the text under an environment.
    fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Self, String> {
        let environment: Vec<(OsString, OsString)> = environment.into_iter().collect();
        let named: HashMap<String, OsString> = environment
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.clone())))
            .collect();
        let overrides = environment::overrides(environment)?;
        // Parsed from the text first, so that its faults are told with their line.
        let config: Self = toml::from_str(text).map_err(|error| nearest::explain(text, &error))?;
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| nearest::explain(text, &error))?;
        let laid_over = seed_environment::lay_over(&mut table, &named)?;
        if overrides.is_empty() && !laid_over {
            return Ok(config);
        }
        for (path, value) in overrides {
            environment::set(&mut table, &path, value)?;
        }
        table.try_into().map_err(|error| {
            format!(
                "with the environment's overrides: {}",
                nearest::explain("", &error)
            )
        })
    }

    /// What can be said against the values without touching the world.
    fn check(&self) -> Result<(), String> {
        if !self.sources.follower.enabled && !self.sources.hook.enabled {
            return Err("both sources are switched off; set `sources.follower.enabled` or `sources.hook.enabled`".into());
        }
        if self.sinks.iris.is_none() {
            return Err(
                "there is no sink; add a [sinks.iris] section with `url` and `key_file`".into(),
            );
        }
        if let Some(intel) = &self.intel {
            intel.check()?;
        }
        if let Some(triage) = &self.triage {
            triage.check()?;
        }
        if let Some(wazuh) = &self.sinks.wazuh {
            WazuhQueueSink::connect(wazuh).map_err(|error| format!("[sinks.wazuh]: {error}"))?;
            if self.intel.is_none() {
                return Err("[sinks.wazuh] is told of hits of threat intelligence; add [intel], or leave it out".into());
            }
        }
        if self.ledger.reference_days < self.ledger.payload_days {
            return Err("`ledger.reference_days` must not be below `ledger.payload_days`".into());
        }
        let (follower, hook) = (&self.sources.follower, &self.sources.hook);
        for (name, level, gate) in [
            ("follower", follower.minimum_level, &follower.gate),
            ("hook", hook.minimum_level, &hook.gate),
        ] {
            if level.is_some() && gate.is_some() {
                return Err(format!(
                    "`sources.{name}` has `minimum_level` and a gate; write the level into [sources.{name}.gate]"
                ));
            }
        }
        QuietRules::try_from(self.quiet.clone()).map_err(|error| error.to_string())?;
        if let Some(name) = self.gates.keys().find(|name| *name != "iris") {
            return Err(format!(
                "[gates.{name}] is for a sink there is none of; the sinks are: iris"
            ));
        }
        if self.ledger.path.as_os_str().is_empty() {
            return Err("`ledger.path` is empty".into());
        }
        if hook.socket.as_os_str().len() > LONGEST_SOCKET {
            return Err(format!(
                "`sources.hook.socket` is longer than {LONGEST_SOCKET} bytes, the most a Unix socket can have"
            ));
        }
        crate::logging::filter(&self.log)?;
        if self.ledger.reference_days > LONGEST_DAYS {
            return Err(format!(
                "`ledger.reference_days` must not be above {LONGEST_DAYS}"
            ));
        }
        if !self.http.listen.is_empty() && self.http.listen.parse::<std::net::SocketAddr>().is_err()
        {
            return Err(format!(
                "`http.listen` is not an address with a port: {:?}",
                self.http.listen
            ));
        }
        if self.sources.follower.line_limit < 65_536 {
            return Err("`sources.follower.line_limit` must be at least 65536 bytes: real alerts are that long".into());
        }
        Ok(())
    }
}

/// `end`, `start` or a time.
fn begin<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Begin, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "end" => Ok(Begin::End),
        "start" => Ok(Begin::Start),
        time => time.parse().map(Begin::Time).map_err(|_| {
            serde::de::Error::custom(format!(
                "`begin` is \"end\", \"start\" or a time such as \"2026-11-20T00:00:00Z\", not {text:?}"
            ))
        }),
    }
}
