//! Ollama's own API (facts §1.1 to §1.8): questions, and loading a model.

mod chunks;
mod looks;

use std::io;
use std::sync::Arc;

use hyper::Response;
use serde_json::{Value, json};

use self::chunks::Writer;
pub(crate) use self::looks::look;
use super::counts::Counted;
use super::faults::ModelFault;
use super::options::{ModelVersion, ServedModel};
use super::question;
use super::reply::{self, SentBody, Working};
use super::request::ModelRequest;
use super::sandbox::Shared;
use super::tokens;
use crate::clock;

/// The wording of a missing model; when it changed is not known exactly.
const SAYS_TRY_PULLING: ModelVersion = ModelVersion(0, 7, 0);

/// `/api/chat` and `/api/generate`.
pub(crate) async fn question(
    shared: &Arc<Shared>,
    mut request: ModelRequest,
    number: usize,
) -> Result<Response<SentBody>, io::Error> {
    let mut counted = Counted::waits(&shared.counts);
    let fault = shared.faults.pick_question();
    let instead = match &fault {
        Some(fault) => reply::of_fault(fault, || missing(shared, &request), error),
        None => Ok(None),
    };
    let instead = instead.inspect_err(|_| counted.done())?;
    if let Some(answer) = instead.or_else(|| refused(shared, &request)) {
        counted.done();
        return Ok(answer);
    }
    let Some(model) = named(shared, &request) else {
        counted.done();
        let answer = missing(shared, &request);
        return Ok(answer);
    };
    let place = shared.place().await?;
    counted.runs();
    let mut working = Working {
        shared: Arc::clone(shared),
        counted,
        _place: place,
    };
    let context = context(shared, &request, model);
    let loaded_now = load(shared, &request, model, context).await;
    if !request.is_question() {
        working.counted.done();
        let answer = empty(shared, &request, model);
        return Ok(answer);
    }
    let messages = request.messages();
    let whole = tokens::of_messages(&messages);
    let version = shared.options.version;
    let may_cut = version < ModelVersion::REFUSES_LONG_PROMPTS
        || (request.body["truncate"] != false && request.body["shift"] != false);
    if whole > context && !may_cut {
        working.counted.done();
        return Ok(error(400, too_long(version)));
    }
    request.seen = tokens::fit(messages, context, version);
    let prompt_tokens = tokens::of_messages(&request.seen);
    let ready = shared.state().ready(&request.seen) as u64 / 3;
    shared.saw(number, &request.seen);
    if fault == Some(ModelFault::HoldFirstToken) {
        // The headers come with the first token (facts §1.5).
        working.counted.hold(&shared.releases).await;
    }
    let room = context.saturating_sub(prompt_tokens);
    let asked = request.body["options"]["num_predict"].as_u64();
    let limit = asked.unwrap_or(u64::MAX).min(room);
    let thinks = model.thinks && request.body["think"] != false;
    let said = question::say(
        &request,
        model,
        &shared.options,
        fault.as_ref(),
        thinks,
        limit,
    );
    let counted_tokens = if version < ModelVersion::RUNS_LLAMA_SERVER {
        prompt_tokens.saturating_sub(ready)
    } else {
        prompt_tokens
    };
    let writer = Writer {
        request: &request,
        model,
        version,
    };
    let end = writer.end(&said, counted_tokens, loaded_now, fault.as_ref());
    if request.body["stream"] == false {
        working.counted.done();
        return Ok(reply::json(200, &writer.whole(&said, end, fault.as_ref())));
    }
    let steps = writer.steps(&said, end, fault.as_ref());
    Ok(reply::streamed("application/x-ndjson", steps, working))
}

/// `{"error":"…"}`.
pub(crate) fn error(status: u16, text: &str) -> Response<SentBody> {
    reply::json(status, &json!({"error": text}))
}

pub(crate) fn named<'a>(shared: &'a Shared, request: &ModelRequest) -> Option<&'a ServedModel> {
    let name = request.body["model"]
        .as_str()
        .or_else(|| request.body["name"].as_str());
    shared.options.model(name.unwrap_or_default())
}

pub(crate) fn missing(shared: &Shared, request: &ModelRequest) -> Response<SentBody> {
    let name = request.body["model"].as_str().unwrap_or_default();
    let text = if shared.options.version < SAYS_TRY_PULLING {
        format!("model {name:?} not found, try pulling it first")
    } else {
        format!("model '{name}' not found")
    };
    error(404, &text)
}

/// What the server says to a request that makes no sense to it.
fn refused(shared: &Shared, request: &ModelRequest) -> Option<Response<SentBody>> {
    let body = &request.body;
    if !body.is_object() {
        return Some(error(400, "unexpected end of JSON input"));
    }
    let options = body["options"].as_object();
    let wrong = ["num_ctx", "num_predict", "seed"].iter().find(|name| {
        let value = options.and_then(|options| options.get(**name));
        value.is_some_and(|value| !value.is_i64() && !value.is_u64())
    });
    if let Some(name) = wrong {
        return Some(error(
            500,
            &format!("option {name:?} must be of type integer"),
        ));
    }
    let format = &body["format"];
    let knows = match format {
        Value::Null => true,
        Value::Object(_) => shared.options.version >= ModelVersion::KNOWS_SCHEMAS,
        Value::String(text) => text.is_empty() || text == "json",
        _ => false,
    };
    if !knows {
        let text =
            format!("invalid format: {format}; expected \"json\" or a valid JSON Schema object");
        return Some(error(400, &text));
    }
    let model = named(shared, request)?;
    let wants_thoughts = !matches!(&body["think"], Value::Null | Value::Bool(false));
    (wants_thoughts && !model.thinks)
        .then(|| error(400, &format!("{:?} does not support thinking", model.name)))
}

fn too_long(version: ModelVersion) -> &'static str {
    if version >= ModelVersion::SAYS_LONGER_THAN {
        "the prompt is longer than the context length currently available to the model; shorten it or raise the context length"
    } else {
        "the input length exceeds the context length"
    }
}

fn context(shared: &Shared, request: &ModelRequest, model: &ServedModel) -> u64 {
    let asked = request.body["options"]["num_ctx"].as_u64();
    asked
        .unwrap_or(shared.options.default_context)
        .min(model.context)
}

async fn load(shared: &Shared, request: &ModelRequest, model: &ServedModel, context: u64) -> bool {
    let keep_alive = &request.body["keep_alive"];
    let shift = shared.options.version < ModelVersion::RUNS_LLAMA_SERVER
        || request.body["shift"].as_bool().unwrap_or(true);
    let loaded = shared.state().load(&model.name, context, shift, keep_alive);
    if loaded {
        shared.counts.send_modify(|counts| counts.loads += 1);
        tokio::time::sleep(shared.options.load_time).await;
    }
    loaded
}

/// A request that asks nothing loads the model, or unloads it.
fn empty(shared: &Shared, request: &ModelRequest, model: &ServedModel) -> Response<SentBody> {
    let unloads = request.body["keep_alive"].as_f64() == Some(0.0);
    if unloads {
        shared.state().unload();
    }
    let reason = if unloads { "unload" } else { "load" };
    let mut body = json!({
        "model": model.name,
        "created_at": clock::now().to_string(),
        "done": true,
        "done_reason": reason,
    });
    if request.path == "/api/chat" {
        body["message"] = json!({"role": "assistant", "content": ""});
    } else {
        body["response"] = json!("");
    }
    reply::json(200, &body)
}
