//! What a digest and an alert that goes on from another say beside the alert itself.
//!
//! A digest has the first member's alert, so an analyst sees one example whole; title, first lines and source content say what it
//! stands for. All of it is text from alerts, so it passes `safe_text` like every other text.

use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    Continues, Digest, DigestKind, FieldSummary,
    iris::{
        payload::fields::Fields,
        repeats::{counted, field_lines, grouped, moment},
        safe_text::{Changes, TITLE_LIMIT, attribute_text, cut, head_of, page_text},
    },
};

/// The tag of a digest.
pub(crate) const TAG: &str = "digest";
/// So many references of members are listed.
const MOST_MEMBERS: usize = 20;
/// The most bytes a digest adds to the source content.
const CONTENT_LIMIT: usize = 32 * 1024;

/// `rule 5710 on web01: 412 alerts in 5 min, 37 source IPs, 9 users`
pub(crate) fn title(digest: &Digest, fields: &Fields<'_>, changes: &mut Changes) -> String {
    let head = fields.alert.head();
    let unknown = || "?".to_owned();
    let what = match digest.kind {
        DigestKind::Burst => format!(
            "rule {} on {}: {} alerts",
            head.rule_id.clone().unwrap_or_else(unknown),
            head.agent.name.clone().unwrap_or_else(unknown),
            grouped(digest.folded)
        ),
        DigestKind::Budget => format!("{} alerts beyond the budget", grouped(digest.folded)),
    };
    let mut text = format!("{what} in {}", lasted(digest));
    for field in digest
        .fields
        .iter()
        // What is the same in all of them is no news in a title.
        .filter(|field| field.distinct > 1)
        .take(8)
    {
        text.push_str(", ");
        text.push_str(&counted(field));
    }
    let text = fields.shown_title(&text, changes);
    let text = page_text(&text, changes).replace(['\n', '\t'], " ");
    cut(text.trim(), TITLE_LIMIT, "title_cut", changes)
}

/// From the first to the last alert: `40 s`, `5 min`, `3 h`. Rounded up, so that 61 s are not one minute.
fn lasted(digest: &Digest) -> String {
    let seconds = digest
        .last_at
        .duration_since(digest.opened_at)
        .as_secs()
        .max(1)
        .unsigned_abs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

/// The digest with its values as they may be shown; before they are cut, because half a secret has no shape.
pub(crate) fn shown(digest: &Digest, fields: &Fields<'_>, changes: &mut Changes) -> Digest {
    let mut digest = digest.clone();
    for value in digest.fields.iter_mut().flat_map(|field| &mut field.values) {
        *value = fields.shown_text(value, changes);
    }
    digest
}

/// What stands above the first member's own description.
pub(crate) fn description(digest: &Digest, reference: &str, fields: &Fields<'_>) -> String {
    let head = fields.alert.head();
    let why = match digest.kind {
        DigestKind::Burst => format!(
            "of rule {} ({})",
            head.rule_id.as_deref().unwrap_or("?"),
            head.rule_description.as_deref().unwrap_or("no description")
        ),
        DigestKind::Budget => "beyond the budget of this sink".to_owned(),
    };
    let mut lines = vec![
        format!("Digest: {} alerts {why}", grouped(digest.folded)),
        format!(
            "From {} to {} UTC, highest rule level {}",
            moment(digest.opened_at),
            moment(digest.last_at),
            digest.level
        ),
    ];
    lines.extend(field_lines(&digest.fields));
    let shown: Vec<String> = digest
        .members
        .iter()
        .take(MOST_MEMBERS)
        .map(|member| short(member))
        .collect();
    if !shown.is_empty() {
        lines.push(format!("First alerts: {}", shown.join(", ")));
    }
    lines.push(format!(
        "All of them: alertbridge explain '{}'",
        short(reference)
    ));
    lines.push(String::new());
    lines.push("The first alert:".to_owned());
    lines.join("\n")
}

/// `Continues alert 17, which is closed: https://iris/alerts?alert_ids=17`
pub(crate) fn continues_line(continues: &Continues) -> String {
    let mut unused = Changes::default();
    let link = continues
        .link
        .as_deref()
        .map(|link| format!(": {}", head_of(link, 1024)))
        .unwrap_or_default();
    let line = format!(
        "Continues alert {}, which is {}{link}",
        short(&continues.id),
        short(&continues.why)
    );
    page_text(&line, &mut unused).replace(['\n', '\t'], " ")
}

/// Rows of the context.
pub(crate) fn context(
    digest: Option<&Digest>,
    continues: Option<&Continues>,
    table: &mut Map<String, Value>,
) {
    if let Some(digest) = digest {
        table.insert(
            "Digest".to_owned(),
            format!("{} alerts in {}", grouped(digest.folded), lasted(digest)).into(),
        );
    }
    if let Some(continues) = continues {
        table.insert("Continues".to_owned(), continues_line(continues).into());
    }
}

/// The first member's alert with an object `alertbridge` as its last member.
pub(crate) fn content(alert: Box<RawValue>, digest: &Digest, reference: &str) -> Box<RawValue> {
    let fields: Vec<Value> = digest.fields.iter().take(16).map(of_field).collect();
    let kind = match digest.kind {
        DigestKind::Budget => "budget",
        DigestKind::Burst => "burst",
    };
    let mut object = json!({
        "reference": reference,
        "digest": kind,
        "alerts": digest.folded,
        "first_at": digest.opened_at.to_string(),
        "last_at": digest.last_at.to_string(),
        "level": digest.level,
        "members": digest.members.iter().take(100).collect::<Vec<_>>(),
        "fields": fields,
    });
    for less in ["fields", "members"] {
        if object.to_string().len() > CONTENT_LIMIT {
            object[less] = json!([]);
        }
    }
    let text = alert.get().trim_end();
    let Some(body) = text.strip_suffix('}') else {
        return alert;
    };
    let comma = if body.trim_end().ends_with('{') {
        ""
    } else {
        ","
    };
    RawValue::from_string(format!("{body}{comma}\"alertbridge\":{object}}}")).unwrap_or(alert)
}

/// Room a digest needs in the source content.
pub(crate) fn content_room(limit: usize) -> usize {
    CONTENT_LIMIT.min(limit / 2)
}

fn of_field(field: &FieldSummary) -> Value {
    let values: Vec<&str> = field
        .values
        .iter()
        .take(20)
        .map(|value| head_of(value, 256))
        .collect();
    json!({"label": field.label, "values": values, "distinct": field.distinct, "estimated": field.estimated})
}

fn short(text: &str) -> String {
    attribute_text(head_of(text, 512), &mut Changes::default())
}
