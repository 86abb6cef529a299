//! An answer in server-sent events, or whole.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::faults::ModelFault;
use crate::model::options::OpenAiHabits;
use crate::model::question::{self, Said};
use crate::model::reply::Step;

/// Writes the answer to one question.
pub(crate) struct Writer<'a> {
    pub(crate) habits: OpenAiHabits,
    pub(crate) model: &'a str,
    pub(crate) prompt: u64,
}

impl Writer<'_> {
    pub(crate) fn steps(
        &self,
        said: &Said,
        with_usage: bool,
        fault: Option<&ModelFault>,
    ) -> Vec<Step> {
        let mut events = vec![self.delta(&json!({"role": "assistant", "content": ""}))];
        let thoughts = question::pieces(&said.thinking);
        events.extend(thoughts.into_iter().map(|piece| {
            let mut delta = json!({});
            delta[self.reasoning()] = json!(piece);
            self.delta(&delta)
        }));
        let pieces = question::pieces(&said.text);
        events.extend(
            pieces
                .into_iter()
                .map(|piece| self.delta(&json!({"content": piece}))),
        );
        let half = events.len() / 2;
        match fault {
            Some(ModelFault::CutInTheMiddle) => {
                events.truncate(half);
                events.push(Step::Break);
                return events;
            }
            Some(ModelFault::ErrorMidStream) => {
                events.truncate(half);
                events.push(event(&json!({"error": {"message": "the engine has died", "type": "server_error", "code": 500}})));
                return events;
            }
            Some(ModelFault::NoFinalChunk) => return events,
            Some(ModelFault::Stall) => events.insert(half, Step::Hold),
            _ => {}
        }
        let mut last = self.chunk();
        last["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": said.reason}]);
        events.push(event(&last));
        if with_usage {
            let mut usage = self.chunk();
            usage["choices"] = json!([]);
            usage["usage"] = self.usage(said);
            events.push(event(&usage));
        }
        events.push(Step::Send(Bytes::from_static(b"data: [DONE]\n\n")));
        events
    }

    pub(crate) fn whole(&self, said: &Said) -> Value {
        let mut message = json!({"role": "assistant", "content": said.text});
        if !said.thinking.is_empty() {
            message[self.reasoning()] = json!(said.thinking);
        }
        let mut body = self.chunk();
        body["object"] = json!("chat.completion");
        body["choices"] = json!([{"index": 0, "message": message, "finish_reason": said.reason}]);
        body["usage"] = self.usage(said);
        body
    }

    fn delta(&self, delta: &Value) -> Step {
        let mut chunk = self.chunk();
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": null}]);
        event(&chunk)
    }

    fn chunk(&self) -> Value {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_767_225_600, "model": self.model})
    }

    fn usage(&self, said: &Said) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": said.answer_tokens,
            "total_tokens": self.prompt + said.answer_tokens,
        })
    }

    fn reasoning(&self) -> &'static str {
        match self.habits {
            OpenAiHabits::Ollama => "reasoning",
            _ => "reasoning_content",
        }
    }
}

fn event(value: &Value) -> Step {
    Step::Send(Bytes::from(format!("data: {value}\n\n")))
}
