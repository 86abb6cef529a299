//! What the follower is told: plain values, filled by the program from its configuration file.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Wazuh's manager writes its alerts when nothing else was set at its installation.
pub const DEFAULT_ALERTS_JSON: &str = "/var/ossec/logs/alerts/alerts.json";

/// Longest line that is still an alert, in bytes without its newline. integratord stops at 64 KiB (`facts/wazuh.md` §1.1).
pub const DEFAULT_LINE_LIMIT: usize = 16 * 1024 * 1024;

/// Where to begin when the ledger holds no position yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// Only alerts written from now on.
    #[default]
    End,
    /// The beginning of the current `alerts.json` (not of the archive; see [`Begin::Time`] for that).
    Start,
    /// Alerts of this moment and later: archived segments from that day on, lines with an earlier `timestamp` skipped.
    Time(jiff::Timestamp),
}

/// Settings of one [`Follower`](super::Follower).
#[derive(Clone, Debug)]
pub struct FollowerConfig {
    /// The file analysisd's hard link stands at.
    pub alerts_json: PathBuf,
    /// The folder that holds `YYYY/Mon/ossec-alerts-DD.json`.
    pub archive: PathBuf,
    /// Where to begin at the first start.
    pub begin: Begin,
    /// Longest line that is still delivered as an alert, in bytes without its newline.
    pub line_limit: usize,
    /// How often an idle follower looks for new bytes. After ten idle looks it looks 2.5 times as seldom.
    pub poll_interval: Duration,
    /// How long to wait before reading again what the ledger refused.
    pub refusal_pause: Duration,
    /// How long an archived segment may stay unreadable (permissions, disk errors) before it is given up as one
    /// [`Record::Unreadable`](crate::Record::Unreadable). The live file is waited for without limit.
    pub archive_patience: Duration,
    /// The wall clock.
    pub clock: fn() -> jiff::Timestamp,
}

impl FollowerConfig {
    /// The defaults for one `alerts.json`; its folder is the archive.
    #[must_use]
    pub fn new(alerts_json: impl Into<PathBuf>, clock: fn() -> jiff::Timestamp) -> Self {
        let alerts_json = alerts_json.into();
        let archive = alerts_json
            .parent()
            .map_or_else(PathBuf::new, Path::to_path_buf);
        FollowerConfig {
            alerts_json,
            archive,
            begin: Begin::default(),
            line_limit: DEFAULT_LINE_LIMIT,
            poll_interval: Duration::from_millis(100),
            refusal_pause: Duration::from_secs(1),
            archive_patience: Duration::from_secs(60),
            clock,
        }
    }
}
