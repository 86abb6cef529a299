//! Lines in which a torn alert is glued to a whole one.
//!
//! A crash of Wazuh's analysisd can leave a torn line, and the next start writes on behind it (facts/wazuh.md §2). The whole
//! alert at the end of such a line must not die with the torn one.

use crate::Alert;

/// How every alert begins: the timestamp is the first field analysisd writes (facts/wazuh.md §3). Inside a JSON string the
/// quotes would be escaped, so a log line can't forge it.
const START: &[u8] = b"{\"timestamp\":\"";

/// At most so many starts are tried in one line, so that a hostile one costs no quadratic time.
const TRIES: usize = 16;

/// Where, in bytes that are no alert, a whole alert begins: everything before it is torn.
///
/// ```
/// let line = br#"{"timestamp":"1","rule":{"lev{"timestamp":"2","rule":{"level":15}}"#;
/// assert_eq!(alertbridge_alert::split_glued(line), Some(29));
/// ```
pub fn split_glued(raw: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(raw, START)
        .filter(|&at| at > 0)
        .take(TRIES)
        .find(|&at| Alert::parse(&raw[at..]).is_ok())
}
