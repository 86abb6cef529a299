//! What a server takes and what not, as it says itself.
//!
//! Invariant: a thing that was left out never comes back, so saying it in other words comes to an end.

use super::refusal;
use crate::model::{config::ModelConfig, http::Answer};

/// What is sent to a server beside the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    /// `chat_template_kwargs`, the way of llama-server and vLLM to switch thinking off.
    pub(crate) template: bool,
    /// `max_completion_tokens` instead of `max_tokens`.
    pub(crate) new_limit: bool,
    /// The schema without what only some servers understand.
    pub(crate) portable_schema: bool,
    /// `reasoning_effort`, the way of Ollama and of services to switch thinking off.
    pub(crate) reasoning_effort: bool,
    pub(crate) seed: bool,
    pub(crate) temperature: bool,
    /// `stream_options`, to get the counts.
    pub(crate) usage: bool,
}

impl Habits {
    /// What is sent to a server nothing is known of.
    pub(crate) fn of(config: &ModelConfig) -> Self {
        Self {
            template: !config.thinking,
            new_limit: false,
            portable_schema: false,
            reasoning_effort: !config.thinking,
            seed: true,
            temperature: true,
            usage: true,
        }
    }

    /// Without what an answer refuses by name; none where it names nothing that can be left out.
    pub(crate) fn without_what_is_refused(&self, answer: &Answer) -> Option<Self> {
        if !matches!(answer.status, 400 | 422) {
            return None;
        }
        let said = refusal::said(answer)?.to_ascii_lowercase();
        let names = |word: &str| said.contains(word);
        let mut less = self.clone();
        // The first that fits alone: a text may name a second one only by the way.
        if self.template && names("chat_template_kwargs") {
            less.template = false;
        } else if self.reasoning_effort && names("reasoning") {
            less.reasoning_effort = false;
        } else if self.usage && (names("stream_options") || names("include_usage")) {
            less.usage = false;
        } else if !self.new_limit && (names("max_completion_tokens") || names("'max_tokens'")) {
            less.new_limit = true;
        } else if self.temperature && names("temperature") {
            less.temperature = false;
        } else if self.seed && names("seed") {
            less.seed = false;
        } else if !self.portable_schema
            && ["response_format", "schema", "grammar", "guided", "samplers"]
                .into_iter()
                .any(names)
        {
            less.portable_schema = true;
        } else {
            return None;
        }
        Some(less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            content_type: "application/json".to_owned(),
            retry_after: None,
            location: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_is_refused_by_name_is_left_out_once_and_then_it_is_a_refusal() {
        let whole = Habits::of(&ModelConfig::default());
        let texts = [
            "Unrecognized request argument supplied: chat_template_kwargs",
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model.",
            "Unknown parameter: 'stream_options'",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "'temperature' does not support 0 with this model. Only the default (1) is supported.",
            "seed: extra fields not permitted",
            "Invalid schema for response_format 'triage': 'maxLength' is not permitted.",
        ];
        let mut habits = whole.clone();
        for text in texts {
            let body = serde_json::json!({"error": {"message": text}}).to_string();
            let less = habits.without_what_is_refused(&answer(400, &body)).unwrap();
            assert_ne!(less, habits, "{text}");
            assert_eq!(
                less.without_what_is_refused(&answer(400, &body)),
                None,
                "{text}"
            );
            assert_eq!(habits.without_what_is_refused(&answer(500, &body)), None);
            habits = less;
        }
        let nothing = answer(400, r#"{"error":"no"}"#);
        assert_eq!(whole.without_what_is_refused(&nothing), None);
    }

    #[test]
    fn what_a_server_repeats_of_the_prompt_is_no_name() {
        let whole = Habits::of(&ModelConfig::default());
        let body = r#"{"detail":[{"loc":["body","messages"],"msg":"too many","input":"temperature seed"}]}"#;
        assert_eq!(whole.without_what_is_refused(&answer(422, body)), None);
    }
}
