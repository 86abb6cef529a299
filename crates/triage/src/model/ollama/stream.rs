//! Ollama's answer, line by line, until it is whole or known to be none (facts/ai.md §1.4 to §1.6).

use std::time::Duration;

use serde_json::Value;

use super::{cloud_refused, refusal, version::Version};
use crate::model::{
    config::ModelConfig,
    failure::{FailureClass, ModelError},
    http::{Http, Stream},
    lines::Lines,
    question::Question,
    thinking::without_thinking,
};

/// Bytes of one line.
pub(crate) const LINE_LIMIT: usize = 64 << 10;
/// Bytes of the answer.
pub(crate) const TEXT_LIMIT: usize = 1 << 20;

/// An answer that is being read.
pub(crate) struct Reading<'a> {
    http: &'a Http,
    config: &'a ModelConfig,
    question: &'a Question,
    lines: Lines,
    text: String,
    thought: bool,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    reason: Option<String>,
    thought_only: bool,
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) answer_tokens: Option<u64>,
    pub(crate) load: Option<Duration>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(http: &'a Http, config: &'a ModelConfig, question: &'a Question) -> Self {
        Self {
            http,
            config,
            question,
            lines: Lines::new(LINE_LIMIT),
            text: String::new(),
            thought: false,
        }
    }

    /// Takes the next bytes; the end, where it is in them.
    ///
    /// # Errors
    /// [`ModelError`] for anything that is no part of an answer.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        stream: &mut Stream,
    ) -> Result<Option<End>, ModelError> {
        let Ok(lines) = self.lines.push(bytes) else {
            return Err(garbled(&[], stream));
        };
        for line in lines {
            if let Some(end) = self.line(&line, stream)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// [`ModelError`] where the end was never said.
    pub(crate) fn end(&mut self, stream: &mut Stream) -> Result<Option<End>, ModelError> {
        if let Some(rest) = self.lines.rest()
            && let Some(end) = self.line(&rest, stream)?
        {
            return Ok(Some(end));
        }
        Err(ModelError::new(
            FailureClass::OutputNoDone,
            "the model's answer stopped without an end: it repeated itself and Ollama broke off, or the model's process ended",
        ))
    }

    /// The answer without what was thought before it.
    pub(crate) fn into_text(self) -> String {
        without_thinking(&self.text).to_owned()
    }

    fn line(&mut self, line: &[u8], stream: &mut Stream) -> Result<Option<End>, ModelError> {
        let Ok(Value::Object(chunk)) = serde_json::from_slice(line) else {
            return Err(garbled(line, stream));
        };
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let said = error
                .as_str()
                .map_or_else(|| error.to_string(), str::to_owned);
            let shown = self.http.quote(&said, Some(self.question));
            return Err(refusal::in_the_middle(&said, &shown, &self.config.model));
        }
        let remote = chunk.get("remote_host").and_then(Value::as_str);
        if let Some(host) = remote.filter(|host| !host.is_empty() && !self.config.allow_cloud) {
            let host = self.http.quote(host, None);
            return Err(cloud_refused(&self.config.model, &host));
        }
        let message = chunk.get("message");
        let part = |key: &str| {
            let text = message.and_then(|message| message.get(key));
            text.and_then(Value::as_str).unwrap_or_default()
        };
        if !part("content").is_empty() || !part("thinking").is_empty() {
            stream.token();
        }
        self.thought |= !part("thinking").is_empty();
        self.text.push_str(part("content"));
        if self.text.len() > TEXT_LIMIT {
            return Err(ModelError::new(
                FailureClass::OutputCut,
                format!("the model's answer is longer than {TEXT_LIMIT} bytes"),
            ));
        }
        if chunk.get("done") != Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let count = |key: &str| chunk.get(key).and_then(Value::as_u64);
        let reason = chunk.get("done_reason").and_then(Value::as_str);
        Ok(Some(End {
            reason: reason.map(str::to_owned),
            thought_only: self.thought && self.text.is_empty(),
            prompt_tokens: count("prompt_eval_count"),
            answer_tokens: count("eval_count"),
            load: count("load_duration").map(Duration::from_nanos),
        }))
    }
}

