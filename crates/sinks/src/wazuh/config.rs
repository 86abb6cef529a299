//! The section `[sinks.wazuh]`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::SinkError;

/// The longest datagram that leaves room for what analysisd adds: integratord does not see alerts of 64 KiB and more, and analysisd
/// cuts datagrams beyond 65,535 bytes without a word (facts/wazuh.md §4).
const LONGEST_DATAGRAM: usize = 60 * 1024;
/// What an event needs at least, with a long value and a long agent name.
const SHORTEST_DATAGRAM: usize = 16 * 1024;

/// How events are handed back to a Wazuh 4 manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WazuhQueueConfig {
    /// The manager's queue, default `/var/ossec/queue/sockets/queue`. Only user and group `wazuh` may write to it.
    pub queue: PathBuf,
    /// The most events an alert makes, the weightiest hits first; default 3.
    pub events_per_alert: usize,
    /// Bytes a datagram may have, default 61,440; 16,384 at least.
    pub datagram_limit: usize,
}

impl Default for WazuhQueueConfig {
    fn default() -> Self {
        Self {
            queue: "/var/ossec/queue/sockets/queue".into(),
            events_per_alert: 3,
            datagram_limit: LONGEST_DATAGRAM,
        }
    }
}

impl WazuhQueueConfig {
    pub(crate) fn check(&self) -> Result<(), SinkError> {
        if self.events_per_alert == 0 || self.events_per_alert > 20 {
            return Err(SinkError::value("events_per_alert", "must be from 1 to 20"));
        }
        if !(SHORTEST_DATAGRAM..=LONGEST_DATAGRAM).contains(&self.datagram_limit) {
            return Err(SinkError::value(
                "datagram_limit",
                "must be from 16384 to 61440 bytes",
            ));
        }
        if self.queue.as_os_str().len() > 107 || !self.queue.is_absolute() {
            return Err(SinkError::value(
                "queue",
                "must be an absolute path of at most 107 bytes",
            ));
        }
        Ok(())
    }
}
