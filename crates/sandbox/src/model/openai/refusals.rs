//! What each server says when it refuses, and in which shape.

use hyper::Response;
use serde_json::{Value, json};

use crate::model::options::{ModelOptions, OpenAiHabits};
use crate::model::reply::{self, SentBody};
use crate::model::request::ModelRequest;
use crate::model::sandbox::Shared;

/// What a strict service does not take in a schema. The list of the real ones changes; this is the older one.
const NOT_PERMITTED: [&str; 7] = [
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
];
/// Fields a strict service knows.
const KNOWN: [&str; 10] = [
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "response_format",
    "seed",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
];

/// Without the right key.
pub(crate) fn refused_key(shared: &Shared) -> Response<SentBody> {
    error(
        shared.options.habits,
        401,
        "authentication_error",
        "Invalid API Key",
        Some("invalid_api_key"),
    )
}

pub(crate) fn error(
    habits: OpenAiHabits,
    status: u16,
    kind: &str,
    text: &str,
    code: Option<&str>,
) -> Response<SentBody> {
    let body = match habits {
        OpenAiHabits::LmStudio => json!({"error": text}),
        OpenAiHabits::LlamaServer => {
            json!({"error": {"code": status, "message": text, "type": kind}})
        }
        OpenAiHabits::Vllm => {
            json!({"object": "error", "message": text, "type": kind, "param": null, "code": status})
        }
        OpenAiHabits::Cloud | OpenAiHabits::Ollama => {
            json!({"error": {"message": text, "type": kind, "param": null, "code": code}})
        }
    };
    reply::json(status, &body)
}

pub(crate) fn missing(options: &ModelOptions, name: &str) -> Response<SentBody> {
    let text = match options.habits {
        OpenAiHabits::Ollama => format!("model {name:?} not found, try pulling it first"),
        _ => format!("The model `{name}` does not exist."),
    };
    error(
        options.habits,
        404,
        "not_found_error",
        &text,
        Some("model_not_found"),
    )
}

pub(crate) fn refused(
    options: &ModelOptions,
    request: &ModelRequest,
) -> Option<Response<SentBody>> {
    let body = &request.body;
    let habits = options.habits;
    let bad = |text: &str| Some(error(habits, 400, "invalid_request_error", text, None));
    let Some(fields) = body.as_object() else {
        // llama-server calls a broken body its own fault (facts §1.9).
        let status = if habits == OpenAiHabits::LlamaServer {
            500
        } else {
            400
        };
        return Some(error(habits, status, "server_error", "parse error", None));
    };
    match habits {
        OpenAiHabits::LmStudio if body["response_format"]["type"] == "json_object" => {
            bad("'response_format.type' must be 'json_schema' or 'text'")
        }
        OpenAiHabits::Cloud => {
            if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
                return bad(&format!(
                    "Unrecognized request argument supplied: {unknown}"
                ));
            }
            if fields.contains_key("max_tokens") {
                return bad(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                );
            }
            let schema = request.schema().map(Value::to_string).unwrap_or_default();
            let keyword = NOT_PERMITTED
                .iter()
                .find(|keyword| schema.contains(&format!("\"{keyword}\":")))?;
            bad(&format!(
                "Invalid schema for response_format 'triage': In context=(), '{keyword}' is not permitted."
            ))
        }
        _ => None,
    }
}

pub(crate) fn too_long(
    options: &ModelOptions,
    prompt: u64,
    context: u64,
) -> Option<Response<SentBody>> {
    if prompt <= context {
        return None;
    }
    match options.habits {
        OpenAiHabits::Cloud => Some(error(
            options.habits,
            400,
            "invalid_request_error",
            &format!(
                "This model's maximum context length is {context} tokens. However, your messages resulted in {prompt} tokens."
            ),
            Some("context_length_exceeded"),
        )),
        OpenAiHabits::LlamaServer => Some(reply::json(
            400,
            &json!({"error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": prompt,
                "n_ctx": context,
            }}),
        )),
        OpenAiHabits::Vllm => Some(error(
            options.habits,
            400,
            "BadRequestError",
            &format!(
                "This model's maximum context length is {context} tokens. However, your request has {prompt} input tokens."
            ),
            None,
        )),
        // Ollama and, by its settings, LM Studio cut.
        OpenAiHabits::LmStudio | OpenAiHabits::Ollama => None,
    }
}
