//! The description: what an analyst reads first.
//!
//! `labels` has the ten labels of the Wazuh blog's script in its order, so that what people parse goes on working; `sections`
//! has the headings of the async-ai script. IRIS shows line ends as such and no markup (facts/iris.md §9).

use super::fields::Fields;
use crate::iris::{
    config::DescriptionForm,
    safe_text::{Changes, DESCRIPTION_LIMIT, cut, page_text},
};

/// Stands where a field is missing, as in both scripts.
const MISSING: &str = "N/A";
/// What comes last in each form: the event's own text.
const LOG_LABEL: &str = "Full Log";
const LOG_HEADING: &str = "RAW EVENT MESSAGE";

/// The description of an alert.
pub(crate) fn description(
    form: DescriptionForm,
    fields: &Fields<'_>,
    changes: &mut Changes,
) -> String {
    let text = match form {
        DescriptionForm::Labels => labels(fields, changes),
        DescriptionForm::Sections => sections(fields, changes),
    };
    let text = page_text(&text, changes);
    cut(&text, DESCRIPTION_LIMIT, "description_cut", changes)
}

/// A description without the event's own text, which may hold the words that something before IRIS blocks.
pub(crate) fn without_log(description: &str) -> &str {
    let start = [LOG_LABEL, LOG_HEADING]
        .iter()
        .filter_map(|mark| description.find(&format!("\n{mark}")))
        .min();
    &description[..start.unwrap_or(description.len())]
}

fn labels(fields: &Fields<'_>, changes: &mut Changes) -> String {
    let mut line = |label: &str, value: Option<String>| line(fields, label, value, changes);
    let head = fields.alert.head();
    let mut lines = rule_lines(fields, &mut line);
    lines.extend([
        line("Agent ID", head.agent.id.clone()),
        line("Agent Name", head.agent.name.clone()),
    ]);
    lines.extend(mitre_lines(fields, &mut line));
    lines.extend([
        line("Location", head.location.clone()),
        line(LOG_LABEL, log(fields)),
    ]);
    lines.join("\n")
}

fn sections(fields: &Fields<'_>, changes: &mut Changes) -> String {
    let mut line = |label: &str, value: Option<String>| line(fields, label, value, changes);
    let head = fields.alert.head();
    let mut lines = vec!["WAZUH ALERT DETAILS".to_owned()];
    lines.extend(rule_lines(fields, &mut line));
    lines.extend([
        line("Agent ID", head.agent.id.clone()),
        line("Agent Name", head.agent.name.clone()),
        line("Agent IP", head.agent.ip.clone()),
        line("Location", head.location.clone()),
        line("Timestamp", head.timestamp.clone()),
        String::new(),
        "KEY ARTIFACTS".to_owned(),
        line("Image", fields.image()),
        line("Command Line", fields.command_line()),
        line("Target File", fields.target_file()),
        line(
            "User",
            fields.first(&[
                "data.win.eventdata.user",
                "data.srcuser",
                "data.dstuser",
                "data.audit.acct",
            ]),
        ),
        line(
            "Destination IP",
            fields.first(&[
                "data.win.eventdata.destinationIp",
                "data.dstip",
                "data.dest_ip",
            ]),
        ),
        line(
            "Destination Port",
            fields.first(&[
                "data.win.eventdata.destinationPort",
                "data.dstport",
                "data.dest_port",
            ]),
        ),
        String::new(),
        "MITRE ATT&CK MAPPING".to_owned(),
    ]);
    lines.extend(mitre_lines(fields, &mut line));
    lines.extend([String::new(), LOG_HEADING.to_owned()]);
    lines.push(shown(fields, log(fields), changes));
    lines.join("\n")
}

fn rule_lines(fields: &Fields<'_>, line: Line<'_>) -> Vec<String> {
    let head = fields.alert.head();
    vec![
        line("Rule ID", head.rule_id.clone()),
        line("Rule Level", Some(head.level.to_string())),
        line("Rule Description", head.rule_description.clone()),
    ]
}

fn mitre_lines(fields: &Fields<'_>, line: Line<'_>) -> Vec<String> {
    let mitre = &fields.alert.head().mitre;
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    vec![
        line("MITRE IDs", list(&mitre.ids)),
        line("MITRE Tactics", list(&mitre.tactics)),
        line("MITRE Techniques", list(&mitre.techniques)),
    ]
}

/// The event as it was logged; Windows alerts have no `full_log` (facts/wazuh.md §3) but a message.
fn log(fields: &Fields<'_>) -> Option<String> {
    let message = || {
        fields
            .text("data.win.system.message")
            .map(|text| text.trim_matches('"').to_owned())
    };
    fields.alert.head().full_log.clone().or_else(message)
}

/// Makes one line of a label and a value.
type Line<'a> = &'a mut dyn FnMut(&str, Option<String>) -> String;

fn line(fields: &Fields<'_>, label: &str, value: Option<String>, changes: &mut Changes) -> String {
    format!("{label}: {}", shown(fields, value, changes))
}

fn shown(fields: &Fields<'_>, value: Option<String>, changes: &mut Changes) -> String {
    match value {
        Some(value) => fields.shown_text(&value, changes),
        None => MISSING.to_owned(),
    }
}
