//! Which of the values asked for an answer speaks of.
//!
//! The server compares without case and accents; what it returns counts for a value only where the observable's value or hash, or
//! the whole pattern, equals it without case.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    super::{
        graphql::{Answer, Page},
        node,
    },
    values::Wanted,
};
use crate::{
    Indicator,
    provider::{ProviderError, fields},
};

/// One indicator for one value.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub(super) indicator: Arc<Indicator>,
    pub(super) whole: bool,
}

/// What an answer says, by the places of the values in the request.
#[derive(Debug)]
pub(super) struct Attributed {
    pub(super) found: Vec<Vec<Match>>,
    /// The server has more than it gave.
    pub(super) truncated: bool,
    /// One of the two ways failed.
    pub(super) trouble: Option<ProviderError>,
}

/// Reads an answer to a look-up.
///
/// # Errors
/// [`ProviderError`] where both ways failed.
pub(super) fn attribute(
    answer: &Answer,
    wanted: &[&Wanted],
    provider: &str,
    base: &str,
    first: usize,
) -> Result<Attributed, ProviderError> {
    let (observables, indicators) = (
        answer.page("stixCyberObservables"),
        answer.page("indicators"),
    );
    let trouble = match (&observables, &indicators) {
        (Err(error), Err(_)) => return Err(error.clone()),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Some(error.clone()),
        (Ok(_), Ok(_)) => None,
    };
    let pages = [
        observables.unwrap_or_default(),
        indicators.unwrap_or_default(),
    ];
    let mut attributed = Attributed {
        found: vec![Vec::new(); wanted.len()],
        truncated: pages.iter().any(|page| page.len() >= first as u64),
        trouble,
    };
    let [observables, indicators] = &pages;
    by_observables(observables, wanted, provider, base, &mut attributed);
    by_patterns(indicators, wanted, provider, base, &mut attributed);
    Ok(attributed)
}

fn by_observables(
    page: &Page,
    wanted: &[&Wanted],
    provider: &str,
    base: &str,
    attributed: &mut Attributed,
) {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, wanted) in wanted.iter().enumerate() {
        for form in &wanted.forms {
            places.entry(form.to_lowercase()).or_default().push(place);
        }
    }
    for observable in &page.nodes {
        let value = observable.get("observable_value").and_then(Value::as_str);
        let hashes = fields::items(observable, "hashes")
            .filter_map(|hash| hash.get("hash").and_then(Value::as_str));
        let texts = value.into_iter().chain(hashes).take(16);
        let mut here: Vec<usize> = texts
            .filter_map(|text| places.get(&text.to_lowercase()))
            .flatten()
            .copied()
            .collect();
        here.sort_unstable();
        here.dedup();
        let nodes = fields::items(observable, "indicators");
        let read = nodes.filter_map(|indicator| node::indicator(indicator, provider, base));
        for indicator in read.filter(|indicator| indicator.pattern_type == "stix") {
            let whole = is_alternatives(&indicator.pattern);
            add(&mut attributed.found, &here, indicator, whole);
        }
    }
}

fn by_patterns(
    page: &Page,
    wanted: &[&Wanted],
    provider: &str,
    base: &str,
    attributed: &mut Attributed,
) {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, wanted) in wanted.iter().enumerate() {
        for pattern in wanted.patterns() {
            places
                .entry(pattern.to_lowercase())
                .or_default()
                .push(place);
        }
    }
    for node in &page.nodes {
        let Some(indicator) = node::indicator(node, provider, base) else {
            continue;
        };
        let pattern = indicator.pattern.trim().to_lowercase();
        if let Some(here) = places.get(&pattern).cloned() {
            add(&mut attributed.found, &here, indicator, true);
        }
    }
}

fn add(found: &mut [Vec<Match>], places: &[usize], indicator: Indicator, whole: bool) {
    let indicator = Arc::new(indicator);
    for place in places {
        let matches = &mut found[*place];
        match matches
            .iter_mut()
            .find(|known| known.indicator.id == indicator.id)
        {
            Some(known) => known.whole |= whole,
            None => matches.push(Match {
                indicator: Arc::clone(&indicator),
                whole,
            }),
        }
    }
}

