//! Indicators that were hit lately, read and understood: the same few are hit again and again.
//!
//! A place in a segment never changes what stands there, so what is remembered of it is never wrong; whether it still counts is asked of
//! the index before. Bounded in number and in size: long ones are read each time.

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
    generations: Mutex<[ByFingerprint<Arc<Known>>; 2]>,
}

impl Recent {
    pub(super) fn get(&self, place: Place) -> Option<Arc<Known>> {
        let mut generations = self.generations();
        let [young, old] = &mut *generations;
        if let Some(known) = young.get(&place.0) {
            return Some(Arc::clone(known));
        }
        let known = old.remove(&place.0)?;
        Self::insert(&mut generations, place, Arc::clone(&known));
        Some(known)
    }

    pub(super) fn put(&self, place: Place, known: Arc<Known>) {
        Self::insert(&mut self.generations(), place, known);
    }

    fn insert(generations: &mut [ByFingerprint<Arc<Known>>; 2], place: Place, known: Arc<Known>) {
        let [young, old] = generations;
        if young.len() >= HALF {
            *old = std::mem::take(young);
        }
        young.insert(place.0, known);
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, [ByFingerprint<Arc<Known>>; 2]> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        recent.put(Place(0), known(0));
        for number in 1..20_000 {
            recent.put(Place(number), known(number));
            assert_eq!(recent.get(Place(0)).map(|known| known.id), Some(0));
        }
        let generations = recent.generations();
        assert!(generations.iter().map(|one| one.len()).sum::<usize>() <= 2 * HALF);
    }
}
