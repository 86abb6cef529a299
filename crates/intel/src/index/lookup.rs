//! The explained look-up of one value, for the command line: what is known about it, and what would keep it from matching.

use std::sync::Arc;

use alertbridge_alert::observables::{Kind, Observable, Role, Via, url_host};
use jiff::Timestamp;

use super::{Index, facts, verdict};
use crate::{
    How, Indicator, Lookup, LookupEntry, MatchRules, Unmatched, Verdict,
    pattern::{Fact, Found},
    value::network,
};

/// Entries shown.
const MOST: usize = 200;

impl Index {
    /// All that is known about one value, with the reasons where it would not match. The value may be an address, a network (its
    /// first address is looked up), a domain, a URL, a mail address, a hash, a file's name or a folder.
    #[must_use]
    pub fn lookup(&self, text: &str, rules: &MatchRules, now: Timestamp) -> Lookup {
        explained(text, rules, now, |facts| self.found(facts))
    }
}

/// Puts what `find` has found for a value into words.
pub(super) fn explained(
    text: &str,
    rules: &MatchRules,
    now: Timestamp,
    find: impl FnOnce(&[Fact]) -> Vec<(Arc<Indicator>, Option<Found>)>,
) -> Lookup {
    let observables = observables(text);
    let facts = facts::facts(&observables, true);
    let mut entries: Vec<LookupEntry> = find(&facts)
        .into_iter()
        .filter_map(|(indicator, found)| {
            // A pattern that asks for more was found by one of the facts; the first stands for it.
            let (how, number) = found.unwrap_or((How::Exact, Some(0)));
            let mut against = verdict::against(&indicator, how, rules, now);
            if found.is_none() {
                against.push(Unmatched::MoreAsked);
            }
            Some(LookupEntry {
                observable: observables.get(number.unwrap_or(0))?.clone(),
                indicator,
                how,
                verdict: if against.is_empty() {
                    Verdict::Match
                } else {
                    Verdict::NoMatch(against)
                },
            })
        })
        .collect();
    entries.sort_by_cached_key(|entry| {
        let rank = verdict::rank(&entry.indicator, entry.how, now);
        (entry.verdict != Verdict::Match, rank)
    });
    let more = entries.len().saturating_sub(MOST);
    entries.truncate(MOST);
    Lookup {
        observables,
        entries,
        more,
    }
}

/// What a text may be; a name with a dot may be a domain as well as a file's.
fn observables(text: &str) -> Vec<Observable> {
    let first = network(text).map(|net| net.addr().to_string());
    let text = first.as_deref().unwrap_or(text);
    let observable = |kind, value, via| Observable {
        kind,
        value,
        written: None,
        field: String::new(),
        role: Role::None,
        via,
    };
    let normal = |kind: Kind| Some(observable(kind, kind.normal(text)?, Via::Field));
    let surely = [
        Kind::Sha256,
        Kind::Sha512,
        Kind::Sha1,
        Kind::Md5,
        Kind::Ip,
        Kind::Url,
        Kind::Email,
    ];
    if let Some(found) = surely.into_iter().find_map(normal) {
        let host = (found.kind == Kind::Url)
            .then(|| url_host(&found.value))
            .flatten()
            .map(|(kind, value)| observable(kind, value, Via::UrlHost));
        return std::iter::once(found).chain(host).collect();
    }
    [Kind::Domain, Kind::FileName, Kind::Directory]
        .into_iter()
        .filter_map(normal)
        .collect()
}