/// Whether any one of a pattern's comparisons fulfils it. Hashes of one file joined by AND count: each of them is decisive.
fn is_alternatives(pattern: &str) -> bool {
    let mut outside = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    let mut quoted = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' if quoted => {
                chars.next();
            }
            '\'' => {
                quoted = !quoted;
                outside.push(' ');
            }
            _ if quoted => {}
            _ => outside.push(char),
        }
    }
    let words = outside.split(|char: char| !char.is_ascii_alphanumeric() && !"-:.".contains(char));
    let (mut and, mut other_paths) = (false, false);
    for word in words.filter(|word| !word.is_empty()) {
        match word {
            "NOT" | "FOLLOWEDBY" | "WITHIN" | "REPEATS" | "START" | "STOP" => return false,
            "AND" => and = true,
            _ => other_paths |= word.contains(':') && !word.starts_with("file:hashes"),
        }
    }
    let negated = outside.contains("!=");
    let joined = and && other_paths;
    !(negated || joined)
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::observables::Kind;
    use serde_json::json;

    use super::{super::Asked, *};
    use crate::provider::opencti::refusal::Need;

    fn wanted(kind: Kind, value: &str) -> Wanted {
        Wanted::of(&Asked {
            kind,
            value: value.to_owned(),
        })
        .unwrap()
    }

    fn ids(attributed: &Attributed) -> Vec<Vec<(&str, bool)>> {
        fn one(matches: &[Match]) -> Vec<(&str, bool)> {
            matches
                .iter()
                .map(|found| (found.indicator.id.as_str(), found.whole))
                .collect()
        }
        attributed
            .found
            .iter()
            .map(|matches| one(matches))
            .collect()
    }

    #[test]
    fn indicators_go_to_the_values_they_speak_of_whatever_the_case() {
        let (sha, ip) = (
            wanted(Kind::Sha256, &"ab".repeat(32)),
            wanted(Kind::Ip, "203.0.113.9"),
        );
        let answer = json!({"data": {
            "stixCyberObservables": {"edges": [{"node": {
                "observable_value": "other", "hashes": [{"algorithm": "SHA-256", "hash": "AB".repeat(32)}],
                "indicators": {"edges": [
                    {"node": {"id": "several", "pattern": "[file:hashes.MD5 = 'x' OR file:hashes.'SHA-256' = 'y']"}},
                    {"node": {"id": "both", "pattern": "[file:name = 'x' AND file:hashes.MD5 = 'y']"}},
                    {"node": {"id": "rule", "pattern": "rule x", "pattern_type": "yara"}}]}}}]},
            "indicators": {"edges": [
                {"node": {"id": "only", "pattern": "[ipv4-addr:value = '203.0.113.9']"}},
                {"node": {"id": "not asked for", "pattern": "[ipv4-addr:value = '203.0.113.10']"}}]}}});
        let answer = Answer::read(answer.to_string().as_bytes(), Need::Read).unwrap();
        let attributed = attribute(&answer, &[&sha, &ip], "cti", "https://cti", 500).unwrap();
        assert_eq!(
            ids(&attributed),
            [
                vec![("several", true), ("both", false)],
                vec![("only", true)]
            ]
        );
        assert!(!attributed.truncated && attributed.trouble.is_none());
        let full = attribute(&answer, &[&sha, &ip], "cti", "https://cti", 2).unwrap();
        assert!(full.truncated);
    }

    #[test]
    fn one_way_that_failed_leaves_what_the_other_found() {
        let ip = wanted(Kind::Ip, "203.0.113.9");
        let answer = json!({"data": {"stixCyberObservables": null, "indicators": {"edges": [
            {"node": {"id": "only", "pattern": "[IPv4-Addr:value = '203.0.113.9']"}}]}},
            "errors": [{"path": ["stixCyberObservables"], "extensions": {"code": "DATABASE_ERROR"}}]});
        let answer = Answer::read(answer.to_string().as_bytes(), Need::Read).unwrap();
        let attributed = attribute(&answer, &[&ip], "cti", "https://cti", 500).unwrap();
        assert_eq!(ids(&attributed), [[("only", true)]]);
        assert!(attributed.trouble.is_some());
    }

    #[test]
    fn a_pattern_that_asks_for_more_than_one_value_is_told_apart() {
        for (pattern, expected) in [
            ("[ipv4-addr:value = '1.2.3.4']", true),
            ("[a:b = 'x AND y'] OR [c:d = 'it\\'s AND']", true),
            (
                "[file:hashes.MD5 = 'a' AND file:hashes.'SHA-1' = 'b']",
                true,
            ),
            ("[ipv4-addr:value = 'a' AND domain-name:value = 'b']", false),
            ("[a:b = 'x'] FOLLOWEDBY [a:b = 'y']", false),
            ("[a:b != 'x']", false),
            ("[a:b NOT = 'x']", false),
            ("'", true),
        ] {
            assert_eq!(is_alternatives(pattern), expected, "{pattern}");
        }
    }
}
