//! `[intel.opencti]`: how to reach an OpenCTI and what to take from it.

use std::path::PathBuf;

pub use alertbridge_tls::TlsConfig;
use secrecy::SecretString;
use serde::Deserialize;

/// One OpenCTI.
///
/// ```
/// use alertbridge_intel::provider::opencti::OpenCtiConfig;
///
/// let config: OpenCtiConfig =
///     serde_json::from_str(r#"{"url":"https://opencti.example","token_file":"/etc/alertbridge/opencti.token"}"#).unwrap();
/// assert_eq!(config.page_size, 500);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenCtiConfig {
    /// The address of the console, with its base path if it has one: `https://opencti.example`.
    pub url: String,
    /// The API token. Better in a file.
    pub token: Option<SecretString>,
    /// The file that holds the API token. Read anew when OpenCTI refuses the token, so a new one needs no restart.
    pub token_file: Option<PathBuf>,
    /// The name of a systemd credential with the token (`LoadCredential=`).
    pub token_credential: Option<String>,
    /// Whether a local copy is kept.
    pub mode: Mode,
    /// The id of a live stream (Data > Data sharing > Live streams). Without it OpenCTI is asked every `poll_interval`. The stream
    /// must be filtered by nothing but the entity type Indicator: what leaves its filter looks deleted until the next reconcile.
    pub stream: Option<String>,
    /// The address of the stream where it is not `{url}/stream/{stream}`; the same host as `url`.
    pub stream_url: Option<String>,
    /// TLS.
    pub tls: TlsConfig,
    /// An HTTP proxy, `http://host:port`. The environment's proxies are not used.
    pub proxy: Option<String>,
    /// Indicators asked for at once, 1 to 5000. A server that gives fewer at once is understood.
    pub page_size: u32,
    /// Seconds between two questions for what has changed.
    pub poll_interval: u64,
    /// Seconds between two comparisons of the list of ids, which find what was deleted.
    pub reconcile_interval: u64,
    /// Seconds for one request of the sync, from 1.
    pub timeout: u64,
    /// Seconds for a connection, from 1.
    pub connect_timeout: u64,
    /// Longest answer in bytes. A page that is longer is asked for in smaller pieces.
    pub response_limit: usize,
    /// Looking up values at OpenCTI itself, beside or instead of the local copy.
    pub live: LiveConfig,
}

impl Default for OpenCtiConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            token: None,
            token_file: None,
            token_credential: None,
            mode: Mode::default(),
            stream: None,
            stream_url: None,
            tls: TlsConfig::default(),
            proxy: None,
            page_size: 500,
            poll_interval: 60,
            reconcile_interval: 24 * 60 * 60,
            timeout: 60,
            connect_timeout: 10,
            response_limit: 32 * 1024 * 1024,
            live: LiveConfig::default(),
        }
    }
}

/// How alerts are matched with an OpenCTI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// OpenCTI itself is asked about each alert that is delivered: for those who may not, or can't, keep a copy.
    Live,
    /// A local copy is kept, and alerts are matched with it.
    #[default]
    Sync,
}

/// `[intel.opencti.live]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveConfig {
    /// Milliseconds for one look-up, all its requests together.
    pub timeout_ms: u64,
    /// Values in one request, 1 to 200: each costs the search engine a clause.
    pub batch: usize,
    /// Seconds an answer is remembered when something was found.
    pub hit_ttl: u64,
    /// Seconds an answer is remembered when nothing was found.
    pub miss_ttl: u64,
    /// Values that are remembered.
    pub cache_size: usize,
    /// Indicators with a lower score are left out; those without a score are not.
    pub min_score: Option<u8>,
    /// Requests under way at once.
    pub requests_in_flight: usize,
    /// Failures in a row after which OpenCTI is left alone for a while.
    pub failures: u32,
    /// Seconds it is left alone for then.
    pub pause: u64,
    /// Whether the events for Wazuh are completed with what OpenCTI shows of the observable: ids, author, markings, references.
    pub complete: bool,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 3000,
            batch: 200,
            hit_ttl: 300,
            miss_ttl: 300,
            cache_size: 50_000,
            min_score: None,
            requests_in_flight: 4,
            failures: 5,
            pause: 30,
            complete: false,
        }
    }
}

/// `[intel.sightings]`: telling OpenCTI what was seen. A token of its own, because it needs the right to write.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SightingConfig {
    /// The API token of a user who may write (KNOWLEDGE_KNUPDATE).
    pub token: Option<SecretString>,
    /// The file that holds it.
    pub token_file: Option<PathBuf>,
    /// The name of a systemd credential that holds it.
    pub token_credential: Option<String>,
    /// 0 to 100, default 60.
    pub confidence: u8,
    /// Seconds of which what an agent met of an indicator is one sighting, 1 to 21,600; an hour by default.
    pub interval: u64,
}

impl Default for SightingConfig {
    fn default() -> Self {
        Self {
            token: None,
            token_file: None,
            token_credential: None,
            confidence: 60,
            interval: 3600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = serde_json::from_str::<OpenCtiConfig>(r#"{"url":"https://x","api_key":"y"}"#);
        assert!(error.unwrap_err().to_string().contains("api_key"));
    }

    #[test]
    fn the_token_is_not_in_the_debug_output() {
        let config: OpenCtiConfig =
            serde_json::from_str(r#"{"url":"https://x","token":"s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
        let config: SightingConfig = serde_json::from_str(r#"{"token":"s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
