//! The log of requests a test can read back.
//!
//! Invariant: the counters cover the whole run, the lines only its end, so that a long run stays small.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

const LINES_KEPT: usize = 100_000;

/// One request as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Raw query string, "" when there is none.
    pub query: String,
    /// Status of the answer; none when the connection was reset or never answered.
    pub status: Option<u16>,
    /// When it came, counted from the start of the sandbox.
    pub at: Duration,
    /// Whether an earlier request had come over the same connection.
    pub reused_connection: bool,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    lines: VecDeque<RequestLine>,
    counts: HashMap<(String, Option<u16>), u64>,
}

impl RequestLog {
    pub(crate) fn push(&mut self, line: RequestLine) {
        *self
            .counts
            .entry((line.path.clone(), line.status))
            .or_insert(0) += 1;
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<RequestLine> {
        self.lines.iter().cloned().collect()
    }

    pub(crate) fn count(&self, path: &str, status: u16) -> u64 {
        self.counts
            .get(&(path.to_owned(), Some(status)))
            .copied()
            .unwrap_or(0)
    }
}
