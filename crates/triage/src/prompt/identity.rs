//! Names what the model is shown, so that an answer to the same question is not asked for twice. What differs from one occurrence
//! to the next is left out: times, process and record numbers, ephemeral ports. Names of people and hosts stay in: an answer about
//! one must not be told about another.

use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::{
    PromptSettings,
    flatten::Leaf,
    system::PROMPT_VERSION,
    worth::{Worth, last, of},
};

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

static PASSING_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
        r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}",
        r"|[0-9]{1,2}/(?:[0-9]{2}|[A-Z][a-z]{2})/[0-9]{4}[: ][0-9]{2}:[0-9]{2}:[0-9]{2}(?: [+-][0-9]{4})?",
        r"|[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?|\[[0-9]{1,10}\]|\b[0-9]{10}\.[0-9]+(?::[0-9]+)?",
        r"|\b(?:pid|ppid|ses|session|port|spt|srcport)[ =:#][0-9]{1,10}",
        r"|\{[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}\}",
    ))
    .ok()
});

/// 64 hexadecimal digits.
pub(super) fn hash(
    leaves: &[Leaf],
    facts: &[String],
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
    let mut lasting: Vec<&Leaf> = leaves.iter().filter(|leaf| lasts(&leaf.path)).collect();
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

fn lasts(path: &str) -> bool {
    of(path) != Worth::Never && !PASSING.contains(&&*last(path).to_ascii_lowercase())
}

fn without(expression: &LazyLock<Option<Regex>>, text: &str) -> String {
    let Some(expression) = expression.as_ref() else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut written = 0;
    for hit in expression.find_iter(text) {
        out.push_str(&text[written..hit.start()]);
        out.push('#');
        written = hit.end();
    }
    out.push_str(&text[written..]);
    out
}
