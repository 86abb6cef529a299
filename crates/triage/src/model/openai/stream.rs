//! An answer in server-sent events, or whole where a server does not stream.

use serde_json::Value;

use super::refusal;
use crate::model::{
    config::ModelConfig,
    failure::{FailureClass, ModelError},
    http::{Http, Stream},
    lines::Lines,
    ollama::{LINE_LIMIT, TEXT_LIMIT, is_far_below, truncated},
    question::Question,
    thinking::without_thinking,
};

/// An answer that is being read.
pub(crate) struct Reading<'a> {
    http: &'a Http,
    model: &'a str,
    question: &'a Question,
    lines: Lines,
    /// The body of a server that does not stream.
    body: Option<Vec<u8>>,
    text: String,
    refusal: bool,
    thought: bool,
    reason: Option<String>,
    prompt_tokens: Option<u64>,
    answer_tokens: Option<u64>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) answer_tokens: Option<u64>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        http: &'a Http,
        model: &'a str,
        question: &'a Question,
        stream: &Stream,
    ) -> Self {
        Self {
            http,
            model,
            question,
            lines: Lines::new(LINE_LIMIT),
            body: stream.content_type.contains("json").then(Vec::new),
            text: String::new(),
            refusal: false,
            thought: false,
            reason: None,
            prompt_tokens: None,
            answer_tokens: None,
        }
    }

    /// Takes the next bytes; whether that was the end.
    ///
    /// # Errors
    /// [`ModelError`] for anything that is no part of an answer.
    pub(crate) fn take(&mut self, bytes: &[u8], stream: &mut Stream) -> Result<bool, ModelError> {
        if let Some(body) = &mut self.body {
            stream.token();
            if body.len() + bytes.len() > TEXT_LIMIT {
                return Err(endless());
            }
            body.extend_from_slice(bytes);
            return Ok(false);
        }
        let Ok(lines) = self.lines.push(bytes) else {
            return Err(not_openai(stream));
        };
        for line in lines {
            if self.line(&line, stream)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// [`ModelError`] for anything that is no part of an answer.
    pub(crate) fn end(&mut self, stream: &mut Stream) -> Result<(), ModelError> {
        match self.body.take() {
            Some(body) => {
                let body: Value = serde_json::from_slice(&body).map_err(|_| not_openai(stream))?;
                if body.get("choices").is_none() && refusal::reason(&body).is_none() {
                    return Err(not_openai(stream));
                }
                self.event(&body, "message", stream)
            }
            None => match self.lines.rest() {
                Some(rest) => self.line(&rest, stream).map(|_| ()),
                None => Ok(()),
            },
        }
    }

    /// The answer, where it is whole and one to the whole question.
    ///
    /// # Errors
    /// [`ModelError`] where prompt or answer was cut.
    pub(crate) fn whole(
        self,
        config: &ModelConfig,
        question: &Question,
    ) -> Result<Said, ModelError> {
        if let Some(counted) = self
            .prompt_tokens
            .filter(|n| is_far_below(*n, question.least_tokens))
        {
            return Err(truncated(format!(
                "it counted {counted} tokens where there are {} at least",
                question.least_tokens
            )));
        }
        let cut = |text: String| Err(ModelError::new(FailureClass::OutputCut, text));
        match self.reason.as_deref() {
            None => Err(ModelError::new(
                FailureClass::OutputNoDone,
                "the model's answer stopped without an end",
            )),
            Some("length") if self.thought && self.text.is_empty() => cut(
                "the model thought until its tokens were used up; use one that can be told not to think".to_owned(),
            ),
            Some("length") => cut(match self.answer_tokens {
                Some(n) if n < u64::from(config.answer_tokens) => format!(
                    "the server cut the model's answer after {n} of the {} tokens it may have: its context is full (raise it there, or \
                     lower `context_tokens` to what it holds), or it has a limit of its own",
                    config.answer_tokens
                ),
                _ => format!(
                    "the model's answer was cut after {} tokens; raise `answer_tokens`, or the model runs in circles",
                    config.answer_tokens
                ),
            }),
            Some("content_filter") => cut("the server's filter cut the model's answer".to_owned()),
            // Servers that are older than the usual words.
            Some("stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn") => {
                if self.refusal && self.text.trim().is_empty() {
                    return Err(ModelError::new(
                        FailureClass::OutputNotJson,
                        "the model refuses to answer this question",
                    ));
                }
                Ok(Said {
                    text: without_thinking(&self.text).to_owned(),
                    prompt_tokens: self.prompt_tokens,
                    answer_tokens: self.answer_tokens,
                })
            }
            Some(other) => cut(format!(
                "the model's answer ended for another reason than its end ({})",
                self.http.quote(other, Some(question))
            )),
        }
    }

    fn line(&mut self, line: &[u8], stream: &mut Stream) -> Result<bool, ModelError> {
        let Some(data) = line.strip_prefix(b"data:") else {
            let harmless = [&b":"[..], b"event:", b"id:", b"retry:"];
            if harmless.iter().any(|field| line.starts_with(field)) {
                return Ok(false);
            }
            // Some send an error without wrapping it into an event.
            let bare = serde_json::from_slice::<Value>(line).ok();
            if let Some(error) = bare.filter(|body| refusal::reason(body).is_some()) {
                return self.event(&error, "message", stream).map(|()| false);
            }
            return Err(not_openai(stream));
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(true);
        }
        let event = serde_json::from_slice(data).map_err(|_| not_openai(stream))?;
        self.event(&event, "delta", stream)?;
        Ok(false)
    }

    /// One event, or a whole answer: what was said stands in `delta` or in `message`.
    fn event(&mut self, event: &Value, said: &str, stream: &mut Stream) -> Result<(), ModelError> {
        let choices = event.get("choices").and_then(Value::as_array);
        let failed = event.get("error").is_some_and(|error| !error.is_null());
        if failed || choices.is_none() {
            // Usage, or something of the server's own, may come in events without choices.
            if let Some(reason) = refusal::reason(event) {
                let shown = self.http.quote(&reason, Some(self.question));
                return Err(refusal::in_the_middle(&reason, &shown, self.model));
            }
        }
        let usage = event.get("usage");
        let count = |key: &str| {
            usage
                .and_then(|usage| usage.get(key))
                .and_then(Value::as_u64)
        };
        self.prompt_tokens = count("prompt_tokens").or(self.prompt_tokens);
        self.answer_tokens = count("completion_tokens").or(self.answer_tokens);
        let Some(choice) = choices.and_then(|choices| choices.first()) else {
            return Ok(());
        };
        let part = choice.get(said);
        let text = |key: &str| {
            part.and_then(|part| part.get(key))
                .map(of_parts)
                .unwrap_or_default()
        };
        let content = text("content");
        let thought = ["reasoning", "reasoning_content"]
            .iter()
            .any(|key| !text(key).is_empty());
        self.thought |= thought;
        self.refusal |= !text("refusal").is_empty();
        if !content.is_empty() || thought {
            stream.token();
        }
        self.text.push_str(&content);
        if self.text.len() > TEXT_LIMIT {
            return Err(endless());
        }
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.reason = Some(reason.to_owned());
        }
        Ok(())
    }
}

/// A text, or a list of parts some of which are texts.
fn of_parts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

fn endless() -> ModelError {
    ModelError::new(
        FailureClass::OutputCut,
        format!("the model's answer is longer than {TEXT_LIMIT} bytes"),
    )
}

fn not_openai(stream: &Stream) -> ModelError {
    let text = if stream.content_type.starts_with("text/html") {
        "a web page came instead of the model server's answer: a proxy before it can't reach it, or `url` leads to something else"
    } else {
        "what answers at `url` does not speak OpenAI's language; if it is an Ollama, set `dialect = \"ollama\"`"
    };
    ModelError::new(FailureClass::NotTheServer, text)
}
