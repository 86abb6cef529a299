//! An answer of Ollama's, chunk by chunk (facts §1.5).

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::model::faults::ModelFault;
use crate::model::options::{ModelVersion, ServedModel};
use crate::model::question::{self, Said};
use crate::model::reply::Step;
use crate::model::request::ModelRequest;

/// Thoughts have a field of their own.
const KNOWS_THINKING: ModelVersion = ModelVersion(0, 9, 0);

/// Writes the answer to one question.
pub(crate) struct Writer<'a> {
    pub(crate) request: &'a ModelRequest,
    pub(crate) model: &'a ServedModel,
    pub(crate) version: ModelVersion,
}

impl Writer<'_> {
    pub(crate) fn steps(&self, said: &Said, end: Value, fault: Option<&ModelFault>) -> Vec<Step> {
        let mut lines: Vec<Step> = Vec::new();
        let apart = self.version >= KNOWS_THINKING;
        if !said.thinking.is_empty() && !apart {
            let tagged = format!("<think>\n{}\n</think>\n", said.thinking);
            lines.extend(
                question::pieces(&tagged)
                    .into_iter()
                    .map(|piece| self.piece("content", piece)),
            );
        } else {
            lines.extend(
                question::pieces(&said.thinking)
                    .into_iter()
                    .map(|piece| self.piece("thinking", piece)),
            );
        }
        lines.extend(
            question::pieces(&said.text)
                .into_iter()
                .map(|piece| self.piece("content", piece)),
        );
        let half = lines.len() / 2;
        match fault {
            Some(ModelFault::CutInTheMiddle) => {
                lines.truncate(half);
                lines.push(Step::Break);
            }
            Some(ModelFault::ErrorMidStream) => {
                lines.truncate(half);
                let text = "an error was encountered while running the model: unexpected EOF";
                lines.push(line(&json!({"error": text})));
            }
            Some(ModelFault::NoFinalChunk) => {}
            Some(ModelFault::Stall) => {
                lines.insert(half, Step::Hold);
                lines.push(line(&end));
            }
            _ => lines.push(line(&end)),
        }
        lines
    }

    pub(crate) fn whole(&self, said: &Said, mut end: Value, fault: Option<&ModelFault>) -> Value {
        if self.is_chat() {
            end["message"]["content"] = json!(said.text);
            if !said.thinking.is_empty() {
                end["message"]["thinking"] = json!(said.thinking);
            }
        } else {
            end["response"] = json!(said.text);
        }
        if fault == Some(&ModelFault::NoFinalChunk) {
            end["done"] = json!(false);
        }
        end
    }

    pub(crate) fn end(
        &self,
        said: &Said,
        prompt: u64,
        loaded: bool,
        fault: Option<&ModelFault>,
    ) -> Value {
        let mut end = self.head();
        self.put(&mut end, "content", "");
        end.insert("done_reason".to_owned(), json!(said.reason));
        end.insert("done".to_owned(), json!(true));
        let load: u64 = if loaded { 1_500_000_000 } else { 40_000_000 };
        let mut counts = vec![
            ("total_duration", load + 3_000_000_000),
            ("load_duration", load),
            ("prompt_eval_duration", 1_000_000_000),
            ("eval_count", said.answer_tokens),
            ("eval_duration", 2_000_000_000),
        ];
        // Counts of nothing are left out (facts §1.5).
        if prompt > 0 {
            counts.push(("prompt_eval_count", prompt));
        }
        if fault != Some(&ModelFault::NoCounts) {
            for (key, value) in counts {
                end.insert(key.to_owned(), json!(value));
            }
        }
        Value::Object(end)
    }

    fn piece(&self, kind: &str, text: &str) -> Step {
        let mut chunk = self.head();
        self.put(&mut chunk, kind, text);
        chunk.insert("done".to_owned(), json!(false));
        line(&Value::Object(chunk))
    }

    fn put(&self, chunk: &mut Map<String, Value>, kind: &str, text: &str) {
        if self.is_chat() {
            let mut message = json!({"role": "assistant", "content": ""});
            message[kind] = json!(text);
            chunk.insert("message".to_owned(), message);
        } else {
            let key = if kind == "content" { "response" } else { kind };
            chunk.insert(key.to_owned(), json!(text));
        }
    }

    fn head(&self) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("model".to_owned(), self.request.body["model"].clone());
        head.insert("created_at".to_owned(), json!(clock::now().to_string()));
        if let Some(host) = &self.model.remote_host {
            head.insert("remote_model".to_owned(), json!(self.model.name));
            head.insert("remote_host".to_owned(), json!(host));
        }
        head
    }

    fn is_chat(&self) -> bool {
        self.request.path == "/api/chat"
    }
}

fn line(value: &Value) -> Step {
    Step::Send(Bytes::from(format!("{value}\n")))
}
