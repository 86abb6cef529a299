//! Under what a matcher set can be filed: things an alert must have for the set to hold.

use ipnet::IpNet;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::literals;
use crate::{
    field::{Field, HeadField},
    matcher::{Matcher, Matchers, Test},
    pattern::Pattern,
};

/// One way to file a set: it can't hold unless the field has a value under one of the keys.
pub(super) struct Filing {
    pub(super) field: Field,
    keys: Vec<Key>,
}

/// What a value of the field must be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// This text.
    Text(String),
    /// An address in this network.
    Network(IpNet),
    /// A text that holds this, whatever the case of its ASCII letters.
    Literal(String),
    /// There.
    Present,
}

impl Filing {
    pub(super) fn keys(&self) -> impl Iterator<Item = (&Field, &Key)> {
        self.keys.iter().map(|key| (&self.field, key))
    }
}

/// All ways to file a set, those that tell most first.
pub(super) fn filings(set: &Matchers) -> Vec<Filing> {
    let mut filings: Vec<Filing> = set.iter().filter_map(filing).collect();
    filings.sort_by_key(|filing| match filing.keys.first() {
        // No key: it can never hold.
        None => 0,
        Some(Key::Text(_)) if filing.field.head.is_some() => 1,
        Some(Key::Text(_)) => 2,
        Some(Key::Network(_)) => 3,
        Some(Key::Literal(_)) => 4,
        Some(Key::Present) => 5,
    });
    // Being there is weaker than any other key, however many sets share that one.
    let tells_more = filings
        .iter()
        .take_while(|filing| filing.keys != [Key::Present])
        .count();
    filings.truncate(tells_more.max(1));
    filings
}

fn filing(matcher: &Matcher) -> Option<Filing> {
    let field = matcher.field();
    let keys = match matcher.test() {
        Test::Equal(text) => vec![Key::Text(text.clone())],
        Test::Like(pattern) => of_pattern(pattern)?,
        Test::Within(networks) => networks.iter().copied().map(Key::Network).collect(),
        // Always there.
        Test::Compare(..) | Test::Exists if field.head == Some(HeadField::RuleLevel) => {
            return None;
        }
        Test::Compare(..) | Test::Exists => vec![Key::Present],
        Test::NotEqual(_) | Test::NotLike(_) | Test::NotWithin(_) | Test::Missing => return None,
    };
    let field = field.clone();
    Some(Filing { field, keys })
}

fn of_pattern(pattern: &Pattern) -> Option<Vec<Key>> {
    if let Some(texts) = all_texts(pattern) {
        return Some(texts.into_iter().map(Key::Text).collect());
    }
    if let Some(literals) = literals::required(pattern.hir()) {
        return Some(literals.into_iter().map(Key::Literal).collect());
    }
    // A pattern that matches the empty text holds for a missing field too.
    (!pattern.matches("")).then(|| vec![Key::Present])
}

/// Every text the pattern matches, where they are few: `5710|5712`.
fn all_texts(pattern: &Pattern) -> Option<Vec<String>> {
    let found = Extractor::new()
        .kind(ExtractKind::Prefix)
        .extract(pattern.hir());
    if !found.is_exact() {
        return None;
    }
    let mut texts = Vec::new();
    for literal in found.literals()? {
        let text = std::str::from_utf8(literal.as_bytes()).ok()?;
        texts.push(text.to_owned());
    }
    texts.sort();
    texts.dedup();
    Some(texts)
}
