//! A pattern as a tree of tests, put to the values of one alert.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Anchor, scan_text::TextTest};
use crate::{
    How,
    value::{Key, bit, commonness},
};

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// One value of an alert, or one that follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) key: Key,
    /// The address, where it is one.
    pub(crate) ip: Option<IpAddr>,
    /// Which end of a connection it is; `None` where that is unknown, which fits both.
    pub(crate) side: Option<Side>,
    /// `Exact`, or how it follows: `UrlHost`, `Parent`.
    pub(crate) how: How,
    /// The observable's place in the alert's list.
    pub(crate) observable: usize,
}

/// A tree of tests.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Test(Test),
}

/// One test.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// A set of [`crate::value::bit`].
    pub(super) kinds: u32,
    pub(super) side: Option<Side>,
    pub(super) negated: bool,
    pub(super) ask: Ask,
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// Is it one of these? Sorted.
    Keys(Vec<Key>),
    /// Is it in one of these?
    Networks(Vec<IpNet>),
    /// Does it match?
    Text(TextTest),
    /// Is there one?
    Present,
}

/// What a matching alert must have. See [`super::Compiled`].
#[derive(Clone, Debug, Default)]
pub(super) struct Cover {
    pub(super) anchors: Vec<Anchor>,
    pub(super) scan: u32,
}

/// A tree that holds: how, and by which observable (`None`: only by negated tests).
pub(crate) type Found = (How, Option<usize>);

impl Node {
    /// Whether the tree holds for these facts: the strongest way it does.
    pub(crate) fn evaluate(&self, facts: &[Fact]) -> Option<Found> {
        match self {
            Self::Any(children) => children
                .iter()
                .filter_map(|child| child.evaluate(facts))
                .min_by_key(|(how, _)| *how),
            Self::All(children) => {
                let mut all: Found = (How::Exact, None);
                for child in children {
                    let (how, observable) = child.evaluate(facts)?;
                    all = (all.0.max(how), all.1.or(observable));
                }
                Some(all)
            }
            Self::Test(test) => test.evaluate(facts),
        }
    }

    /// The tree without the sides of an OR that no value leads to, and whether there were any. `None` where nothing is left.
    pub(super) fn driven(self) -> Option<(Self, bool)> {
        match self {
            Self::Any(children) => {
                let before = children.len();
                let mut dropped = false;
                let kept: Vec<Self> = children
                    .into_iter()
                    .filter_map(Self::driven)
                    .map(|(child, partly)| {
                        dropped |= partly;
                        child
                    })
                    .collect();
                dropped |= kept.len() < before;
                (!kept.is_empty()).then_some((Self::Any(kept), dropped))
            }
            other => other.cover().is_some().then_some((other, false)),
        }
    }

    /// What leads to this tree; `None` where nothing does.
    pub(super) fn cover(&self) -> Option<Cover> {
        match self {
            Self::Any(children) => {
                let mut all = Cover::default();
                for child in children {
                    let cover = child.cover()?;
                    all.anchors.extend(cover.anchors);
                    all.scan |= cover.scan;
                }
                (!children.is_empty()).then_some(all)
            }
            Self::All(children) => children
                .iter()
                .filter_map(Self::cover)
                .min_by_key(Cover::cost),
            Self::Test(test) => test.cover(),
        }
    }
}

impl Cover {
    /// How often it leads here in vain: scans first of all, then by the commonest value.
    fn cost(&self) -> (bool, u8, usize) {
        let commonest = self
            .anchors
            .iter()
            .map(|anchor| match anchor {
                Anchor::Key(key) => commonness(key.kind),
                Anchor::Network(_) => u8::MAX,
            })
            .max();
        (self.scan != 0, commonest.unwrap_or(0), self.anchors.len())
    }
}

impl Test {
    fn evaluate(&self, facts: &[Fact]) -> Option<Found> {
        let mut best: Option<Found> = None;
        for fact in facts {
            let fits = self.kinds & bit(fact.key.kind) != 0
                && (self.side.is_none() || fact.side.is_none() || self.side == fact.side);
            if !fits || best.is_some_and(|(how, _)| how <= fact.how) {
                continue;
            }
            if let Some(how) = self.ask.holds(fact)
                && best.is_none_or(|(best, _)| how < best)
            {
                best = Some((how, Some(fact.observable)));
            }
        }
        match (self.negated, best) {
            (false, found) => found,
            (true, Some((How::Exact | How::Cidr | How::Pattern, _))) => None,
            (true, _) => Some((How::Exact, None)),
        }
    }

    fn cover(&self) -> Option<Cover> {
        if self.negated {
            return None;
        }
        let cover = match &self.ask {
            Ask::Keys(keys) => Cover {
                anchors: keys.iter().cloned().map(Anchor::Key).collect(),
                scan: 0,
            },
            Ask::Networks(nets) => Cover {
                anchors: nets.iter().copied().map(Anchor::Network).collect(),
                scan: 0,
            },
            Ask::Text(_) => Cover {
                anchors: Vec::new(),
                scan: self.kinds,
            },
            Ask::Present => return None,
        };
        Some(cover)
    }
}

impl Ask {
    fn holds(&self, fact: &Fact) -> Option<How> {
        match self {
            Self::Keys(keys) => keys.binary_search(&fact.key).is_ok().then_some(fact.how),
            Self::Networks(nets) => {
                let ip = fact.ip?;
                nets.iter()
                    .any(|net| net.contains(&ip))
                    .then_some(How::Cidr.max(fact.how))
            }
            // A parent domain is ours, not the alert's: a text test would find it in the name below as well.
            Self::Text(test) => (fact.how != How::Parent && test.is_match(&fact.key.text))
                .then_some(How::Pattern.max(fact.how)),
            Self::Present => Some(fact.how),
        }
    }
}
