//! The context: a short table that IRIS shows in two columns. It expects an object of texts (facts/iris.md §3).

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::iris::safe_text::{Changes, cut, page_text};

/// The table of an alert, rows that have no value left out.
pub(crate) fn context(
    reference: &str,
    fields: &Fields<'_>,
    changes: &mut Changes,
) -> Map<String, Value> {
    const ROWS: [(&str, &str); 10] = [
        ("Rule", "rule_id"),
        ("Level", "level"),
        ("Groups", "rule_group"),
        ("MITRE", "mitre_id"),
        ("Agent", "agent_name"),
        ("Agent id", "agent_id"),
        ("Agent address", "agent_ip"),
        ("Manager", "manager"),
        ("Location", "location"),
        ("Decoder", "decoder"),
    ];
    let mut table = Map::new();
    let mut put = |label: &str, text: &str, changes: &mut Changes| {
        let text = fields.shown_text(text, changes);
        let text = cut(&page_text(&text, changes), 1024, "context_cut", changes);
        if !text.is_empty() {
            table.insert(label.to_owned(), text.into());
        }
    };
    put("Reference", reference, changes);
    for (label, name) in ROWS {
        put(label, &fields.values(name).join(", "), changes);
    }
    table
}
