//! The sets that are filed under one field, and which of them an alert could fulfil.

use std::{collections::HashMap, net::IpAddr};

use aho_corasick::{AhoCorasick, MatchKind};
use ipnet::IpNet;

use super::{bits::Bits, filing::Key, literals};
use crate::{field::Field, network::address, view::AlertView};

#[derive(Debug)]
pub(super) struct Filed {
    field: Field,
    texts: HashMap<String, Vec<usize>>,
    /// Those of the empty text, which a missing field is.
    of_nothing: Vec<usize>,
    networks: HashMap<IpNet, Vec<usize>>,
    /// Prefix lengths of the networks, IPv4 and IPv6.
    prefixes: [Vec<u8>; 2],
    literals: Option<Literals>,
    present: Vec<usize>,
}

/// Sets by literal, and one automaton that finds all literals of a text.
#[derive(Debug)]
struct Literals {
    automaton: AhoCorasick,
    sets: Vec<Vec<usize>>,
}

impl Filed {
    pub(super) fn new(field: Field, entries: Vec<(Key, usize)>) -> Self {
        let mut filed = Self {
            field,
            texts: HashMap::new(),
            of_nothing: Vec::new(),
            networks: HashMap::new(),
            prefixes: [Vec::new(), Vec::new()],
            literals: None,
            present: Vec::new(),
        };
        let mut literals: HashMap<String, Vec<usize>> = HashMap::new();
        for (key, set) in entries {
            match key {
                Key::Text(text) => filed.texts.entry(text).or_default().push(set),
                Key::Network(network) => filed.networks.entry(network).or_default().push(set),
                Key::Literal(literal) => literals.entry(literal).or_default().push(set),
                Key::Present => filed.present.push(set),
            }
        }
        for network in filed.networks.keys() {
            let family = usize::from(network.addr().is_ipv6());
            filed.prefixes[family].push(network.prefix_len());
        }
        for prefixes in &mut filed.prefixes {
            prefixes.sort_unstable();
            prefixes.dedup();
        }
        filed.of_nothing = filed.texts.get("").cloned().unwrap_or_default();
        filed.file_literals(literals);
        filed
    }

    fn file_literals(&mut self, literals: HashMap<String, Vec<usize>>) {
        if literals.is_empty() {
            return;
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(literals.keys());
        let sets = literals.into_values();
        match automaton {
            Ok(automaton) => {
                let sets = sets.collect();
                self.literals = Some(Literals { automaton, sets });
            }
            // Too many for one automaton (2^31 states): slower, and right.
            Err(_) => self.present.extend(sets.flatten()),
        }
    }

    /// Adds every set filed here that the alert could fulfil.
    pub(super) fn candidates(&self, view: &AlertView<'_>, candidates: &mut Bits) {
        // Most fields are missing.
        if view.lacks(&self.field) {
            return add(&self.of_nothing, candidates);
        }
        if !self.present.is_empty() && view.exists(&self.field) {
            add(&self.present, candidates);
        }
        if self.texts.is_empty() && self.networks.is_empty() && self.literals.is_none() {
            return;
        }
        let mut found = None;
        view.any(&self.field, |value| {
            if let Some(sets) = self.texts.get(value) {
                add(sets, candidates);
            }
            if !self.networks.is_empty()
                && let Some(address) = address(value)
            {
                self.networks_of(address, candidates);
            }
            // No literal is that short.
            if value.len() >= literals::SHORTEST
                && let Some(literals) = &self.literals
            {
                let found = found.get_or_insert_with(|| Bits::new(literals.sets.len()));
                literals.candidates(value, found, candidates);
            }
            false
        });
    }

    fn networks_of(&self, address: IpAddr, candidates: &mut Bits) {
        for &prefix in &self.prefixes[usize::from(address.is_ipv6())] {
            let network = IpNet::new(address, prefix).map(|network| network.trunc());
            if let Some(sets) = network.ok().and_then(|network| self.networks.get(&network)) {
                add(sets, candidates);
            }
        }
    }
}

impl Literals {
    /// `found` are the literals that were found before.
    fn candidates(&self, value: &str, found: &mut Bits, candidates: &mut Bits) {
        for literal in self.automaton.find_overlapping_iter(value) {
            let literal = literal.pattern().as_usize();
            if found.insert(literal) {
                add(&self.sets[literal], candidates);
            }
        }
    }
}

fn add(sets: &[usize], candidates: &mut Bits) {
    for &set in sets {
        candidates.insert(set);
    }
}
