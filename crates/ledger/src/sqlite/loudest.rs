//! Who is the loudest of very many: exact counts in bounded memory, after Misra and Gries (1982).
//!
//! Names are an attacker's to choose. Up to a number of them one pass over the alerts counts all; where there are more, it leaves
//! those that could be among the loudest (each name with more than one alert in that number is one of them), and a second pass
//! counts these exactly. Only names that are all about equally quiet can be passed over.

use std::collections::HashMap;

/// So many names are counted at a time: some 20 MB.
pub(super) const MOST_NAMES: usize = 100_000;

/// An alert that is counted.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) number: i64,
    pub(super) level: u32,
    pub(super) outcome: i64,
    pub(super) kept: bool,
}

/// The alerts of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) level: u32,
    pub(super) alerts: u64,
    /// By outcome: routed, silenced, folded.
    pub(super) outcomes: [u64; 3],
    /// The newest one whose bytes are kept; 0 for none.
    pub(super) newest: i64,
    credit: u64,
}

impl Tally {
    fn add(&mut self, seen: Seen) {
        self.level = self.level.max(seen.level);
        self.alerts += 1;
        let outcome = usize::try_from(seen.outcome).unwrap_or(0).min(2);
        self.outcomes[outcome] += 1;
        if seen.kept {
            self.newest = self.newest.max(seen.number);
        }
    }
}

/// Counts. `pass` hands over each alert with its name, and the same ones when it is called again.
pub(super) fn count<E>(
    most: usize,
    mut pass: impl FnMut(&mut dyn FnMut(&str, Seen)) -> Result<(), E>,
) -> Result<HashMap<Box<str>, Tally>, E> {
    let mut names: HashMap<Box<str>, Tally> = HashMap::new();
    let mut overflown = false;
    pass(&mut |name, seen| {
        if let Some(tally) = names.get_mut(name) {
            tally.credit += 1;
            tally.add(seen);
        } else if names.len() < most {
            let mut tally = Tally {
                credit: 1,
                ..Tally::default()
            };
            tally.add(seen);
            names.insert(name.into(), tally);
        } else {
            // Paid for with one of everybody's.
            overflown = true;
            names.retain(|_, tally| {
                tally.credit -= 1;
                tally.credit > 0
            });
        }
    })?;
    if overflown {
        for tally in names.values_mut() {
            *tally = Tally::default();
        }
        pass(&mut |name, seen| {
            if let Some(tally) = names.get_mut(name) {
                tally.add(seen);
            }
        })?;
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn seen(number: usize) -> Seen {
        Seen {
            number: number as i64,
            level: number as u32 % 16,
            outcome: number as i64 % 3,
            kept: number.is_multiple_of(2),
        }
    }

    fn counted(most: usize, names: &[u8]) -> HashMap<Box<str>, Tally> {
        let pass = |each: &mut dyn FnMut(&str, Seen)| {
            for (number, name) in names.iter().enumerate() {
                each(&name.to_string(), seen(number));
            }
            Ok::<(), Infallible>(())
        };
        count(most, pass).unwrap()
    }

    proptest! {
        #[test]
        fn the_loud_are_found_and_counted_exactly_in_however_little_memory(
            names in prop::collection::vec(prop_oneof![4 => 0..4u8, 1 => any::<u8>()], 0..400),
            most in 1..20usize,
        ) {
            let plain = |tally: &Tally| Tally { credit: 0, ..*tally };
            let all = counted(usize::MAX, &names);
            let few = counted(most, &names);
            prop_assert!(few.len() <= most);
            for (name, tally) in &few {
                prop_assert_eq!(plain(tally), plain(&all[name]));
            }
            for (name, tally) in &all {
                let loud = tally.alerts as usize * (most + 1) > names.len();
                prop_assert!(!loud || few.contains_key(name), "{} with {}", name, tally.alerts);
            }
            if all.len() <= most {
                prop_assert_eq!(few.len(), all.len());
            }
        }
    }
}
