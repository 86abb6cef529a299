//! What servers of this language tell of themselves.

use std::io;

use hyper::Response;
use serde_json::{Value, json};

use super::refusals::{error, missing};
use crate::model::options::{ModelOptions, OpenAiHabits};
use crate::model::reply::{self, SentBody};
use crate::model::request::ModelRequest;
use crate::model::sandbox::Shared;

/// A look at the server.
pub(crate) fn look(
    shared: &Shared,
    request: &ModelRequest,
) -> Result<Option<Response<SentBody>>, io::Error> {
    let options = &shared.options;
    let llama = options.habits == OpenAiHabits::LlamaServer;
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => models(options),
        ("GET", "/health") if llama => json!({"status": "ok"}),
        ("GET", "/props") if llama => json!({
            "default_generation_settings": {"n_ctx": options.default_context},
            "total_slots": options.parallel,
        }),
        _ => return Ok(None),
    };
    let fault = shared.faults.pick_look();
    let error = |status, text: &str| error(options.habits, status, "server_error", text, None);
    let answer = match &fault {
        Some(fault) => reply::of_fault(fault, || missing(options, ""), error)?,
        None => None,
    };
    Ok(Some(answer.unwrap_or_else(|| reply::json(200, &body))))
}

fn models(options: &ModelOptions) -> Value {
    let data = options.models.iter().map(|model| {
        let mut entry = json!({"id": model.name, "object": "model", "created": 1_767_225_600, "owned_by": "system"});
        match options.habits {
            OpenAiHabits::LlamaServer => {
                entry["owned_by"] = json!("llamacpp");
                entry["meta"] = json!({"n_ctx_train": model.context});
            }
            OpenAiHabits::Vllm => {
                entry["owned_by"] = json!("vllm");
                entry["max_model_len"] = json!(options.default_context.min(model.context));
            }
            OpenAiHabits::LmStudio => entry["owned_by"] = json!("organization_owner"),
            OpenAiHabits::Ollama => entry["owned_by"] = json!("library"),
            OpenAiHabits::Cloud => {}
        }
        entry
    });
    json!({"object": "list", "data": data.collect::<Vec<_>>()})
}
