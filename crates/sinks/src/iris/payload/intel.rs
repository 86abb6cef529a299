//! Hits of threat intelligence in a payload: IOCs, a tag, a severity, and what stands first in the description.
//!
//! A hit's value is sent as an IOC under the limits of all others, but before them. An indicator's texts come from outside as an
//! alert's do, and pass `safe_text`.

use serde_json::{Map, Value};

use super::iocs::{Ioc, kind_of};
use crate::{
    IntelHit, Matched,
    iris::{
        config::{Mapping, RaiseRule},
        safe_text::{Changes, attribute_text, cut, head_of, is_safe_value, page_text, tag_text},
        severity::is_graver,
    },
};

/// The tag of an alert with a hit.
pub(crate) const TAG: &str = "intel-hit";
/// More hits than anyone reads; further ones are counted.
pub(crate) const MOST_HITS: usize = 20;
/// IRIS takes 512 characters (facts/iris.md §3).
const IOC_TAGS_LIMIT: usize = 500;
const IOC_DESCRIPTION_LIMIT: usize = 4096;

/// Traffic lights from the most open to the strictest, in IRIS's names.
const LIGHTS: [&str; 5] = ["clear", "green", "amber", "amber+strict", "red"];

/// The traffic light of a marking: `TLP:AMBER+STRICT`, `TLP:WHITE`, `amber`. None where it is no traffic light.
pub(crate) fn light(marking: &str) -> Option<&'static str> {
    let name = marking.trim().to_ascii_lowercase().replace(' ', "");
    let name = name.strip_prefix("tlp:").unwrap_or(&name);
    let name = if name == "white" { "clear" } else { name };
    LIGHTS.into_iter().find(|light| *light == name)
}

/// The stricter one of two. A name that is none of IRIS's own stays as the operator wrote it.
pub(crate) fn stricter(configured: &str, marking: Option<&str>) -> String {
    let rank = |name: &str| LIGHTS.iter().position(|light| *light == name);
    let own = light(configured).and_then(rank);
    match (own, marking.and_then(light)) {
        (Some(own), Some(marked)) if rank(marked) > Some(own) => marked.to_owned(),
        _ => configured.to_owned(),
    }
}

/// Puts the hits in front of the IOCs of the alert, those of the same value made one.
pub(crate) fn with_hits(
    iocs: Vec<Ioc>,
    hits: &[IntelHit],
    tlp: &str,
    changes: &mut Changes,
) -> Vec<Ioc> {
    let mut found: Vec<Ioc> = Vec::new();
    let mut rest = iocs;
    for hit in hits {
        let kind = kind_of(hit.kind);
        let is_it = |ioc: &Ioc| ioc.kind == kind && ioc.value.eq_ignore_ascii_case(&hit.value);
        let at = match (found.iter().position(&is_it), rest.iter().position(&is_it)) {
            (Some(at), _) => at,
            (None, Some(at)) => {
                found.push(rest.remove(at));
                found.len() - 1
            }
            (None, None) => {
                if !is_safe_value(&hit.value) || hit.value.len() > 2048 {
                    changes.add("ioc_unsafe");
                    continue;
                }
                found.push(Ioc {
                    kind,
                    value: hit.value.clone(),
                    field: String::new(),
                    tags: Vec::new(),
                    tlp: tlp.to_owned(),
                });
                found.len() - 1
            }
        };
        enrich(&mut found[at], hit, changes);
    }
    found.append(&mut rest);
    found
}

fn enrich(ioc: &mut Ioc, hit: &IntelHit, changes: &mut Changes) {
    let parts = [
        format!("{}: {}", hit.provider, head_of(&hit.indicator, 256)),
        hit.score
            .map(|score| format!("score {score}"))
            .unwrap_or_default(),
        state(hit).to_owned(),
        head_of(&hit.detail, 256).to_owned(),
        hit.link
            .as_deref()
            .map(|link| head_of(link, 512).to_owned())
            .unwrap_or_default(),
    ];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let text = attribute_text(&parts.join(", "), changes);
    let joined = if ioc.field.is_empty() {
        text
    } else {
        format!("{}; {text}", ioc.field)
    };
    ioc.field = cut(
        &joined,
        IOC_DESCRIPTION_LIMIT,
        "ioc_description_cut",
        changes,
    );
    ioc.tlp = stricter(&ioc.tlp, hit.marking.as_deref());
    for label in &hit.labels {
        let tag = tag_text(head_of(label, 128), changes);
        let length: usize = ioc.tags.iter().map(|tag| tag.chars().count() + 1).sum();
        if tag.is_empty() || ioc.tags.contains(&tag) {
            continue;
        }
        if length + tag.chars().count() > IOC_TAGS_LIMIT {
            changes.add("ioc_tag_left_out");
            continue;
        }
        ioc.tags.push(tag);
    }
}

