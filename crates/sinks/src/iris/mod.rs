//! DFIR-IRIS.
//!
//! Exactly one IRIS alert per alert and customer: the alert's uuid is made from both ([`alert_uuid`]), IRIS keeps it unique, and an answer
//! that does not say clearly what happened is looked up before anything is sent again (facts/iris.md §0 and §4).
//!
//! One delivery (`deliver`): resolve names once, build the payload, post, understand the answer (`classify`), and where IRIS
//! finds fault with a part, post again without it. Everything longer is the delivery worker's business.
//!
//! The caller is the delivery worker (through [`crate::attempt`]) and the commands `alertbridge iris ids|check`.

mod amend;
mod check;
mod classify;
mod client;
mod config;
mod customer;
mod deliver;
mod dry_run;
mod fetch;
mod identity;
mod key;
mod lookup;
mod names;
mod payload;
mod redaction;
mod repeats;
mod resolved;
mod review;
pub(crate) mod safe_text;
mod severity;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use alertbridge_alert::Alert;
pub use check::{Finding, IdsError, IrisIds, ids};
pub use config::{
    AssetConfig, ClassificationRule, Customer, CustomerRule, DescriptionForm, IntelConfig,
    IocConfig, IocKind, IrisConfig, Preset, RaiseRule, Redact, SourceReference, TlsConfig, Words,
};
pub use dry_run::DryRun;
pub use identity::alert_uuid;
pub use names::NamedId;
pub use repeats::Repeats;
pub use safe_text::keeps_tag;
use tokio::sync::Mutex as AsyncMutex;

use self::{
    client::Client,
    config::Mapping,
    customer::Customers,
    lookup::{Found, Version},
    names::Wanted,
    payload::{IocRules, LinkTemplate, Payload, Settings},
    redaction::Redaction,
    resolved::Resolved,
};
use crate::{
    Amended, Amendment, Outcome, Outgoing, Presence, Proof, Sink, SinkError, SinkFuture, TextFilter,
};

/// Delivers alerts to one DFIR-IRIS.
#[derive(Debug)]
pub struct IrisSink {
    client: Client,
    customers: Customers,
    settings: Settings,
    wanted: Wanted,
    /// What the names of the configuration mean there; empty until IRIS answered.
    resolved: AsyncMutex<Option<Arc<Resolved>>>,
    /// Ids of customers that are named.
    customer_ids: AsyncMutex<HashMap<String, i64>>,
    /// Lower-case names of statuses that end an alert.
    ended_statuses: BTreeSet<String>,
    /// The id of the key's user; empty until it was needed.
    own_user: AsyncMutex<Option<i64>>,
    /// Amendments that were posted but not looked at afterwards, by the alert's id.
    unchecked: Mutex<HashMap<i64, amend::Unchecked>>,
    /// Locks for changes of one alert, by its id.
    turns: Vec<AsyncMutex<()>>,
    /// The server's version, forgotten after every trouble because a restart may have changed it.
    version: Mutex<Option<String>>,
    /// Alerts that can't be read.
    left_out: review::LeftOut,
}

impl IrisSink {
    /// Checks the configuration. IRIS need not be up: names are resolved at the first delivery.
    ///
    /// # Errors
    /// [`SinkError`] that names the key and what to write instead.
    pub fn connect(config: IrisConfig) -> Result<Self, SinkError> {
        let mapping = Mapping::of(&config);
        check_values(&config, &mapping)?;
        let client = Client::new(&config)?;
        let iocs = IocRules::new(&config.iocs, &mapping)?;
        let link = LinkTemplate::new(config.dashboard_url.as_deref(), &mapping.dashboard_link)?;
        let raise = config.intel.raise.clone();
        let severities: BTreeSet<String> = mapping
            .severities
            .iter()
            .map(|(_, name)| name.clone())
            .chain(raise.iter().flatten().map(|rule| rule.severity.clone()))
            .collect();
        let types = payload::type_names(&config.assets, &mapping);
        let wanted = Wanted {
            severities: severities.into_iter().collect(),
            status: config.status.clone(),
            classifications: config
                .classifications
                .iter()
                .map(|rule| rule.classification.clone())
                .collect(),
            ioc_kinds: iocs.kinds().to_vec(),
            tlp: config.iocs.tlp.clone(),
            asset_types: types
                .into_iter()
                .map(|(key, name)| (key, name.to_owned()))
                .collect(),
        };
        Ok(Self {
            client,
            customers: Customers::new(config.customers, config.default_customer)?,
            settings: Settings {
                mapping,
                assets: config.assets,
                iocs,
                link,
                classifications: config.classifications,
                raise: raise.unwrap_or_else(IntelConfig::default_raise),
                redaction: Redaction {
                    what: config.redact,
                    filter: None,
                },
            },
            wanted,
            ended_statuses: config
                .ended_statuses
                .iter()
                .map(|name| name.trim().to_lowercase())
                .collect(),
            own_user: AsyncMutex::new(None),
            unchecked: Mutex::default(),
            turns: (0..amend::TURNS).map(|_| AsyncMutex::new(())).collect(),
            resolved: AsyncMutex::new(None),
            customer_ids: AsyncMutex::new(HashMap::new()),
            version: Mutex::new(None),
            left_out: review::LeftOut::default(),
        })
    }

