//! Names of people, hosts and internal addresses become `USER_1`, `HOST_1`, `IP_INT_1`, `EMAIL_1`, `DOMAIN_INT_1` before an alert
//! leaves the house, and come back in the answer.
//!
//! - One value has one name in all fields of an alert. Values are collected from fields that are known to hold them, then replaced
//!   wherever they stand between word boundaries.
//! - What an analyst needs stays: external addresses, hashes, versions, the structure of paths, accounts everybody has.
//! - A number that the alert itself uses (`USER_1` written by an attacker) is never given out, so it can't be taken for somebody.
//! - The map lives in memory; it is never printed and never stored. Linear in the size of the alert.
//!
//! What is a name and what is none: `facts/ai.md §4.3`.

mod addresses;
mod collect;
mod known;
mod map;
mod token;

use std::net::IpAddr;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

pub use self::map::PseudonymMap;

/// Bytes of all names together. More is made to exhaust us.
const LARGEST: usize = 1 << 20;

/// The names of one alert, and the way to replace them.
#[derive(Debug)]
pub(crate) struct Pseudonyms {
    map: PseudonymMap,
    names: AhoCorasick,
    tokens: Vec<String>,
    /// Too short to be replaced in prose.
    short: Vec<bool>,
    addresses: addresses::Addresses,
}

impl Pseudonyms {
    /// Collects the names in these fields (path and text). `None` where there are too many.
    pub fn collect<'a>(fields: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Option<Self> {
        let mut map = PseudonymMap::on();
        let mut found = collect::Found::default();
        let mut addresses = addresses::Addresses::default();
        for (path, text) in fields {
            map.reserve(path);
            map.reserve(text);
            found.field(path, text);
            addresses.collect(path, text);
        }
        let found = found.into_names();
        if found.iter().map(|(_, name)| name.len()).sum::<usize>() > LARGEST
            || addresses.len() > LARGEST / 16
        {
            return None;
        }
        let tokens = found
            .iter()
            .map(|(kind, name)| map.name(*kind, name))
            .collect();
        addresses.name(&mut map);
        let names = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(found.iter().map(|(_, name)| name))
            .ok()?;
        let short = found
            .iter()
            .map(|(_, name)| name.chars().count() < 3)
            .collect();
        Some(Self {
            map,
            names,
            tokens,
            short,
            addresses,
        })
    }

    /// The text with all names replaced; `None` where there is none. `field` is the last part of its path.
    pub fn apply(&self, field: &str, text: &str) -> Option<String> {
        let mut places: Vec<(usize, usize, &str)> = self
            .names
            .find_overlapping_iter(text)
            .filter(|hit| {
                let pattern = hit.pattern().as_usize();
                stands_alone(text, hit.start(), hit.end())
                    && (!self.short[pattern] || is_marked(text, hit.start(), hit.end()))
            })
            .map(|hit| {
                (
                    hit.start(),
                    hit.end(),
                    &*self.tokens[hit.pattern().as_usize()],
                )
            })
            .collect();
        self.addresses.places(field, text, &mut places);
        if places.is_empty() {
            return None;
        }
        // Leftmost first, of those the longest.
        places.sort_by_key(|(start, end, _)| (*start, usize::MAX - end));
        let mut out = String::with_capacity(text.len());
        let mut written = 0;
        for (start, end, token) in places {
            if start >= written {
                out.push_str(&text[written..start]);
                out.push_str(token);
                written = end;
            }
        }
        out.push_str(&text[written..]);
        Some(out)
    }

    /// Which internal addresses are neighbours, as facts for the model.
    pub fn neighbours(&self) -> Vec<String> {
        self.addresses.neighbours()
    }

    /// What the answer is put back with.
    pub fn into_map(self) -> PseudonymMap {
        self.map
    }
}

fn part_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// `bob` in `bobcat` does not.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    !text[..start].ends_with(part_of_word) && !text[end..].starts_with(part_of_word)
}

/// Whether one or two letters stand where only a name can: alone, behind a backslash or a slash of a home, behind `user=`.
fn is_marked(text: &str, start: usize, end: usize) -> bool {
    start == 0 && end == text.len()
        || text[..start].ends_with(['\\', '/', '=', '@'])
        || text[end..].starts_with('@')
}

/// An address in one spelling for all.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