/// The severity that the hits ask for, where it is graver than `severity`. Expired and withdrawn indicators ask for none.
pub(crate) fn raised(
    mapping: &Mapping,
    rules: &[RaiseRule],
    hits: &[IntelHit],
    severity: &str,
) -> Option<String> {
    let mut raised: Option<&str> = None;
    for hit in hits.iter().filter(|hit| !hit.expired && !hit.revoked) {
        for rule in rules
            .iter()
            .filter(|rule| hit.score.unwrap_or_default() >= rule.score)
        {
            if is_graver(mapping, &rule.severity, raised.unwrap_or(severity)) {
                raised = Some(&rule.severity);
            }
        }
    }
    raised.map(str::to_owned)
}

/// What stands first in the description, a line for each hit; empty without hits.
pub(crate) fn description(hits: &[IntelHit], more: usize) -> String {
    if hits.is_empty() {
        return String::new();
    }
    let mut lines = vec!["Threat intelligence:".to_owned()];
    lines.extend(hits.iter().map(line));
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

fn line(hit: &IntelHit) -> String {
    let mut notes = vec![hit.provider.clone()];
    notes.extend(hit.score.map(|score| format!("score {score}")));
    notes.extend(
        hit.marking
            .as_deref()
            .map(|marking| head_of(marking, 64).to_owned()),
    );
    notes.push(how(hit.matched).to_owned());
    notes.extend([state(hit).to_owned(), head_of(&hit.detail, 256).to_owned()]);
    let labels: Vec<&str> = hit
        .labels
        .iter()
        .take(20)
        .map(|label| head_of(label, 64))
        .collect();
    if !labels.is_empty() {
        notes.push(format!("labels {}", labels.join(" ")));
    }
    notes.retain(|note| !note.is_empty());
    let link = hit
        .link
        .as_deref()
        .map(|link| format!(" {}", head_of(link, 512)))
        .unwrap_or_default();
    let name = head_of(&hit.indicator, 256);
    let line = format!(
        "{}: {name} ({}){link}",
        head_of(&hit.value, 512),
        notes.join(", ")
    );
    page_text(&line, &mut Changes::default()).replace(['\n', '\t'], " ")
}

fn how(matched: Matched) -> &'static str {
    match matched {
        Matched::Observable => "a known observable",
        Matched::PartialPattern => "a part of the pattern",
        Matched::Pattern => "the pattern",
        Matched::RelatedObservable => "related to a known observable",
    }
}

fn state(hit: &IntelHit) -> &'static str {
    match (hit.revoked, hit.expired) {
        (true, _) => "withdrawn",
        (false, true) => "expired",
        (false, false) => "",
    }
}

/// A row of the context.
pub(crate) fn context(hits: &[IntelHit], table: &mut Map<String, Value>) {
    let mut unused = Changes::default();
    let values: Vec<String> = hits
        .iter()
        .map(|hit| {
            let score = hit
                .score
                .map(|score| format!(" (score {score})"))
                .unwrap_or_default();
            page_text(&format!("{}{score}", head_of(&hit.value, 128)), &mut unused)
                .replace(['\n', '\t'], " ")
        })
        .collect();
    if !values.is_empty() {
        table.insert(
            "Intelligence".to_owned(),
            cut(&values.join(", "), 1024, "context_cut", &mut unused).into(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_traffic_light_counts() {
        for (configured, marking, expected) in [
            ("amber", Some("TLP:RED"), "red"),
            ("amber", Some("TLP:CLEAR"), "amber"),
            ("green", Some("TLP:AMBER+STRICT"), "amber+strict"),
            ("clear", Some("TLP:WHITE"), "clear"),
            ("amber", Some("PAP:RED"), "amber"),
            ("amber", None, "amber"),
            ("internal", Some("TLP:RED"), "internal"),
        ] {
            assert_eq!(
                stricter(configured, marking),
                expected,
                "{configured} {marking:?}"
            );
        }
    }
}
