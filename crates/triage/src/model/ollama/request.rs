//! What Ollama is sent.

use serde_json::{Value, json};

use crate::model::{config::ModelConfig, question::Question};

/// The body of `/api/chat`.
pub(crate) fn chat(config: &ModelConfig, question: &Question) -> Value {
    let mut options = options(config);
    // What is only about choosing tokens does not make the server load the model anew.
    options["num_predict"] = json!(config.answer_tokens);
    options["temperature"] = json!(config.temperature);
    // Ollama reads the seed into an integer; a negative one means chance.
    options["seed"] = json!(question.seed & 0x7fff_ffff);
    let mut body = common(config, options);
    body["messages"] = messages(question);
    body["format"] = question.schema.clone();
    body["stream"] = json!(true);
    // Left out it means true for a model that can think (facts/ai.md §1.2).
    body["think"] = json!(config.thinking);
    body
}

/// The body of `/api/generate` that has the model loaded as [`chat`] wants it.
pub(crate) fn preload(config: &ModelConfig) -> Value {
    let mut body = common(config, options(config));
    body["stream"] = json!(false);
    body
}

/// The conversation, in both dialects.
pub(crate) fn messages(question: &Question) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": question.system}),
        json!({"role": "user", "content": question.user}),
    ];
    if let Some(repair) = &question.repair {
        messages.push(json!({"role": "assistant", "content": repair.answer}));
        messages.push(json!({"role": "user", "content": repair.complaint}));
    }
    Value::Array(messages)
}

fn common(config: &ModelConfig, options: Value) -> Value {
    json!({
        "model": config.model,
        "keep_alive": keep_alive(&config.keep_alive),
        "truncate": false,
        "shift": false,
        "options": options,
    })
}

fn options(config: &ModelConfig) -> Value {
    json!({"num_ctx": config.context_tokens})
}

/// Ollama reads a text as a duration with a unit, a number as seconds.
fn keep_alive(text: &str) -> Value {
    text.parse::<i64>()
        .map_or_else(|_| json!(text), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::question::Repair;

    fn question(repair: Option<Repair>) -> Question {
        Question {
            system: "s".to_owned(),
            user: "u".to_owned(),
            repair,
            schema: json!({"type": "object"}),
            seed: u64::MAX,
            least_tokens: 1,
        }
    }

    #[test]
    fn nothing_in_a_question_makes_the_server_load_the_model_anew() {
        let config = ModelConfig::default();
        let chat = chat(&config, &question(None));
        let preload = preload(&config);
        for key in ["model", "keep_alive", "truncate", "shift"] {
            assert_eq!(chat[key], preload[key], "{key}");
        }
        assert_eq!(chat["options"]["num_ctx"], preload["options"]["num_ctx"]);
        assert_eq!(chat["stream"], true);
        assert_eq!(chat["think"], false);
        assert_eq!(chat["truncate"], false);
        assert!(chat["options"]["seed"].as_i64().unwrap() >= 0);
    }

    #[test]
    fn a_repair_shows_the_model_its_answer_and_the_complaint() {
        let repair = Repair {
            answer: "a".to_owned(),
            complaint: "c".to_owned(),
        };
        let messages = messages(&question(Some(repair)));
        let said: Vec<(&str, &str)> = messages
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
            .collect();
        assert_eq!(
            said,
            [
                ("system", "s"),
                ("user", "u"),
                ("assistant", "a"),
                ("user", "c")
            ]
        );
    }

    #[test]
    fn a_time_without_a_unit_is_sent_as_seconds() {
        assert_eq!(keep_alive("30m"), json!("30m"));
        assert_eq!(keep_alive("-1"), json!(-1));
        assert_eq!(keep_alive("600"), json!(600));
    }
}
