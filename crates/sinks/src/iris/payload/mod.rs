//! The body of `POST /alerts/add`.
//!
//! [`build`] is pure: the alert, the settings, the customer and the time of receipt in; fields and a count of what was changed out.
//! Names are still names here; [`Payload::body`] puts in the ids of one IRIS. Never sent, because IRIS would overwrite or forge
//! with them (facts/iris.md §3): `alert_id`, `ioc_id`, `modification_history`, `cases`.

mod assets;
mod body;
mod context;
mod description;
mod digest;
mod event_time;
mod fields;
mod intel;
mod iocs;
mod link;
mod source_content;
mod tags;
mod title;

use std::borrow::Cow;

use alertbridge_alert::Alert;
pub(crate) use assets::{Asset, type_names};
pub(crate) use body::Ids;
pub(crate) use fields::{NAMES, check};
pub(crate) use iocs::{Ioc, IocRules};
pub(crate) use link::LinkTemplate;
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::{
    config::{AssetConfig, Mapping, RaiseRule, SourceReference},
    identity::alert_uuid,
    redaction::Redaction,
    safe_text::{
        Changes, DESCRIPTION_LIMIT, REFERENCE_LIMIT, attribute_text, cut, head_of, page_text,
    },
};
use crate::{IntelHit, Outgoing};

/// What a payload is made by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mapping: Mapping,
    pub(crate) assets: AssetConfig,
    pub(crate) iocs: IocRules,
    pub(crate) link: Option<LinkTemplate>,
    pub(crate) classifications: Vec<super::config::ClassificationRule>,
    /// When a hit of threat intelligence raises the severity.
    pub(crate) raise: Vec<RaiseRule>,
    pub(crate) redaction: Redaction,
}

/// One alert as IRIS shall have it.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    pub(crate) uuid: Uuid,
    pub(crate) source_ref: String,
    pub(crate) severity: String,
    /// The graver one that threat intelligence asks for.
    pub(crate) raised: Option<String>,
    pub(crate) classification: Option<String>,
    pub(crate) iocs: Vec<Ioc>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) tags: Vec<String>,
    /// The id; the name where a dry run could not ask for it.
    pub(crate) customer: Value,
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

/// The reference as IRIS has it, which a look-up on an old server searches for.
pub(crate) fn source_ref(
    settings: &Settings,
    outgoing: &Outgoing,
    changes: &mut Changes,
) -> String {
    let text = match settings.mapping.source_ref {
        // A digest is more than its first alert.
        SourceReference::AlertId if outgoing.digest.is_none() => {
            outgoing.alert.head().id.as_deref().unwrap_or("Unknown ID")
        }
        SourceReference::AlertId | SourceReference::Reference => &outgoing.reference,
    };
    cut(
        &attribute_text(text, changes),
        REFERENCE_LIMIT,
        "reference_cut",
        changes,
    )
}

/// Makes the payload of an alert, or of a digest with its first alert.
pub(crate) fn build(settings: &Settings, outgoing: &Outgoing, customer: i64) -> Payload {
    let mut changes = Changes::default();
    let (alert, mapping) = (&outgoing.alert, &settings.mapping);
    let (head, digest) = (alert.head(), outgoing.digest.as_ref());
    let tree = alert.tree();
    let fields = fields::Fields::new(alert, &tree, &settings.redaction);
    if tree.is_null() {
        // Deeper than the parser goes, or a lone surrogate in it: such an alert has a head, but no observables.
        changes.add("observables_unreadable");
    }
    let hits = &outgoing.intel[..outgoing.intel.len().min(intel::MOST_HITS)];
    changes.add_many("intel_left_out", outgoing.intel.len() - hits.len());
    let level = digest.map_or(head.level, |digest| digest.level);
    let severity = mapping.severity(level).to_owned();
    let raised = intel::raised(mapping, &settings.raise, hits, &severity);
    changes.add_many("severity_raised", usize::from(raised.is_some()));
    let time = event_time::event_time(
        head.timestamp.as_deref(),
        outgoing.received_at,
        &mut changes,
    );
    let classification = settings
        .classifications
        .iter()
        .find(|rule| rule.matches(head));
    Payload {
        uuid: alert_uuid(customer, &outgoing.reference),
        source_ref: source_ref(settings, outgoing, &mut changes),
        severity,
        raised,
        classification: classification.map(|rule| rule.classification.clone()),
        iocs: iocs(settings, alert, hits, &fields, &mut changes),
        assets: assets::assets(&settings.assets, mapping, &fields, &mut changes),
        tags: tags::tags(
            &templates(mapping, outgoing, hits),
            &outgoing.tags,
            &fields,
            &mut changes,
        ),
        customer: customer.into(),
        title: match digest {
            Some(digest) => digest::title(digest, &fields, &mut changes),
            None => title::title(&mapping.title, &fields, &mut changes),
        },
        description: described(mapping, outgoing, hits, &fields, &mut changes),
        source: page_text(&mapping.source, &mut Changes::default()),
        link: settings
            .link
            .as_ref()
            .and_then(|link| link.link(alert, time, &mut changes)),
        note: page_text(&mapping.note, &mut Changes::default()),
        event_time: event_time::naive_utc(time),
        context: mapping.context.then(|| {
            let mut table = context::context(&outgoing.reference, &fields, &mut changes);
            digest::context(digest, outgoing.continues.as_ref(), &mut table);
            intel::context(hits, &mut table);
            table
        }),
        content: content(settings, outgoing, &mut changes),
        changes,
    }
}

