//! STIX patterns: what of them can match an alert, and whether it does.
//!
//! Measured on what feeds really write (facts/opencti.md §5), nearly all patterns are one equality or several joined by OR. So a
//! pattern is compiled to a small tree of tests ([`Node`]) and to the values one of which any matching alert must have
//! ([`Anchor`]): these go into the index. What the index finds is then put to the tree ([`Node::evaluate`]) with all the
//! alert's values.
//!
//! Where the language allows more than one alert can answer:
//! * Tests in one bracket speak of one object in STIX; here, of one alert. So do brackets joined by AND.
//! * Several hashes of a file joined by AND: any one is decisive, because alerts rarely carry all.
//! * A negated test holds where no value of the alert equals the given one, also where there is none.
//! * `FOLLOWEDBY`, `WITHIN`, `REPEATS`, `START … STOP`, comparisons of order, and tests of what alerts do not carry can't be
//!   answered: the pattern, or the side of an OR, is left out and counted.

mod build;
mod path;
mod reason;
mod scan_text;
mod tree;

use ipnet::IpNet;

pub(crate) use reason::Reason;
pub(crate) use tree::{Fact, Found, Node, Side};

use crate::{Indicator, value::Key};

/// Longer patterns are not looked at.
const LONGEST: usize = 64 * 1024;
/// More values than this in one indicator are not indexed.
const MOST_ANCHORS: usize = 4096;

/// A value in the index: an alert that matches the pattern has one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Key(Key),
    Network(IpNet),
}

/// A pattern that can match.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) node: Node,
    /// One of these is in any alert that matches, unless `scan`.
    pub(crate) anchors: Vec<Anchor>,
    /// It must be tried on each alert that has a value of these kinds (a set of [`crate::value::bit`]); 0 for most.
    pub(crate) scan: u32,
    /// A side of an OR was left out.
    pub(crate) partial: Option<Reason>,
}

impl Compiled {
    /// What an indicator compares.
    pub(crate) fn of(indicator: &Indicator) -> Result<Self, Reason> {
        let (node, partial) = if indicator.pattern.is_empty() {
            build::from_values(&indicator.observable_values)?
        } else if !indicator.pattern_type.eq_ignore_ascii_case("stix") {
            return Err(Reason::PatternType);
        } else if indicator.pattern.len() > LONGEST {
            return Err(Reason::TooLarge);
        } else {
            let pattern = stix_pattern::parse(&indicator.pattern).map_err(|_| Reason::Syntax)?;
            build::from_pattern(&pattern.expression)?
        };
        let (node, negation) = node.driven().ok_or(Reason::Negation)?;
        let cover = node.cover().ok_or(Reason::Negation)?;
        if cover.anchors.len() > MOST_ANCHORS {
            return Err(Reason::TooLarge);
        }
        Ok(Self {
            node,
            anchors: cover.anchors,
            scan: cover.scan,
            partial: partial.or(negation.then_some(Reason::Negation)),
        })
    }
}

impl Compiled {
    /// Whether one of its values is among these. False where only fingerprints are the same.
    pub(crate) fn names_one_of(&self, facts: &[Fact]) -> bool {
        self.anchors.iter().any(|anchor| match anchor {
            Anchor::Key(key) => facts.iter().any(|fact| fact.key == *key),
            Anchor::Network(net) => facts
                .iter()
                .any(|fact| fact.ip.is_some_and(|ip| net.contains(&ip))),
        })
    }
}

#[cfg(test)]
mod tests;
