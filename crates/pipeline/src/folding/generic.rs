//! The rest of `data` as part of a key, for events of no known family: what an analyst would call the same again.
//!
//! Left out is what varies each time by its name (times, ids of processes and sessions, counts), addresses that are not a destination, and
//! within values whatever looks like a time, a GUID or a long number. `full_log` is never part: it holds all of these.

use super::{
    family::Case,
    key::{Key, normalised, until_nul},
};
use crate::{
    network::address,
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
/// Objects and lists within each other.
const DEEPEST: usize = 12;

/// Adds every field of `data` that does not vary.
pub(super) fn add_rest(view: &AlertView<'_>, key: &mut Key) {
    if let Some(location) = view.text(at!("location")) {
        // It may be a file with a date in its name.
        let hashed = masked(&normalised("location", location, Case::System));
        key.add_leaf("location".to_owned(), location, hashed);
    }
    let mut leaves = Vec::new();
    let is_full = view.tree().leaves("data", DEEPEST, &mut |path, value| {
        let value = until_nul(value);
        let is_system = path.starts_with("win.system.") || path.starts_with("system.");
        if path.len() <= LONGEST_PATH
            && !NOTHING.contains(&value)
            && !is_system
            && !varies(path, value)
        {
            leaves.push((path.to_owned(), value));
        }
        leaves.len() > MOST
    });
    if is_full {
        return;
    }
    leaves.sort();
    for (path, value) in leaves {
        let field = format!("data.{path}");
        let hashed = masked(&normalised(&field, value, Case::System));
        if !hashed.chars().all(|character| character == '#') {
            key.add_leaf(field, value, hashed);
        }
    }
}

/// Adds the message of a Windows event that has no fields of its own: then nothing else says what happened.
pub(super) fn add_message(view: &AlertView<'_>, key: &mut Key) {
    const MESSAGE: Path<'_> = Path::new("data.win.system.message");
    if key.says_what_happened() {
        return;
    }
    if let Some(message) = view.text(MESSAGE) {
        let hashed = masked(&normalised(MESSAGE.text, until_nul(message), Case::System));
        key.add_leaf(MESSAGE.text.to_owned(), message, hashed);
    }
}

/// Wazuh writes numbers that are no integers with six digits behind the point: durations and other measurements.
fn is_measurement(value: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    value
        .split_once('.')
        .is_some_and(|(whole, part)| part.len() == 6 && is_digits(whole) && is_digits(part))
}

/// By the words of its name: `subjectLogonId` is `subject`, `logon`, `id`.
fn varies(path: &str, value: &str) -> bool {
    const VARYING: &[&str] = &[
        "age",
        "bytes",
        "cookie",
        "cookies",
        "count",
        "counter",
        "created",
        "date",
        "duration",
        "elapsed",
        "epoch",
        "expires",
        "guid",
        "inode",
        "latency",
        "length",
        "mtime",
        "nonce",
        "occured",
        "occurred",
        "offset",
        "packets",
        "pid",
        "pkts",
        "ppid",
        "rt",
        "seq",
        "sequence",
        "sequencenum",
        "serial",
        "session",
        "size",
        "sn",
        "srcport",
        "tid",
        "time",
        "timestamp",
        "token",
        "ts",
        "ttl",
        "updated",
        "uptime",
        "uuid",
    ];
    /// Before `id`.
    const INSTANCES: &[&str] = &[
        "activity",
        "correlation",
        "event",
        "flow",
        "insert",
        "instance",
        "logon",
        "message",
        "process",
        "record",
        "req",
        "request",
        "scan",
        "thread",
        "trace",
        "trans",
        "transaction",
    ];
    /// Before `port`.
    const NEAR: &[&str] = &["client", "orig", "rem", "remote", "source", "src"];
    let name = path.rsplit('.').next().unwrap_or(path);
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let pair = |first: &[&str], second: &str| {
        words
            .windows(2)
            .any(|pair| first.contains(&pair[0]) && pair[1] == second)
    };
    let ends_in_time = words.last().is_some_and(|last| {
        last.ends_with("time")
            || last.ends_with("timestamp")
            || ["reqid", "rayid", "remport"].contains(last)
    });
    if words.iter().any(|word| VARYING.contains(word))
        || ends_in_time
        || pair(INSTANCES, "id")
        || pair(NEAR, "port")
    {
        return true;
    }
    is_measurement(value) || (address(value).is_some() && !is_destination(&words))
}

fn is_destination(words: &[&str]) -> bool {
    const FAR: &[&str] = &[
        "dest",
        "destination",
        "dst",
        "dstip",
        "locip",
        "resp",
        "server",
        "target",
    ];
    words.iter().any(|word| FAR.contains(word))
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars().take(64) {
        let begins = !character.is_alphanumeric() || (after_lower && character.is_uppercase());
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        after_lower = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
    }
    words
}

/// The value with `#` for times, dates, GUIDs and numbers of six digits or more. A hash of 32, 40, 64 or 128 digits stays: it tells
/// files apart.
fn masked(value: &str) -> String {
    let is_part =
        |character: char| character.is_ascii_hexdigit() || character == '-' || character == ':';
    let mut masked = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let at_word = !masked.ends_with(char::is_alphanumeric);
        let length = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        if length == 0 {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let run = &rest[..length];
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let is_hash =
            [32, 40, 64, 128].contains(&length) && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        masked.push_str(if at_word && digits >= 6 && !is_hash {
            "#"
        } else {
            run
        });
        rest = &rest[length..];
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_varies_are_told_by_their_words() {
        for name in [
            "utcTime",
            "a.subjectLogonId",
            "processId",
            "event-time",
            "src_port",
            "EdgeEndTimestamp",
            "scan ID",
            "pid",
        ] {
            assert!(varies(name, "x"), "{name}");
        }
        for name in [
            "account",
            "country",
            "status",
            "targetUserName",
            "dstport",
            "rule_id",
            "agent",
            "package",
            "runtimes.x",
        ] {
            assert!(!varies(name, "x"), "{name}");
        }
        assert!(varies("remip", "10.1.2.3") && !varies("dst_ip", "10.1.2.3"));
    }

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
