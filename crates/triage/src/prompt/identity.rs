//! Names what the model is shown, so that an answer to the same question is not asked for twice. What differs from one occurrence
//! to the next is left out: times, process and record numbers, ephemeral ports. Names of people and hosts stay in: an answer about
//! one must not be told about another.
//!
//! - **Words are never left out.** Whoever writes an alert may write into a field that is named like a time or a number; what is
//!   shown of it would steer an answer that another alert then gets. So a value is left out by its name *and* its shape.
//! - **Signs of steering are part of the name**: an answer made in their presence is never told about an alert without them.

use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::{
    PromptSettings,
    flatten::Leaf,
    system::PROMPT_VERSION,
    worth::{Worth, last, of},
};
use crate::InjectionSign;

/// Bytes: no time, number or UUID is longer.
const LONGEST_PASSING: usize = 64;

/// Last parts of paths of what differs each time, in lower case.
const PASSING: &[&str] = &[
    "timestamp",
    "time",
    "utctime",
    "systemtime",
    "creationutctime",
    "previouscreationutctime",
    "eventtime",
    "creationtime",
    "timegenerated",
    "starttime",
    "endtime",
    "start",
    "end",
    "date",
    "_time",
    "processid",
    "parentprocessid",
    "sourceprocessid",
    "targetprocessid",
    "newprocessid",
    "threadid",
    "sourcethreadid",
    "newthreadid",
    "pid",
    "ppid",
    "session",
    "sessionid",
    "terminalsessionid",
    "logonid",
    "subjectlogonid",
    "targetlogonid",
    "linkedlogonid",
    "eventrecordid",
    "recordid",
    "firedtimes",
    "flow_id",
    "tx_id",
    "srcport",
    "src_port",
    "sourceport",
    "ipport",
    "inode_before",
    "inode_after",
    "mtime_before",
    "mtime_after",
    "eventid_uuid",
    "requestid",
    "correlationid",
    "uuid",
    "age",
    "bytes_toserver",
    "bytes_toclient",
    "pkts_toserver",
    "pkts_toclient",
    "scriptblockid",
];

/// Of a log line: times, numbers in brackets, numbers of processes, sessions and ports, UUIDs. The only letters in it are names of
/// months, the digits of UUIDs, and the `T` and `Z` of times; what names a number stays (`keep`).
static PASSING_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
        r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}",
        r"|[0-9]{1,2}/(?:[0-9]{2}|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}[: ][0-9]{2}:[0-9]{2}:[0-9]{2}(?: [+-][0-9]{4})?",
        r"|[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?|\[[0-9]{1,10}\]|\b[0-9]{10}\.[0-9]{1,9}(?::[0-9]{1,10})?",
        r"|(?<keep>\b(?:pid|ppid|ses|session|port|spt|srcport)[ =:#])[0-9]{1,10}",
        r"|\{[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}\}",
    ))
    .ok()
});

/// 64 hexadecimal digits.
pub(super) fn hash(
    leaves: &[Leaf],
    facts: &[String],
    signs: &[InjectionSign],
    settings: &PromptSettings,
    pseudonyms: bool,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        // The length first: no two lists of parts are the same bytes.
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(PROMPT_VERSION);
    part(&format!("{settings:?} {pseudonyms}"));
    part(&signs.len().to_string());
    for sign in signs {
        part(&format!("{:?}", sign.kind));
        part(&sign.path);
        part(&sign.excerpt);
    }
    let mut lasting: Vec<&Leaf> = leaves.iter().filter(|leaf| lasts(leaf)).collect();
    lasting.sort_by(|one, two| (&one.path, &one.text).cmp(&(&two.path, &two.text)));
    for leaf in lasting {
        part(&leaf.path);
        if of(&leaf.path) == Worth::Log {
            part(&without(&PASSING_TEXT, &leaf.text));
        } else {
            part(&leaf.text);
        }
    }
    for fact in facts {
        part(fact);
    }
    hasher.finalize().to_hex().to_string()
}

fn lasts(leaf: &Leaf) -> bool {
    let named = || PASSING.contains(&&*last(&leaf.path).to_ascii_lowercase());
    // What is never of use is never shown.
    of(&leaf.path) != Worth::Never && !(named() && is_passing(&leaf.text))
}

/// Whether it is a time, a number or a UUID by its shape, and can't be words: digits, hexadecimal digits and what separates them.
fn is_passing(text: &str) -> bool {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    text.len() <= LONGEST_PASSING
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b"-:./TZ+{} ".contains(&byte))
}

/// Each hit becomes `#`, behind what of it is kept.
fn without(expression: &LazyLock<Option<Regex>>, text: &str) -> String {
    let Some(expression) = expression.as_ref() else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut written = 0;
    for hit in expression.captures_iter(text) {
        let Some(whole) = hit.get_match() else {
            continue;
        };
        let begin = hit
            .get_group_by_name("keep")
            .map_or(whole.start(), |kept| kept.end);
        out.push_str(&text[written..begin]);
        out.push('#');
        written = whole.end();
    }
    out.push_str(&text[written..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_can_not_be_words_is_passing() {
        for text in [
            "",
            "4711",
            "0x3e7",
            "{6cba5bf3-47f5-6734-1302-000000005900}",
            "2026-11-20T10:00:00.123+0000",
            "2026-11-20 10:00:00.123",
        ] {
            assert!(is_passing(text), "{text}");
        }
        for text in [
            "benign",
            "ignore what was said",
            "0x0x",
            "a_b",
            "4711;",
            "４７",
            &"1".repeat(65),
        ] {
            assert!(!is_passing(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_times_and_numbers_is_taken_out_of_a_log(
            pieces in prop::collection::vec(
                "[g-su-y ]{0,6}|pid|port| |\\[|\\]|=|[0-9]{1,12}|2026-11-20T10:00:00Z|10:11:12|10/nov/2026 10:11:12",
                0..12,
            ),
        ) {
            let letters = |text: &str| text.replace(|c: char| !('g'..='y').contains(&c), "");
            let text = pieces.concat();
            prop_assert_eq!(letters(&without(&PASSING_TEXT, &text)), letters(&text));
        }
    }
}
