//! The API OpenAI made usual, in the habits of one server or another (facts §1.9).

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use serde_json::{Value, json};

use super::counts::Counted;
use super::faults::ModelFault;
use super::options::{ModelOptions, OpenAiHabits, ServedModel};
use super::question::{self, Said};
use super::reply::{self, SentBody, Step, Working};
use super::request::ModelRequest;
use super::sandbox::Shared;
use super::tokens;

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

/// `/v1/chat/completions`.
pub(crate) async fn question(
    shared: &Arc<Shared>,
    mut request: ModelRequest,
    number: usize,
) -> Result<Response<SentBody>, io::Error> {
    let options = &shared.options;
    let habits = options.habits;
    let mut counted = Counted::waits(&shared.counts);
    let fault = shared.faults.pick_question();
    let name = request.body["model"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let answer = |status, text: &str| error(habits, status, "server_error", text, None);
    let instead = match &fault {
        Some(fault) => reply::of_fault(fault, || missing(options, &name), answer),
        None => Ok(None),
    };
    let instead = instead.inspect_err(|_| counted.done())?;
    let Some(model) = model(options, &name) else {
        counted.done();
        return Ok(missing(options, &name));
    };
    let context = options.default_context.min(model.context);
    let whole = tokens::of_messages(&request.messages());
    let instead = instead
        .or_else(|| refused(options, &request))
        .or_else(|| too_long(options, whole, context));
    if let Some(answer) = instead {
        counted.done();
        return Ok(answer);
    }
    let place = shared.place().await?;
    counted.runs();
    let mut working = Working {
        shared: Arc::clone(shared),
        counted,
        _place: place,
    };
    request.seen = tokens::fit(request.messages(), context, options.version);
    shared.saw(number, &request.seen);
    let prompt = tokens::of_messages(&request.seen);
    let holds = fault == Some(ModelFault::HoldFirstToken);
    if holds && habits == OpenAiHabits::Ollama {
        working.counted.hold(&shared.releases).await;
    }
    let thinks = model.thinks && !is_told_not_to_think(habits, &request.body);
    let limit = limit(habits, &request.body).min(context.saturating_sub(prompt));
    let said = question::say(&request, model, options, fault.as_ref(), thinks, limit);
    let writer = Writer {
        habits,
        model: &name,
        prompt,
    };
    if request.body["stream"] != true {
        working.counted.done();
        return Ok(reply::json(200, &writer.whole(&said)));
    }
    let with_usage = request.body["stream_options"]["include_usage"] == true
        && fault != Some(ModelFault::NoCounts);
    let mut steps = writer.steps(&said, with_usage, fault.as_ref());
    if holds && habits != OpenAiHabits::Ollama {
        // Headers come at once, tokens do not.
        steps.insert(0, Step::Hold);
    }
    Ok(reply::streamed("text/event-stream", steps, working))
}

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

struct Writer<'a> {
    habits: OpenAiHabits,
    model: &'a str,
    prompt: u64,
}

impl Writer<'_> {
    fn steps(&self, said: &Said, with_usage: bool, fault: Option<&ModelFault>) -> Vec<Step> {
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

    fn whole(&self, said: &Said) -> Value {
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

/// llama-server and LM Studio take any name for the model they have.
fn model<'a>(options: &'a ModelOptions, name: &str) -> Option<&'a ServedModel> {
    match options.habits {
        OpenAiHabits::LlamaServer | OpenAiHabits::LmStudio => options.models.first(),
        OpenAiHabits::Cloud | OpenAiHabits::Ollama | OpenAiHabits::Vllm => options.model(name),
    }
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

fn error(
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

fn missing(options: &ModelOptions, name: &str) -> Response<SentBody> {
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

fn refused(options: &ModelOptions, request: &ModelRequest) -> Option<Response<SentBody>> {
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

fn too_long(options: &ModelOptions, prompt: u64, context: u64) -> Option<Response<SentBody>> {
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

fn limit(habits: OpenAiHabits, body: &Value) -> u64 {
    let old = body["max_tokens"].as_u64();
    let new = body["max_completion_tokens"].as_u64();
    let limit = match habits {
        OpenAiHabits::Cloud => new,
        OpenAiHabits::Ollama | OpenAiHabits::LmStudio => old,
        OpenAiHabits::LlamaServer | OpenAiHabits::Vllm => new.or(old),
    };
    limit.unwrap_or(u64::MAX)
}

fn is_told_not_to_think(habits: OpenAiHabits, body: &Value) -> bool {
    match habits {
        OpenAiHabits::Cloud | OpenAiHabits::LmStudio | OpenAiHabits::Ollama => {
            body["reasoning_effort"] == "none"
        }
        OpenAiHabits::LlamaServer | OpenAiHabits::Vllm => {
            body["chat_template_kwargs"]["enable_thinking"] == false
        }
    }
}
