//! A family of events: which fields make two of them the same, and which are collected.

use crate::path::Path;

/// Fields that stand for each other.
pub(super) type Paths = &'static [Path<'static>];

/// One row of the tables in `tables.rs`.
#[derive(Debug)]
pub(super) struct Family {
    /// As in `docs/folding.md`.
    pub(super) name: &'static str,
    /// Beside rule and agent.
    pub(super) key: &'static [Word],
    /// Labels, and the fields that count for each.
    pub(super) collected: &'static [(&'static str, Paths)],
    /// Whether the remaining fields of `data` are part of the key.
    pub(super) has_rest: bool,
}

/// One word of a key: the first of these fields that holds something.
#[derive(Debug)]
pub(super) struct Word {
    /// The first one names the word, so that other spellings make the same key.
    pub(super) fields: Paths,
    pub(super) letters: Case,
}

/// When two values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// In any case: names of hosts, hashes, addresses.
    Blind,
    /// As the system has it: in any case on Windows and where a path of Windows stands, else letter for letter.
    System,
}

pub(super) const fn same(fields: Paths) -> Word {
    let letters = Case::System;
    Word { fields, letters }
}

pub(super) const fn blind(fields: Paths) -> Word {
    let letters = Case::Blind;
    Word { fields, letters }
}
