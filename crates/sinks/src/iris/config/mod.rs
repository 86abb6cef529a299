//! The section `[sinks.iris]`.
//!
//! Every key has a default but `url` and one of the three ways to give the key. What a [`Preset`] decides is an `Option`
//! here: a key that is written in the file always wins over the preset. [`super::IrisSink::connect`] checks the values.

mod intel;
mod iocs;
mod preset;
mod redact;
mod rules;
mod words;

use std::{collections::BTreeMap, path::PathBuf};

pub use alertbridge_tls::TlsConfig;
pub use intel::{IntelConfig, RaiseRule};
pub use iocs::{AssetConfig, IocConfig, IocKind};
pub(crate) use preset::Mapping;
pub use preset::{DescriptionForm, Preset, SourceReference};
pub use redact::Redact;
pub(crate) use rules::network;
pub use rules::{ClassificationRule, CustomerRule};
use secrecy::SecretString;
use serde::Deserialize;
pub use words::{Customer, Words};

/// How alerts are delivered to a DFIR-IRIS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IrisConfig {
    /// Where IRIS is: its base URL, or the full URL of a Wazuh integration block (`https://IRIS/alerts/add`). Required.
    pub url: String,
    /// The API key itself. Exactly one of `key`, `key_file` and `key_credential` is given; a file is better.
    pub key: Option<SecretString>,
    /// A file that holds the API key.
    pub key_file: Option<PathBuf>,
    /// The name of a systemd credential (`LoadCredential=`) that holds the API key.
    pub key_credential: Option<String>,
    /// How the server's certificate is verified, and what is shown to it.
    pub tls: TlsConfig,
    /// An HTTP proxy, `http://host:port`. Default none; the environment's proxy variables are not used.
    pub proxy: Option<String>,
    /// Requests at the same time, default 4. IRIS has one process that starves beyond 8 (facts/iris.md §8).
    pub requests_in_flight: usize,
    /// Seconds until a request without an answer is given up, default 30.
    pub timeout: u64,
    /// Seconds until a connection that is not made is given up, default 10.
    pub connect_timeout: u64,
    /// Bytes of an answer that are read, default 8 MiB. IRIS repeats the alert once per asset in its answer.
    pub response_limit: usize,

    /// Whose field values are made: `alertbridge` (default), `wazuh-blog` or `async-ai`.
    pub preset: Preset,
    /// Rules that choose the customer, the first that matches counts.
    pub customers: Vec<CustomerRule>,
    /// The customer where no rule matches: an id, or a name (needs the permission customers_read). Default 1.
    pub default_customer: Customer,
    /// Names of severities, each with the lowest rule level that gets it. Default: Informational 0, Low 4, Medium 7,
    /// High 10, Critical 13.
    pub severities: Option<BTreeMap<String, u32>>,
    /// The status of a new alert, default `New`.
    pub status: String,
    /// Names of statuses after which an alert is left alone, default `Closed`, `Merged`: a repeat goes on with a new alert then.
    pub ended_statuses: Vec<String>,
    /// The title: text with placeholders such as `{rule_description}`. Parts between ` | ` whose placeholders are all empty
    /// are left out. Default `{rule_description}`.
    pub title: Option<String>,
    /// How the description is laid out: `labels` (default) or `sections`.
    pub description: Option<DescriptionForm>,
    /// The field "source" in IRIS, default `Wazuh`.
    pub source: Option<String>,
    /// What stands in "source reference": `reference` (default: node and alert id) or `alert-id`.
    pub source_ref: Option<SourceReference>,
    /// A note on each new alert, default none.
    pub note: Option<String>,
    /// Tags, with placeholders; one whose placeholder is empty is left out, one with a list makes a tag for each value.
    /// Default `wazuh`, `rule-{rule_id}`, `agent-{agent_name}`, `mitre-{mitre_id}`.
    pub tags: Option<Vec<String>>,
    /// Tags beside those of `tags` or the preset.
    pub extra_tags: Vec<String>,
    /// Classifications by rule group, the first that matches counts. Default none.
    pub classifications: Vec<ClassificationRule>,
    /// The address of the Wazuh dashboard, `https://dashboard`. Without it alerts carry no link.
    pub dashboard_url: Option<String>,
    /// The link to the alert in the dashboard: `wazuh-4.8` (default, also for later 4.x), `wazuh-4.0` (up to 4.7), or a
    /// template of one's own that begins with `/`, `http://` or `https://`, with `{id}`, `{timestamp_from}`,
    /// `{timestamp_to}`, `{agent_id}`, `{manager}`, `{query}`.
    pub dashboard_link: Option<String>,
    /// Indicators.
    pub iocs: IocConfig,
    /// Assets.
    pub assets: AssetConfig,
    /// What hits of threat intelligence change.
    pub intel: IntelConfig,
    /// Bytes of the alert that are sent as "source content", default 262,144. Of larger alerts the longest fields are cut.
    pub source_content_limit: Option<usize>,
    /// What is shown without secrets: `title` (default), `text` (descriptions, notes and comments as well) or `off`.
    pub redact: Redact,
    /// Whether a short table of the alert's main fields is sent as "context", default true.
    pub context: Option<bool>,
}

impl Default for IrisConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            key: None,
            key_file: None,
            key_credential: None,
            tls: TlsConfig::default(),
            proxy: None,
            requests_in_flight: 4,
            timeout: 30,
            connect_timeout: 10,
            response_limit: 8 * 1024 * 1024,
            preset: Preset::Alertbridge,
            customers: Vec::new(),
            default_customer: Customer::Id(1),
            severities: None,
            status: "New".to_owned(),
            ended_statuses: vec!["Closed".to_owned(), "Merged".to_owned()],
            title: None,
            description: None,
            source: None,
            source_ref: None,
            note: None,
            tags: None,
            extra_tags: Vec::new(),
            classifications: Vec::new(),
            dashboard_url: None,
            dashboard_link: None,
            iocs: IocConfig::default(),
            assets: AssetConfig::default(),
            intel: IntelConfig::default(),
            source_content_limit: None,
            redact: Redact::default(),
            context: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error =
            serde_json::from_str::<IrisConfig>(r#"{"url":"https://iris","verify_ssl":false}"#);
        assert!(error.unwrap_err().to_string().contains("verify_ssl"));
    }

    #[test]
    fn the_defaults_hold_where_only_url_and_key_are_given() {
        let config: IrisConfig =
            serde_json::from_str(r#"{"url":"https://iris","key_file":"/etc/key"}"#).unwrap();
        assert_eq!(config.requests_in_flight, 4);
        assert_eq!(config.default_customer, Customer::Id(1));
        assert!(!config.tls.danger_accept_any_certificate);
    }

    #[test]
    fn the_key_is_not_in_the_debug_output() {
        let config: IrisConfig =
            serde_json::from_str(r#"{"url":"https://iris","key":"s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