    /// Takes secrets out of what is shown, as far as the configuration's `redact` says. Without a filter nothing is taken out.
    #[must_use]
    pub fn with_filter(mut self, filter: Arc<dyn TextFilter>) -> Self {
        self.settings.redaction.filter = Some(filter);
        self
    }

    async fn look_up_one(&self, outgoing: &Outgoing) -> Presence {
        let customer = match self.customer(&outgoing.lane).await {
            Ok(customer) => customer,
            Err(outcome) => return Presence::Failed(outcome),
        };
        let uuid = alert_uuid(customer, &outgoing.reference);
        let mut unused = safe_text::Changes::default();
        let source_ref = payload::source_ref(&self.settings, outgoing, &mut unused);
        match self.find(uuid, &source_ref).await {
            Ok(Found::Present(id)) => Presence::Present(Proof {
                id: id.to_string(),
                link: Some(self.page(id)),
                changes: Vec::new(),
            }),
            Ok(Found::Absent) => Presence::Absent,
            Ok(Found::Unknowable) => Presence::Unknowable,
            Err(outcome) => Presence::Failed(outcome),
        }
    }

    async fn find(&self, uuid: uuid::Uuid, source_ref: &str) -> Result<Found, Outcome> {
        let version = self.server_version().await?;
        let found = lookup::look_up(&self.client, Version::parse(&version), uuid, source_ref).await;
        if found.is_err() {
            *self.version.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        found
    }

    async fn server_version(&self) -> Result<String, Outcome> {
        let known = self
            .version
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(version) = known {
            return Ok(version);
        }
        let version = lookup::version(&self.client).await?;
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.clone());
        Ok(version)
    }

    /// The ids of the configured names. Asks IRIS where they are not known, or where those known are `stale`.
    async fn resolved(&self, stale: Option<&Arc<Resolved>>) -> Result<Arc<Resolved>, Outcome> {
        let mut known = self.resolved.lock().await;
        match &*known {
            // Another delivery may have read them anew already.
            Some(resolved) if stale.is_none_or(|stale| !Arc::ptr_eq(stale, resolved)) => {
                Ok(resolved.clone())
            }
            _ => {
                *known = None;
                let resolved = Arc::new(self.wanted.resolve(&self.client).await?);
                *known = Some(resolved.clone());
                Ok(resolved)
            }
        }
    }

    async fn customer(&self, lane: &str) -> Result<i64, Outcome> {
        let name = match Customer::of(lane) {
            Customer::Id(id) => return Ok(id),
            Customer::Name(name) => name,
        };
        let mut known = self.customer_ids.lock().await;
        if let Some(id) = known.get(&name) {
            return Ok(*id);
        }
        let id = names::customer_id(&self.client, &name).await?;
        known.insert(name, id);
        Ok(id)
    }

    fn proof(&self, id: Option<i64>, payload: &Payload) -> Proof {
        Proof {
            id: id.map_or_else(String::new, |id| id.to_string()),
            link: id.map(|id| self.page(id)),
            changes: payload.changes().list(),
        }
    }

    /// The alert's page. The form is that of the links in IRIS's own pages; not in facts/iris.md.
    fn page(&self, id: i64) -> String {
        self.client.page(&format!("/alerts?alert_ids={id}"))
    }
}

impl Sink for IrisSink {
    fn name(&self) -> &str {
        "iris"
    }

    fn lane(&self, alert: &Alert) -> String {
        self.customers.of(alert.head()).to_string()
    }

    fn prepare(&self) -> SinkFuture<'_, Result<(), Outcome>> {
        Box::pin(async { self.resolved(None).await.map(drop) })
    }

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(self.deliver_one(outgoing))
    }

    fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(self.look_up_one(outgoing))
    }

    fn amends(&self) -> bool {
        true
    }

    fn amend<'a>(&'a self, amendment: &'a Amendment) -> SinkFuture<'a, Amended> {
        Box::pin(self.amend_one(amendment))
    }
}

