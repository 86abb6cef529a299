//! The rest of `data` as part of a key, for events of no known family: what an analyst would call the same again.
//!
//! Left out is what varies each time by its name (times, ids of processes and sessions, counts), addresses that are not a destination, and
//! within values whatever looks like a time, a GUID or a long number. `full_log` is never part: it holds all of these.

use std::borrow::Cow;

use super::{
    family::Case,
    key::{Key, normalise, until_nul},
    varying::Words,
};
use crate::{
    path::{Path, at},
    view::AlertView,
};

/// Wazuh decodes at most 256 fields (facts/wazuh.md §4). Of an alert with more than this none are taken, because which ones
/// came first would hang on their order.
const MOST: usize = 512;
/// Bytes. Longer paths are no fields a matcher could name, and copies of one for each of its values would add up.
const LONGEST_PATH: usize = 250;
/// How programs write that there is nothing.
const NOTHING: [&str; 6] = ["", "-", "--", "N/A", "null", "unknown"];
const LOCATION: &str = "location";
/// Objects and lists within each other.
const DEEPEST: usize = 12;

/// Adds every field of `data` that does not vary.
pub(super) fn add_rest(view: &AlertView<'_>, key: &mut Key) {
    let mut normal = String::new();
    let mut hashed = |field: &str, value: &str, key: &mut Key| {
        normal.clear();
        normalise(field, value, Case::System, &mut normal);
        let masked = masked(&normal);
        if field == LOCATION || !masked.bytes().all(|byte| byte == b'#') {
            key.add_leaf(field, value, &masked);
        }
    };
    if let Some(location) = view.text(at!(LOCATION)) {
        // It may be a file with a date in its name.
        hashed(LOCATION, location, key);
    }
    let mut leaves = Vec::new();
    let mut words = Words::default();
    let is_full = view.tree().leaves("data", DEEPEST, &mut |field, value| {
        let value = until_nul(value);
        let path = field.strip_prefix("data.").unwrap_or(field);
        let is_system = path.starts_with("win.system.") || path.starts_with("system.");
        if path.len() <= LONGEST_PATH
            && !NOTHING.contains(&value)
            && !is_system
            && !words.vary(path, value)
        {
            leaves.push((field.to_owned(), value));
        }
        leaves.len() > MOST
    });
    if is_full {
        return;
    }
    leaves.sort_unstable();
    for (field, value) in leaves {
        hashed(&field, value, key);
    }
}

/// Adds the message of a Windows event that has no fields of its own: then nothing else says what happened.
pub(super) fn add_message(view: &AlertView<'_>, key: &mut Key) {
    const MESSAGE: Path<'_> = Path::new("data.win.system.message");
    if key.says_what_happened() {
        return;
    }
    if let Some(message) = view.text(MESSAGE) {
        let mut normal = String::new();
        normalise(MESSAGE.text, until_nul(message), Case::System, &mut normal);
        key.add_leaf(MESSAGE.text, message, &masked(&normal));
    }
}

/// The value with `#` for times, dates, GUIDs and numbers of six digits or more. A hash of 32, 40, 64 or 128 digits stays: it tells
/// files apart.
fn masked(value: &str) -> Cow<'_, str> {
    /// Digits in one run.
    const FEWEST: usize = 6;
    if value.bytes().filter(u8::is_ascii_digit).count() < FEWEST {
        return Cow::Borrowed(value);
    }
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-' || byte == b':';
    let mut masked = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let length = rest
            .bytes()
            .position(|byte| !is_part(byte))
            .unwrap_or(rest.len());
        let (run, behind) = rest.split_at(length);
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let is_hash =
            [32, 40, 64, 128].contains(&length) && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_masked = digits >= FEWEST && !is_hash && !masked.ends_with(char::is_alphanumeric);
        masked.push_str(if is_masked { "#" } else { run });
        let other = behind.bytes().position(is_part).unwrap_or(behind.len());
        let (other, behind) = behind.split_at(other);
        masked.push_str(other);
        rest = behind;
    }
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_long_numbers_are_masked_in_values_and_names_of_things_are_not() {
        for (value, expected) in [
            ("at 2021-10-05 10:33:18 by 4711", "at # # by 4711"),
            ("{4dc16835-eaa5-612f-d04e-830000000000}", "{#}"),
            ("CVE-2021-44228 on web01", "CVE-2021-44228 on web01"),
            ("port 6666, id 123456789", "port 6666, id #"),
            (
                "d41d8cd98f00b204e9800998ecf8427e",
                "d41d8cd98f00b204e9800998ecf8427e",
            ),
            ("größe 10.1.2.3", "größe 10.1.2.3"),
        ] {
            assert_eq!(masked(value), expected);
        }
    }
}
