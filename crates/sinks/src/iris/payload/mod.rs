//! The body of `POST /alerts/add`.
//!
//! [`build`] is pure: the alert, the settings, the customer and the time of receipt in; fields and a count of what was changed out.
//! Names are still names here; [`Payload::body`] puts in the ids of one IRIS. Never sent, because IRIS would overwrite or forge
//! with them (facts/iris.md §3): `alert_id`, `ioc_id`, `modification_history`, `cases`.

mod assets;
mod context;
mod description;
mod event_time;
mod fields;
mod iocs;
mod link;
mod source_content;
mod tags;
mod title;

use alertbridge_alert::Alert;
pub(crate) use assets::{Asset, type_names};
pub(crate) use fields::{NAMES, check};
pub(crate) use iocs::{Ioc, IocRules};
use jiff::Timestamp;
pub(crate) use link::LinkTemplate;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::{
    config::{AssetConfig, IocKind, Mapping, SourceReference},
    identity::alert_uuid,
    safe_text::{Changes, REFERENCE_LIMIT, attribute_text, cut, page_text},
};

/// What a payload is made by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mapping: Mapping,
    pub(crate) assets: AssetConfig,
    pub(crate) iocs: IocRules,
    pub(crate) link: Option<LinkTemplate>,
    pub(crate) classifications: Vec<super::config::ClassificationRule>,
}

/// One alert as IRIS shall have it.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    pub(crate) uuid: Uuid,
    pub(crate) source_ref: String,
    pub(crate) severity: String,
    pub(crate) classification: Option<String>,
    pub(crate) iocs: Vec<Ioc>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) tags: Vec<String>,
    customer: i64,
    title: String,
    description: String,
    source: String,
    link: Option<String>,
    note: String,
    event_time: String,
    context: Option<Map<String, Value>>,
    content: Box<RawValue>,
    changes: Changes,
}

/// The ids of one IRIS that a payload needs. `None` for what IRIS does not have.
pub(crate) trait Ids {
    fn severity(&self, name: &str) -> Option<i64>;
    fn status(&self) -> i64;
    fn classification(&self, name: &str) -> Option<i64>;
    fn ioc_type(&self, kind: IocKind) -> Option<i64>;
    fn tlp(&self) -> Option<i64>;
    fn asset_type(&self, name: &str) -> Option<i64>;
}

/// The reference as IRIS has it, which a look-up on an old server searches for.
pub(crate) fn source_ref(
    settings: &Settings,
    alert: &Alert,
    reference: &str,
    changes: &mut Changes,
) -> String {
    let text = match settings.mapping.source_ref {
        SourceReference::AlertId => alert.head().id.as_deref().unwrap_or("Unknown ID"),
        SourceReference::Reference => reference,
    };
    cut(
        &attribute_text(text, changes),
        REFERENCE_LIMIT,
        "reference_cut",
        changes,
    )
}

/// Makes the payload of an alert.
pub(crate) fn build(
    settings: &Settings,
    alert: &Alert,
    reference: &str,
    customer: i64,
    received_at: Timestamp,
) -> Payload {
    let mut changes = Changes::default();
    let mapping = &settings.mapping;
    let head = alert.head();
    let tree = alert.tree();
    let fields = fields::Fields { alert, tree: &tree };
    if tree.is_null() {
        // Deeper than the parser goes, or a lone surrogate in it: such an alert has a head, but no observables.
        changes.add("observables_unreadable");
    }
    let time = event_time::event_time(head.timestamp.as_deref(), received_at, &mut changes);
    let classification = settings
        .classifications
        .iter()
        .find(|rule| rule.matches(head));
    Payload {
        uuid: alert_uuid(customer, reference),
        source_ref: source_ref(settings, alert, reference, &mut changes),
        severity: mapping.severity(head.level).to_owned(),
        classification: classification.map(|rule| rule.classification.clone()),
        iocs: settings.iocs.iocs(&alert.observables(), &mut changes),
        assets: assets::assets(&settings.assets, mapping, &fields, &mut changes),
        tags: tags::tags(&mapping.tags, &fields, &mut changes),
        customer,
        title: title::title(&mapping.title, &fields, &mut changes),
        description: description::description(mapping.description, &fields, &mut changes),
        source: page_text(&mapping.source, &mut Changes::default()),
        link: settings
            .link
            .as_ref()
            .and_then(|link| link.link(alert, time, &mut changes)),
        note: page_text(&mapping.note, &mut Changes::default()),
        event_time: event_time::naive_utc(time),
        context: mapping
            .context
            .then(|| context::context(reference, &fields, &mut changes)),
        content: source_content::source_content(alert, mapping.source_content_limit, &mut changes),
        changes,
    }
}