fn check_values(config: &IrisConfig, mapping: &Mapping) -> Result<(), SinkError> {
    if mapping.severities.is_empty() {
        return Err(SinkError::value(
            "severities",
            "names no severity; write at least one with its lowest rule level, such as Low = 0",
        ));
    }
    if config.requests_in_flight == 0 || config.requests_in_flight > 64 {
        return Err(SinkError::value(
            "requests_in_flight",
            "must be from 1 to 64; IRIS is slower beyond 8",
        ));
    }
    for (key, seconds) in [
        ("timeout", config.timeout),
        ("connect_timeout", config.connect_timeout),
    ] {
        if seconds == 0 || seconds > 3600 {
            return Err(SinkError::value(key, "must be from 1 to 3600 seconds"));
        }
    }
    if config
        .proxy
        .as_ref()
        .is_some_and(|proxy| proxy.contains('@'))
    {
        return Err(SinkError::value(
            "proxy",
            "must not hold a user and a password: it is no place for secrets, and proxies with a login are not supported",
        ));
    }
    if !(4096..=32 << 20).contains(&mapping.source_content_limit) {
        return Err(SinkError::value(
            "source_content_limit",
            "must be from 4096 bytes to 32 MiB",
        ));
    }
    if mapping.ioc_maximum > 1000 || mapping.asset_maximum > 100 {
        return Err(SinkError::value(
            "iocs.maximum",
            "must be at most 1000, and `assets.maximum` at most 100: IRIS needs seconds beyond",
        ));
    }
    payload::check("title", &mapping.title, &payload::NAMES)?;
    mapping
        .tags
        .iter()
        .try_for_each(|tag| payload::check("tags", tag, &payload::NAMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key as the operator may write it; a renamed one shows here.
    const EVERY_KEY: &str = r#"{
        "url": "https://iris.example/alerts/add", "key": "k", "proxy": "http://proxy:3128",
        "tls": {"pinned_sha256": "abababababababababababababababababababababababababababababababab", "danger_accept_any_certificate": false},
        "requests_in_flight": 8, "timeout": 60, "connect_timeout": 5, "response_limit": 1000000, "preset": "alertbridge",
        "customers": [{"customer": "Acme", "agent_label": "customer=acme", "agent_group": ["a", "b"], "agent_name": "web*",
            "agent_ip": ["10.0.0.0/8", "fd00::1"], "manager": "m?", "rule_group": "sshd"}],
        "default_customer": 2, "severities": {"Low": 0, "High": 10}, "status": "New", "ended_statuses": ["Closed", "Merged"], "title": "{rule_description} | {agent_name}",
        "description": "sections", "source": "Wazuh", "source_ref": "alert-id", "note": "n", "tags": ["wazuh", "{rule_group}"],
        "extra_tags": ["soc"], "classifications": [{"rule_group": ["sshd"], "classification": "intrusion-attempts:login-attempts"}],
        "dashboard_url": "https://dashboard.example", "dashboard_link": "wazuh-4.0",
        "iocs": {"maximum": 5, "tlp": "green", "kinds": ["sha256", "file_name"], "public_addresses_only": false,
            "own_networks": ["198.51.100.0/24"], "own_domains": ["example.com"]},
        "assets": {"maximum": 1, "default_type": "a", "linux_type": "b", "mac_type": "c", "windows_type": "d", "user_type": ""},
        "source_content_limit": 65536, "context": false, "redact": "text", "intel": {"raise": [{"score": 75, "severity": "High"}]}
    }"#;

    #[test]
    fn every_key_is_accepted_and_iris_need_not_be_there() {
        let sink = IrisSink::connect(serde_json::from_str(EVERY_KEY).unwrap()).unwrap();
        let alert = Alert::parse(&b"{}"[..]).unwrap();
        assert_eq!(sink.lane(&alert), "2");
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        for (key, value) in [
            ("url", r#""iris""#),
            ("proxy", r#""http://user:secret@proxy:3128""#),
            ("requests_in_flight", "0"),
            ("timeout", "0"),
            ("severities", "{}"),
            ("title", r#""{nothing}""#),
            ("tags", r#"["{nothing}"]"#),
            ("source_content_limit", "10"),
            ("dashboard_url", r#""dashboard""#),
            ("iocs.own_networks", r#"["home"]"#),
            ("customers[0]", r#"[{"customer":1}]"#),
        ] {
            let mut config: serde_json::Value = serde_json::from_str(EVERY_KEY).unwrap();
            let value: serde_json::Value = serde_json::from_str(value).unwrap();
            match key.split_once('.') {
                Some((section, name)) => config[section][name] = value,
                None => config[key.trim_end_matches("[0]")] = value,
            }
            let error = IrisSink::connect(serde_json::from_value(config).unwrap()).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{key}`")),
                "{error}"
            );
        }
    }
}
