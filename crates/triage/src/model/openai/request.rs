//! What a server of OpenAI's language is sent.

use serde_json::{Value, json};

use super::{habits::Habits, schema};
use crate::model::{config::ModelConfig, ollama, question::Question};

/// The body of a question.
pub(crate) fn chat(config: &ModelConfig, question: &Question, habits: &Habits) -> Value {
    let schema = if habits.portable_schema {
        schema::portable(&question.schema)
    } else {
        question.schema.clone()
    };
    let limit = if habits.new_limit {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body = json!({
        "model": config.model,
        "messages": ollama::messages(question),
        "stream": true,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "triage", "strict": true, "schema": schema},
        },
    });
    body[limit] = json!(config.answer_tokens);
    if habits.usage {
        body["stream_options"] = json!({"include_usage": true});
    }
    if habits.temperature {
        body["temperature"] = json!(config.temperature);
    }
    if habits.seed {
        body["seed"] = json!(question.seed & 0x7fff_ffff);
    }
    if habits.reasoning_effort {
        body["reasoning_effort"] = json!("none");
    }
    if habits.template {
        // Templates of different families ask for different names.
        body["chat_template_kwargs"] = json!({"enable_thinking": false, "thinking": false});
    }
    body
}
