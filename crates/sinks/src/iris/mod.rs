//! DFIR-IRIS.
//!
//! Exactly one IRIS alert per alert and customer: the alert's uuid is made from both ([`alert_uuid`]), IRIS keeps it unique, and an answer
//! that does not say clearly what happened is looked up before anything is sent again (facts/iris.md §0 and §4).
//!
//! One delivery: resolve names once, build the payload, post, understand the answer ([`classify`]), and where IRIS finds fault with
//! a part, post again without that part. At most [`MOST_POSTS`] posts; everything longer is the delivery worker's business.
//!
//! The caller is the delivery worker (through [`crate::attempt`]) and the commands `alertbridge iris ids|check`.

mod check;
mod classify;
mod client;
mod config;
mod customer;
mod identity;
mod key;
mod lookup;
mod names;
mod payload;
mod safe_text;
mod tls;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use alertbridge_alert::Alert;
pub use check::{Finding, IdsError, IrisIds, ids};
pub use config::{
    AssetConfig, ClassificationRule, Customer, CustomerRule, DescriptionForm, IocConfig, IocKind,
    IrisConfig, Preset, SourceReference, TlsConfig, Words,
};
pub use identity::alert_uuid;
pub use names::NamedId;
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use self::{
    classify::{Meaning, Part},
    client::{Client, Fault},
    config::Mapping,
    customer::Customers,
    lookup::{Found, Version, of_fault},
    names::{Resolved, Wanted},
    payload::{IocRules, LinkTemplate, Payload, Settings},
};
use crate::{Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkError, SinkFuture};

