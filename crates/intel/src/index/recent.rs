//! Indicators that were hit lately, read and understood: the same few are hit again and again.
//!
//! A place in a segment never changes what stands there, so what is remembered of it is never wrong; whether it still counts is asked of
//! the index before. Bounded in number and in size: long ones are read each time. What is hit once is not remembered, only that it was: a
//! flood of different hits would pay for keeping what nobody asks for again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Indicator, disk::segment::Place, fingerprint::ByFingerprint, pattern::Compiled};

/// Half of the indicators that are remembered; the younger half is never dropped for the older one.
const HALF: usize = 2048;
/// Longest JSON of one that is remembered, bytes.
pub(super) const LONGEST: usize = 4096;

/// An indicator as it is put to an alert.
#[derive(Debug)]
pub(super) struct Known {
    /// The fingerprint of its id.
    pub(super) id: u64,
    pub(super) indicator: Arc<Indicator>,
    /// `None`: it can't match.
    pub(super) compiled: Option<Compiled>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Recent {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Young and old.
    generations: [ByFingerprint<Arc<Known>>; 2],
    /// Places that were hit once, each in the one slot it may be in; made with the first hit.
    once: Vec<u64>,
}

/// Slots for places that were hit once; a power of two.
const ONCE: usize = 8192;

impl Recent {
    pub(super) fn get(&self, place: Place) -> Option<Arc<Known>> {
        let mut memory = self.memory();
        let [young, old] = &mut memory.generations;
        if let Some(known) = young.get(&place.0) {
            return Some(Arc::clone(known));
        }
        let known = old.remove(&place.0)?;
        memory.insert(place, Arc::clone(&known));
        Some(known)
    }

    /// Remembers it, where it was hit before.
    pub(super) fn offer(&self, place: Place, known: &Arc<Known>) {
        let mut memory = self.memory();
        if memory.once.is_empty() {
            memory.once = vec![u64::MAX; ONCE];
        }
        // Neighbours in a segment lie some hundred bytes apart.
        let slot = (place.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as usize % ONCE;
        if memory.once[slot] == place.0 {
            memory.insert(place, Arc::clone(known));
        } else {
            memory.once[slot] = place.0;
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn insert(&mut self, place: Place, known: Arc<Known>) {
        let [young, old] = &mut self.generations;
        if young.len() >= HALF {
            *old = std::mem::take(young);
        }
        young.insert(place.0, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_what_is_hit_stays() {
        let recent = Recent::default();
        let known = |id| {
            Arc::new(Known {
                id,
                indicator: Arc::default(),
                compiled: None,
            })
        };
        recent.offer(Place(0), &known(0));
        assert!(recent.get(Place(0)).is_none(), "it was hit once");
        recent.offer(Place(0), &known(0));
        for number in 1..20_000 {
            recent.offer(Place(number), &known(number));
            recent.offer(Place(number), &known(number));
            assert_eq!(recent.get(Place(0)).map(|known| known.id), Some(0));
        }
        let memory = recent.memory();
        let held: usize = memory.generations.iter().map(|one| one.len()).sum();
        assert!(held <= 2 * HALF);
    }
}
