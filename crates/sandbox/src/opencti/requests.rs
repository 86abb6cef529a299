//! The log of requests a test can read back.
//!
//! Invariant: a long run stays small: only the latest requests are kept.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

const KEPT: usize = 10_000;

/// One request as it was answered. Tokens are not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCtiRequest {
    /// HTTP method.
    pub method: String,
    /// Path with the base path.
    pub path: String,
    /// Raw query string, "" when there is none.
    pub query: String,
    /// `User-Agent`, "" when there was none.
    pub user_agent: String,
    /// Name of the account whose valid token came; none for nobody.
    pub user: Option<String>,
    /// Root fields of the GraphQL operation in order; empty when it was refused or hit by a fault before.
    pub root_fields: Vec<String>,
    /// GraphQL variables, else null.
    pub variables: Value,
    /// Status of the answer; none when there was none.
    pub status: Option<u16>,
    /// When it came, counted from the start of the sandbox.
    pub at: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    lines: VecDeque<OpenCtiRequest>,
}

impl RequestLog {
    pub(crate) fn push(&mut self, line: OpenCtiRequest) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<OpenCtiRequest> {
        self.lines.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }
}