/// The first post, one with fresh ids, one without IOCs, one without assets, one bare; and one to spare.
const MOST_POSTS: usize = 6;

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
    /// The server's version, forgotten after every trouble because a restart may have changed it.
    version: Mutex<Option<String>>,
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
        let severities: BTreeSet<String> = mapping
            .severities
            .iter()
            .map(|(_, name)| name.clone())
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
            },
            wanted,
            resolved: AsyncMutex::new(None),
            customer_ids: AsyncMutex::new(HashMap::new()),
            version: Mutex::new(None),
        })
    }

    async fn deliver_one(&self, outgoing: &Outgoing) -> Outcome {
        let prepared = async {
            let resolved = self.resolved(None).await?;
            let customer = self.customer(&outgoing.lane).await?;
            Ok((resolved, customer))
        };
        let (resolved, customer) = match prepared.await {
            Ok(prepared) => prepared,
            Err(outcome) => return outcome,
        };
        let payload = payload::build(
            &self.settings,
            &outgoing.alert,
            &outgoing.reference,
            customer,
            outgoing.received_at,
        );
        let outcome = self.post(payload, resolved, &outgoing.alert).await;
        if matches!(outcome, Outcome::Unknown { .. } | Outcome::Retry { .. }) {
            *self.version.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        outcome
    }

    /// Posts until IRIS took it, or said something that another post would not change.
    async fn post(
        &self,
        mut payload: Payload,
        mut resolved: Arc<Resolved>,
        alert: &Alert,
    ) -> Outcome {
        let (mut refreshed, mut bare) = (false, false);
        for _ in 0..MOST_POSTS {
            let sent = self
                .client
                .post("/alerts/add", payload.body(&*resolved).into())
                .await;
            let answer = match sent {
                Ok(answer) => answer,
                Err(Fault::Unclear(why)) => return Outcome::Unknown { why },
                Err(fault) => return of_fault(fault),
            };
            match classify::of_add(&answer, payload.uuid) {
                Meaning::Stored { id, uuid_kept } => {
                    if !uuid_kept {
                        warn!(
                            alert_id = id,
                            "IRIS gave the alert another uuid than the one sent; doubles can't be prevented there"
                        );
                        payload.note_change("uuid_ignored", 1);
                    }
                    return Outcome::Delivered(self.proof(Some(id), &payload));
                }
                Meaning::StoredUntold | Meaning::Duplicate => {
                    let why = "IRIS says it has the alert but does not find it; may the key's user see this customer?";
                    return self
                        .adopt(&payload, true)
                        .await
                        .unwrap_or_else(|| Outcome::Unknown {
                            why: why.to_owned(),
                        });
                }
                Meaning::TagRace => {
                    let why = "another alert made the same new tag at the same moment".to_owned();
                    return Outcome::Retry {
                        after: None,
                        why,
                        sink_wide: false,
                    };
                }
                Meaning::Unclear(why) => return Outcome::Unknown { why },
                Meaning::Later { after, why } => {
                    return Outcome::Retry {
                        after,
                        why,
                        sink_wide: true,
                    };
                }
                Meaning::Operator { scope, why } => {
                    if scope == Scope::Lane {
                        // The name may have another id by now.
                        self.customer_ids.lock().await.clear();
                    }
                    return Outcome::Paused { scope, why };
                }
                Meaning::UnknownId(..) if !refreshed => {
                    refreshed = true;
                    resolved = match self.resolved(Some(&resolved)).await {
                        Ok(resolved) => resolved,
                        Err(outcome) => return outcome,
                    };
                }
                Meaning::UnknownId(Part::Fields, why) => {
                    let why = format!(
                        "{why}; its ids were just read anew, so IRIS contradicts itself: see its log"
                    );
                    return Outcome::Paused {
                        scope: Scope::Sink,
                        why,
                    };
                }
                Meaning::UnknownId(part, why) => {
                    if !leave_out(&mut payload, part) {
                        return Outcome::Never { why };
                    }
                }
                Meaning::BadPart(part) => {
                    if !leave_out(&mut payload, part) {
                        return Outcome::Never {
                            why: "IRIS refuses IOCs or assets that were not sent".to_owned(),
                        };
                    }
                }
                Meaning::TooLarge if !bare => {
                    bare = true;
                    payload.bare(alert);
                }
                Meaning::TooLarge => {
                    let why = "even the alert without its details is too large for IRIS or a proxy before it (413)".to_owned();
                    return Outcome::Never { why };
                }
                Meaning::Refused(why) => match self.adopt(&payload, false).await {
                    Some(outcome) => return outcome,
                    None if bare => return Outcome::Never { why },
                    None => {
                        bare = true;
                        payload.bare(alert);
                    }
                },
            }
        }
        Outcome::Never {
            why: format!("IRIS refused {MOST_POSTS} forms of this alert"),
        }
    }

    /// Looks up what IRIS may hold. `believed`: IRIS said that it does, so a server that can't be asked is taken at its word.
    /// `None`: it is not there, as far as can be told.
    async fn adopt(&self, payload: &Payload, believed: bool) -> Option<Outcome> {
        match self.find(payload.uuid, &payload.source_ref).await {
            Ok(Found::Present(id)) => Some(Outcome::AlreadyThere(self.proof(Some(id), payload))),
            Ok(Found::Unknowable) if believed => {
                Some(Outcome::AlreadyThere(self.proof(None, payload)))
            }
            Ok(Found::Absent | Found::Unknowable) => None,
            // The post before it is in doubt as long as the look-up fails.
            Err(Outcome::Retry { why, .. }) => Some(Outcome::Unknown { why }),
            Err(outcome) => Some(outcome),
        }
    }

    async fn look_up_one(&self, outgoing: &Outgoing) -> Presence {
        let customer = match self.customer(&outgoing.lane).await {
            Ok(customer) => customer,
            Err(outcome) => return Presence::Failed(outcome),
        };
        let uuid = alert_uuid(customer, &outgoing.reference);
        let mut unused = safe_text::Changes::default();
        let source_ref = payload::source_ref(
            &self.settings,
            &outgoing.alert,
            &outgoing.reference,
            &mut unused,
        );
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

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(self.deliver_one(outgoing))
    }

    fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(self.look_up_one(outgoing))
    }
}

/// Leaves a part out; false where there is nothing left of it.
fn leave_out(payload: &mut Payload, part: Part) -> bool {
    match part {
        Part::Iocs if !payload.iocs.is_empty() => payload.without_iocs(),
        Part::Assets if !payload.assets.is_empty() => payload.without_assets(),
        _ => return false,
    }
    true
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
