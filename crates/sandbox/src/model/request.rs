//! A request as a test can read it back, and as an [`super::Answerer`] sees it.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

/// Requests that are kept.
const KEPT: usize = 10_000;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// All headers in order, names in lower case. A key is among them.
    pub headers: Vec<(String, String)>,
    /// The body; null where it was none, or no JSON.
    pub body: Value,
    /// The body as it came, for what JSON does not keep: the order of keys.
    pub text: String,
    /// What the model gets to see of the conversation: less than the body holds, where the server cut it.
    pub seen: Vec<ModelMessage>,
    /// When it came, counted from the start of the sandbox.
    pub at: Duration,
}

impl ModelRequest {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the model is asked something, rather than loaded or looked at.
    pub fn is_question(&self) -> bool {
        match self.path.as_str() {
            "/api/chat" => self.body["messages"]
                .as_array()
                .is_some_and(|messages| !messages.is_empty()),
            "/api/generate" => self.body["prompt"]
                .as_str()
                .is_some_and(|prompt| !prompt.is_empty()),
            path => path == "/v1/chat/completions",
        }
    }

    /// The conversation as the client sent it.
    pub fn messages(&self) -> Vec<ModelMessage> {
        if let Some(prompt) = self.body["prompt"].as_str() {
            let system = self.body["system"].as_str().unwrap_or_default();
            return vec![message("system", system), message("user", prompt)];
        }
        let messages = self.body["messages"].as_array();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            // OpenAI's parts.
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
            _ => String::new(),
        };
        messages
            .into_iter()
            .flatten()
            .map(|one| {
                message(
                    one["role"].as_str().unwrap_or_default(),
                    &text(&one["content"]),
                )
            })
            .collect()
    }

    /// The schema that was asked for, in either dialect.
    pub fn schema(&self) -> Option<&Value> {
        let schemas = [
            &self.body["format"],
            &self.body["response_format"]["json_schema"]["schema"],
        ];
        schemas.into_iter().find(|schema| schema.is_object())
    }
}

fn message(role: &str, content: &str) -> ModelMessage {
    ModelMessage {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    /// How many were forgotten.
    forgotten: usize,
    kept: VecDeque<ModelRequest>,
}

impl RequestLog {
    /// The number it is known by from now on.
    pub(crate) fn push(&mut self, request: ModelRequest) -> usize {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back(request);
        self.forgotten + self.kept.len() - 1
    }

    /// What the model got to see of a request.
    pub(crate) fn saw(&mut self, number: usize, seen: &[ModelMessage]) {
        let place = number.checked_sub(self.forgotten);
        if let Some(request) = place.and_then(|place| self.kept.get_mut(place)) {
            request.seen = seen.to_vec();
        }
    }

    pub(crate) fn all(&self) -> Vec<ModelRequest> {
        self.kept.iter().cloned().collect()
    }
}
