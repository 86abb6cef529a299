//! Lines in which a newline is missing between two alerts.
//!
//! A crash of Wazuh's analysisd can leave a torn line, and the next start writes on behind it (facts/wazuh.md §2). The first may be
//! torn or whole; the whole alert at the end must not die with it.

use crate::Alert;

/// How every alert begins: the timestamp is the first field analysisd writes (facts/wazuh.md §3). Inside a JSON string the
/// quotes would be escaped, so a log line can't forge it.
const START: &[u8] = b"{\"timestamp\":\"";

/// At most so many starts are tried in one line, so that a hostile one costs no quadratic time.
const TRIES: usize = 16;

/// Where, in bytes that are no alert, the whole alert at their end begins.
///
/// ```
/// let line = br#"{"timestamp":"1","rule":{"lev{"timestamp":"2","rule":{"level":15}}"#;
/// assert_eq!(alertbridge_alert::split_glued(line), Some(29));
/// ```
pub fn split_glued(raw: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(raw, START)
        .filter(|&at| at > 0)
        .take(TRIES)
        .find(|&at| Alert::parse(&raw[at..]).is_ok())
}
