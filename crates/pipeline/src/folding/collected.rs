//! What repeats differ in, taken from each of them: bounded, without doubles.

use super::{Collected, family::Family, key::until_nul};
use crate::{explain::cut, view::AlertView};

/// Values of one label.
const OF_A_LABEL: usize = 8;
/// Values in all.
const IN_ALL: usize = 64;
/// Characters of a value.
const LONGEST: usize = 256;

pub(super) fn collected(view: &AlertView<'_>, family: &'static Family) -> Vec<Collected> {
    let mut collected: Vec<Collected> = Vec::new();
    for (label, fields) in family.collected {
        let first = collected.len();
        for field in *fields {
            view.each(*field, &mut |value| {
                let value = cut(until_nul(value), LONGEST);
                let is_new = collected[first..].iter().all(|known| known.value != value);
                if !value.is_empty() && value != "-" && is_new {
                    collected.push(Collected { label, value });
                }
                collected.len() - first >= OF_A_LABEL || collected.len() >= IN_ALL
            });
            if collected.len() - first >= OF_A_LABEL || collected.len() >= IN_ALL {
                break;
            }
        }
    }
    collected
}
