//! A payload as the JSON that is posted.

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::Payload;
use crate::iris::config::IocKind;

/// The ids of one IRIS that a payload needs. `None` for what IRIS does not have. (In a dry run without IRIS the names stand for them.)
pub(crate) trait Ids {
    fn severity(&self, name: &str) -> Option<Value>;
    fn status(&self) -> Value;
    fn classification(&self, name: &str) -> Option<Value>;
    fn ioc_type(&self, kind: IocKind) -> Option<Value>;
    fn tlp(&self, name: &str) -> Option<Value>;
    fn asset_type(&self, name: &str) -> Option<Value>;
}

impl Payload {
    /// Leaves out what this IRIS has no name for, and counts it.
    pub(crate) fn fit(&mut self, ids: &dyn Ids) {
        let known = |name: &String| ids.severity(name).is_some();
        if !self.raised.as_ref().is_none_or(known) {
            self.raised = None;
            self.changes.add("severity_unknown");
        }
        let before = self.iocs.len();
        self.iocs.retain(|ioc| ids.ioc_type(ioc.kind).is_some());
        self.changes
            .add_many("ioc_type_unknown", before - self.iocs.len());
    }

    /// The JSON to post.
    pub(crate) fn body(&self, ids: &dyn Ids) -> Vec<u8> {
        let iocs = self.iocs.iter().filter_map(|ioc| {
            Some(IocBody {
                ioc_value: &ioc.value,
                ioc_type_id: ids.ioc_type(ioc.kind)?,
                ioc_tlp_id: ids.tlp(&ioc.tlp),
                ioc_description: &ioc.field,
                ioc_tags: ioc.tags.join(","),
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
            alert_uuid: self.customer.is_i64().then(|| self.uuid.to_string()),
            alert_title: &self.title,
            alert_description: &self.description,
            alert_source: &self.source,
            alert_source_ref: &self.source_ref,
            alert_source_link: self.link.as_deref(),
            alert_severity_id: ids
                .severity(self.raised.as_ref().unwrap_or(&self.severity))
                .unwrap_or_default(),
            alert_status_id: ids.status(),
            alert_customer_id: &self.customer,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_uuid: Option<String>,
    alert_title: &'a str,
    alert_description: &'a str,
    alert_source: &'a str,
    alert_source_ref: &'a str,
    alert_source_link: Option<&'a str>,
    alert_severity_id: Value,
    alert_status_id: Value,
    alert_customer_id: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_classification_id: Option<Value>,
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
    ioc_type_id: Value,
    ioc_tlp_id: Option<Value>,
    ioc_description: &'a str,
    ioc_tags: String,
}

#[derive(Serialize)]
struct AssetBody<'a> {
    asset_name: &'a str,
    asset_type_id: Value,
    asset_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset_ip: Option<&'a str>,
}
