//! One allowlist entry, compiled: a list of conditions that must all hold, each of which any one of its matchers fulfils.

use super::{
    config::AllowlistEntryConfig,
    glob,
    places::{self, Case, Place},
};
use crate::{
    gate::RuleId,
    matcher::{Matcher, Matchers},
    network::network,
    pattern::{Pattern, PatternError},
    quiet::QuietError,
    view::AlertView,
};

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Never empty; those that tell most first.
    pub(crate) conditions: Vec<Condition>,
}

/// One key of an entry.
#[derive(Debug)]
pub(crate) struct Condition {
    /// The key in the configuration.
    pub(crate) key: &'static str,
    /// Any of them will do.
    pub(crate) any_of: Vec<Matchers>,
}

impl Entry {
    pub(super) fn new(config: AllowlistEntryConfig) -> Result<Self, QuietError> {
        let place = format!("quiet.allowlist {:?}", config.name);
        let error = |why: &str| Err(QuietError::new(&*place, why));
        if config.name.trim().is_empty() {
            return error("an entry needs a name, which is shown where it silences an alert");
        }
        if config.comment.trim().is_empty() {
            return error("comment is empty: say why this is harmless");
        }
        let texts = |key: &'static str, list: &[String], places: &[Place]| {
            let mut any_of = Vec::new();
            for (number, text) in list.iter().enumerate() {
                let matchers = globs(text, places);
                any_of.extend(matchers.map_err(|why| at(&place, key, number, &why))?);
            }
            Ok::<_, QuietError>(Condition { key, any_of })
        };
        let each = |key, list: &[String], compile: fn(&str) -> Result<Vec<Matchers>, String>| {
            let mut any_of = Vec::new();
            for (number, text) in list.iter().enumerate() {
                any_of.extend(compile(text.trim()).map_err(|why| at(&place, key, number, &why))?);
            }
            Ok::<_, QuietError>(Condition { key, any_of })
        };
        // What tells most stands first: the index files an entry under it.
        let mut conditions = vec![
            each("hashes", &config.hashes, hashes)?,
            Condition {
                key: "matchers",
                any_of: config.matchers,
            },
            texts(
                "command_lines",
                &config.command_lines,
                places::COMMAND_LINES,
            )?,
            texts("target_files", &config.target_files, places::TARGET_FILES)?,
            each("domains", &config.domains, domains)?,
            texts("processes", &config.processes, places::PROCESSES)?,
            each("networks", &config.networks, networks)?,
            texts("agents", &config.agents, places::AGENTS)?,
            rules(&config.rules),
        ];
        conditions.retain(|condition| !condition.any_of.is_empty());
        let picks = |condition: &Condition| !condition.any_of.iter().any(Matchers::match_empty);
        if conditions.is_empty() {
            return error(
                "it has no key that picks alerts: give one of processes, command_lines, target_files, hashes, networks, \
                 domains, rules, agents, matchers",
            );
        }
        if !conditions.iter().any(picks) {
            return error(
                "matchers also hold for an alert without the fields, so nearly everything would be silenced: add one such \
                 as rule.id = \"5710\"",
            );
        }
        conditions.sort_by_key(|condition| !picks(condition));
        Ok(Self {
            name: config.name,
            conditions,
        })
    }

    pub(crate) fn holds(&self, view: &AlertView<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(view))
    }
}

impl Condition {
    pub(crate) fn holds(&self, view: &AlertView<'_>) -> bool {
        self.any_of.iter().any(|matchers| matchers.hold(view))
    }
}

fn at(place: &str, key: &str, number: usize, why: &str) -> QuietError {
    QuietError::new(format!("{place} {key}[{number}]"), why)
}

fn globs(text: &str, places: &[Place]) -> Result<Vec<Matchers>, String> {
    if !text.chars().any(char::is_alphanumeric) {
        return Err(format!(
            "{text:?} would match nearly everything: a pattern needs a letter or digit beside * and ?"
        ));
    }
    let compile = |case| glob::glob(text, case).map_err(|error| why_not(text, &error));
    let (blind, exact) = (compile(Case::Blind)?, compile(Case::Exact)?);
    let by_pattern = compile(Case::ByPattern)?;
    let pattern_of = |case| match case {
        Case::Blind => &blind,
        Case::ByPattern => &by_pattern,
        Case::Exact => &exact,
    };
    Ok(like(places, pattern_of))
}

fn why_not(text: &str, error: &PatternError) -> String {
    let begin = crate::explain::cut(text, 40);
    match error {
        PatternError::Syntax { why, .. } => format!("{begin:?} is no pattern: {why}"),
        PatternError::TooLarge | PatternError::TooLong => {
            format!("{begin:?} is too long: a pattern may have about 900 characters")
        }
    }
}

fn like<'a>(places: &[Place], pattern_of: impl Fn(Case) -> &'a Pattern) -> Vec<Matchers> {
    let one = |place: &Place| Matcher::like(place.path, pattern_of(place.case).clone());
    places.iter().filter_map(one).filter_map(single).collect()
}

fn single(matcher: Matcher) -> Option<Matchers> {
    Matchers::new(vec![matcher])
}

fn hashes(text: &str) -> Result<Vec<Matchers>, String> {
    let kind = match text.len() {
        32 => "MD5",
        40 => "SHA1",
        64 => "SHA256",
        128 => "SHA512",
        _ => "",
    };
    if kind.is_empty() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!(
            "expected an MD5, SHA-1, SHA-256 or SHA-512 in 32, 40, 64 or 128 hexadecimal digits, found {:?}",
            crate::explain::cut(text, 40)
        ));
    }
    let pattern = glob::hash(kind, text).map_err(|error| why_not(text, &error))?;
    Ok(like(places::HASHES, |_| &pattern))
}

fn domains(text: &str) -> Result<Vec<Matchers>, String> {
    let name = text.strip_prefix("*.").unwrap_or(text).trim_matches('.');
    let is_name = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if name.is_empty() || name.len() > 253 || !name.chars().all(is_name) {
        return Err(format!(
            "expected a domain such as example.com (those below it count too), found {:?}",
            crate::explain::cut(text, 40)
        ));
    }
    let pattern = glob::domain(name).map_err(|error| why_not(text, &error))?;
    Ok(like(places::DOMAINS, |_| &pattern))
}

fn networks(text: &str) -> Result<Vec<Matchers>, String> {
    let network = network(text).map_err(|error| error.to_string())?;
    let one = |path: &&str| Matcher::within(path, vec![network]);
    Ok(places::NETWORKS
        .iter()
        .filter_map(one)
        .filter_map(single)
        .collect())
}

fn rules(rules: &[RuleId]) -> Condition {
    let one = |rule: &RuleId| Matcher::equal("rule.id", rule.as_str()).and_then(single);
    Condition {
        key: "rules",
        any_of: rules.iter().filter_map(one).collect(),
    }
}
