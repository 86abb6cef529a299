//! Alerts that can't be read, each told of once: they are met again at every look, as long as they have the tag.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use tracing::warn;

/// Further ones are not remembered, and told of each time.
const MOST: usize = 1000;

/// What was told of.
#[derive(Debug, Default)]
pub(in crate::iris) struct LeftOut(Mutex<BTreeSet<String>>);

impl LeftOut {
    /// `what` names the alert; says whether it was told of for the first time.
    pub(super) fn tell(&self, what: String, why: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(&what) {
            return false;
        }
        warn!(
            unreadable = told.len() + 1,
            "{what} is left out of the look for alerts by their tag: {why}"
        );
        if told.len() < MOST {
            told.insert(what);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_once_and_memory_is_bounded() {
        let left_out = LeftOut::default();
        assert!(left_out.tell("alert 1".to_owned(), "x"));
        assert!(!left_out.tell("alert 1".to_owned(), "x"));
        for id in 0..2 * MOST {
            left_out.tell(format!("alert {id}"), "x");
        }
        assert_eq!(left_out.0.lock().unwrap().len(), MOST);
    }
}