impl Payload {
    /// What was changed to make it, and to get it taken.
    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(crate) fn note_change(&mut self, what: &'static str, count: usize) {
        self.changes.add_many(what, count);
    }

    /// Leaves out all IOCs, because IRIS took none of them for sure.
    pub(crate) fn without_iocs(&mut self) {
        let count = self.iocs.len();
        self.iocs.clear();
        self.changes.add_many("ioc_refused", count);
        self.remark(&format!(
            "IRIS refused the IOCs of this alert; {count} left out."
        ));
    }

    /// Leaves out all assets.
    pub(crate) fn without_assets(&mut self) {
        let count = self.assets.len();
        self.assets.clear();
        self.changes.add_many("asset_refused", count);
        self.remark(&format!(
            "IRIS refused the assets of this alert; {count} left out."
        ));
    }

    /// Leaves out everything that IRIS could find fault with.
    pub(crate) fn bare(&mut self, alert: &Alert) {
        self.changes.add_many("ioc_refused", self.iocs.len());
        self.changes.add_many("asset_refused", self.assets.len());
        self.changes.add("sent_bare");
        self.iocs.clear();
        self.assets.clear();
        self.tags = tags::plain(&self.tags);
        self.context = None;
        self.link = None;
        self.classification = None;
        self.content = source_content::minimal(alert, 16 * 1024);
        self.title = super::safe_text::head_of(&self.title, 256).to_owned();
        let without_log = description::without_log(&self.description);
        self.description = super::safe_text::head_of(without_log, 4096).to_owned();
        self.remark("IRIS refused this alert with its details; it was sent without log, IOCs, assets and source content.");
    }

    fn remark(&mut self, text: &str) {
        self.description.push_str("\n\nAlertbridge: ");
        self.description.push_str(text);
    }

    /// The JSON to post.
    pub(crate) fn body(&self, ids: &dyn Ids) -> Vec<u8> {
        let iocs = self.iocs.iter().filter_map(|ioc| {
            Some(IocBody {
                ioc_value: &ioc.value,
                ioc_type_id: ids.ioc_type(ioc.kind)?,
                ioc_tlp_id: ids.tlp(),
                ioc_description: &ioc.field,
                ioc_tags: "",
            })
        });
        let assets = self.assets.iter().filter_map(|asset| {
            Some(AssetBody {
                asset_name: &asset.name,
                asset_type_id: ids.asset_type(&asset.type_name)?,
                asset_description: &asset.description,
                asset_ip: asset.address.as_deref(),
            })
        });
        let body = Body {
            alert_uuid: self.uuid.to_string(),
            alert_title: &self.title,
            alert_description: &self.description,
            alert_source: &self.source,
            alert_source_ref: &self.source_ref,
            alert_source_link: self.link.as_deref(),
            alert_severity_id: ids.severity(&self.severity).unwrap_or_default(),
            alert_status_id: ids.status(),
            alert_customer_id: self.customer,
            alert_classification_id: self
                .classification
                .as_deref()
                .and_then(|name| ids.classification(name)),
            alert_source_event_time: &self.event_time,
            alert_note: &self.note,
            alert_tags: (!self.tags.is_empty()).then(|| self.tags.join(",")),
            alert_iocs: iocs.collect(),
            alert_assets: assets.collect(),
            alert_context: self.context.as_ref(),
            alert_source_content: &self.content,
        };
        // Texts, numbers and valid raw JSON: serialising can't fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    alert_uuid: String,
    alert_title: &'a str,
    alert_description: &'a str,
    alert_source: &'a str,
    alert_source_ref: &'a str,
    alert_source_link: Option<&'a str>,
    alert_severity_id: i64,
    alert_status_id: i64,
    alert_customer_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_classification_id: Option<i64>,
    alert_source_event_time: &'a str,
    alert_note: &'a str,
    alert_tags: Option<String>,
    // IRIS refuses null for these two lists (facts/iris.md §3).
    alert_iocs: Vec<IocBody<'a>>,
    alert_assets: Vec<AssetBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_context: Option<&'a Map<String, Value>>,
    alert_source_content: &'a RawValue,
}

#[derive(Serialize)]
struct IocBody<'a> {
    ioc_value: &'a str,
    ioc_type_id: i64,
    ioc_tlp_id: Option<i64>,
    ioc_description: &'a str,
    ioc_tags: &'a str,
}

#[derive(Serialize)]
struct AssetBody<'a> {
    asset_name: &'a str,
    asset_type_id: i64,
    asset_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset_ip: Option<&'a str>,
}