/// The templates of the tags. Those of what we add come first, so that no limit takes them; a budget's digest is about many rules
/// and agents, so it has only tags without placeholders.
fn templates<'a>(
    mapping: &'a Mapping,
    outgoing: &Outgoing,
    hits: &[IntelHit],
) -> Cow<'a, [String]> {
    if outgoing.digest.is_none() && hits.is_empty() {
        return Cow::Borrowed(&mapping.tags);
    }
    let mut templates = Vec::new();
    if !hits.is_empty() {
        templates.push(intel::TAG.to_owned());
    }
    let of_many = outgoing.digest.as_ref().is_some_and(|digest| {
        templates.push(digest::TAG.to_owned());
        digest.kind == crate::DigestKind::Budget
    });
    let own = mapping
        .tags
        .iter()
        .filter(|tag| !of_many || !tag.contains('{'));
    templates.extend(own.cloned());
    Cow::Owned(templates)
}

/// The description with what stands above it.
fn described(
    mapping: &Mapping,
    outgoing: &Outgoing,
    hits: &[IntelHit],
    fields: &fields::Fields<'_>,
    changes: &mut Changes,
) -> String {
    let own = description::description(mapping.description, fields, changes);
    let mut parts: Vec<String> = Vec::new();
    parts.extend(outgoing.continues.as_ref().map(digest::continues_line));
    let intel = intel::description(hits, outgoing.intel.len() - hits.len());
    parts.extend(
        (!intel.is_empty()).then(|| page_text(&fields.shown_text(&intel, changes), changes)),
    );
    if let Some(digest) = &outgoing.digest {
        let digest = digest::shown(digest, fields, changes);
        let text = digest::description(&digest, &outgoing.reference, fields);
        parts.push(page_text(&fields.shown_text(&text, changes), changes));
    }
    if parts.is_empty() {
        return own;
    }
    let above = head_of(&parts.join("\n\n"), DESCRIPTION_LIMIT / 2).to_owned();
    let gap = if outgoing.digest.is_some() {
        "\n"
    } else {
        "\n\n"
    };
    let whole = format!("{above}{gap}{own}");
    cut(&whole, DESCRIPTION_LIMIT, "description_cut", changes)
}

/// The IOCs, their descriptions as they may be shown.
fn iocs(
    settings: &Settings,
    alert: &Alert,
    hits: &[IntelHit],
    fields: &fields::Fields<'_>,
    changes: &mut Changes,
) -> Vec<Ioc> {
    let mut iocs = settings.iocs.iocs(&alert.observables(), hits, changes);
    for ioc in &mut iocs {
        ioc.field = attribute_text(&fields.shown_text(&ioc.field, changes), changes);
    }
    iocs
}

fn content(settings: &Settings, outgoing: &Outgoing, changes: &mut Changes) -> Box<RawValue> {
    let limit = settings.mapping.source_content_limit;
    match &outgoing.digest {
        None => source_content::source_content(&outgoing.alert, limit, changes),
        Some(digest) => {
            let room = digest::content_room(limit);
            let alert = source_content::source_content(&outgoing.alert, limit - room, changes);
            digest::content(alert, digest, &outgoing.reference)
        }
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
}
