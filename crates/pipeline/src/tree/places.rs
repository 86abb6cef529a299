//! Where each path of an alert leads, in a hash table: most fields that rules ask for are missing, and this says so at once.

use super::scan::{Kind, NONE, Span};
use crate::path::PathHash;

/// Steps to the next free slot. More happen only to one who made paths for this, and then every search walks.
const MOST_STEPS: usize = 32;

/// What is known of a path before anybody walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing in the alert has it.
    Nowhere,
    /// No more than this span has it. Its path may be another one with the same hash.
    Only(u32),
    /// Several have it, or it leads through a list.
    Several,
}

#[derive(Debug)]
pub(super) struct Places {
    slots: Vec<Slot>,
    is_crowded: bool,
}

/// Half of a hash, and the span.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    span: u32,
}

const FREE: u32 = NONE;
const SEVERAL: u32 = NONE - 1;

impl Places {
    pub(super) fn new(spans: &[Span]) -> Self {
        let free = Slot { tag: 0, span: FREE };
        let mut places = Self {
            slots: vec![free; (2 * spans.len()).next_power_of_two()],
            is_crowded: false,
        };
        for (number, span) in spans.iter().enumerate() {
            let is_item = spans
                .get(span.parent as usize)
                .is_none_or(|parent| parent.kind == Kind::List);
            // The path of an item is that of its list.
            if !is_item {
                let number = if span.in_list { SEVERAL } else { number as u32 };
                places.insert(span.hash, number);
            }
        }
        places
    }

    /// What a text of an attacker could bring about.
    #[cfg(test)]
    pub(super) fn crowded() -> Self {
        let (slots, is_crowded) = (Vec::new(), true);
        Self { slots, is_crowded }
    }

    fn insert(&mut self, hash: PathHash, span: u32) {
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        for step in 0..MOST_STEPS {
            let at = (hash.bits() as usize + step) & mask;
            let slot = &mut self.slots[at];
            if slot.span == FREE {
                *slot = Slot { tag, span };
                return;
            }
            if slot.tag == tag {
                slot.span = SEVERAL;
                return;
            }
        }
        self.is_crowded = true;
    }

    pub(super) fn of(&self, hash: PathHash) -> Place {
        if self.is_crowded {
            return Place::Several;
        }
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        for step in 0..MOST_STEPS {
            let slot = self.slots[(hash.bits() as usize + step) & mask];
            if slot.span == FREE {
                return Place::Nowhere;
            }
            if slot.tag == tag {
                return match slot.span {
                    SEVERAL => Place::Several,
                    span => Place::Only(span),
                };
            }
        }
        Place::Nowhere
    }
}

fn tag(hash: PathHash) -> u32 {
    (hash.bits() >> 32) as u32
}