impl End {
    /// Whether the answer is whole, and to the whole question.
    ///
    /// # Errors
    /// [`ModelError`] where the prompt or the answer was cut.
    pub(crate) fn check(
        &self,
        config: &ModelConfig,
        question: &Question,
        version: Option<Version>,
    ) -> Result<(), ModelError> {
        self.check_prompt(config, question, version)?;
        match self.reason.as_deref() {
            Some("stop") => Ok(()),
            Some("length") if self.thought_only => Err(ModelError::new(
                FailureClass::OutputCut,
                "the model thought until its tokens were used up; set `thinking = false`, or use a model that can be told not to think",
            )),
            Some("length") => Err(ModelError::new(
                FailureClass::OutputCut,
                format!(
                    "the model's answer was cut after {} tokens; raise `answer_tokens`, or the model runs in circles",
                    config.answer_tokens
                ),
            )),
            _ => Err(ModelError::new(
                FailureClass::OutputNoDone,
                "the model's answer ended for no reason Ollama gives",
            )),
        }
    }

    fn check_prompt(
        &self,
        config: &ModelConfig,
        question: &Question,
        version: Option<Version>,
    ) -> Result<(), ModelError> {
        let Some(counted) = self.prompt_tokens else {
            return Ok(());
        };
        // Before 0.30 tokens that were ready from the question before are left out, so few tokens mean nothing there. A prompt those
        // versions have cut shows as a full context.
        let counts_all = version.is_none_or(|version| version >= Version::COUNTS_ALL_TOKENS);
        if counts_all && is_far_below(counted, question.least_tokens) {
            return Err(truncated(format!(
                "it counted {counted} tokens where there are {} at least",
                question.least_tokens
            )));
        }
        // A repair holds an answer more than the question that was made to fit; a server that refuses long prompts has not cut it.
        let refuses = version.is_some_and(|version| version >= Version::REFUSES_LONG_PROMPTS);
        let may_be_full = refuses && question.repair.is_some();
        let room = config.context_tokens.saturating_sub(config.answer_tokens);
        if counted >= u64::from(room) && !may_be_full {
            return Err(truncated(format!(
                "it counted {counted} tokens, and a context of {} leaves {room} beside the answer",
                config.context_tokens
            )));
        }
        Ok(())
    }
}

/// Less than 60 % of what there must be at least (facts/ai.md §1.4).
pub(crate) fn is_far_below(counted: u64, least: u32) -> bool {
    counted.saturating_mul(10) < u64::from(least).saturating_mul(6)
}

/// The server cut the prompt in silence.
pub(crate) fn truncated(how: String) -> ModelError {
    ModelError::new(
        FailureClass::ContextTruncated,
        format!("the server cut the prompt without a word: {how}; its answer is not used"),
    )
}

fn garbled(line: &[u8], stream: &Stream) -> ModelError {
    let is_page = stream.content_type.starts_with("text/html") || line.starts_with(b"<");
    let text = if is_page {
        "a web page came instead of the model server's answer: a proxy before it can't reach it, or `url` leads to something else"
    } else {
        "what answers at `url` does not speak Ollama's language; if it speaks OpenAI's, set `dialect = \"openai\"`"
    };
    ModelError::new(FailureClass::NotTheServer, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counted: Option<u64>, least_tokens: u32, version: &str) -> Result<(), FailureClass> {
        let end = End {
            reason: Some("stop".to_owned()),
            thought_only: false,
            prompt_tokens: counted,
            answer_tokens: None,
            load: None,
        };
        let question = Question {
            system: String::new(),
            user: String::new(),
            repair: None,
            schema: Value::Null,
            seed: 0,
            least_tokens,
        };
        let config = ModelConfig {
            context_tokens: 4096,
            answer_tokens: 1024,
            ..ModelConfig::default()
        };
        end.check(&config, &question, Version::parse(version))
            .map_err(|error| error.class)
    }

    #[test]
    fn a_prompt_the_server_cut_is_seen_by_its_counts() {
        assert_eq!(check(Some(1200), 1000, "0.33.0"), Ok(()));
        assert_eq!(check(Some(600), 1000, "0.33.0"), Ok(()));
        assert_eq!(
            check(Some(599), 1000, "0.33.0"),
            Err(FailureClass::ContextTruncated)
        );
        assert_eq!(
            check(Some(599), 1000, "unknown"),
            Err(FailureClass::ContextTruncated)
        );
        assert_eq!(
            check(Some(3072), 1000, "0.33.0"),
            Err(FailureClass::ContextTruncated)
        );
        assert_eq!(check(None, 1000, "0.33.0"), Ok(()));
    }

    #[test]
    fn tokens_an_old_server_had_ready_are_no_sign_of_a_cut() {
        assert_eq!(check(Some(10), 1000, "0.11.0"), Ok(()));
        assert_eq!(
            check(Some(4096), 1000, "0.11.0"),
            Err(FailureClass::ContextTruncated)
        );
    }
}
