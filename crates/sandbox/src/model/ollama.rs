//! Ollama's own API (facts §1.1 to §1.8).

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::counts::Counted;
use super::faults::ModelFault;
use super::options::{ModelVersion, ServedModel};
use super::question::{self, Said};
use super::reply::{self, SentBody, Step, Working};
use super::request::ModelRequest;
use super::sandbox::Shared;
use super::tokens;
use crate::clock;

/// Models whose capabilities `/api/show` tells, and what `/api/ps` tells of the context.
const TELLS_CAPABILITIES: ModelVersion = ModelVersion(0, 6, 4);
const TELLS_CONTEXT: ModelVersion = ModelVersion(0, 10, 0);
const KNOWS_THINKING: ModelVersion = ModelVersion(0, 9, 0);
/// The wording of a missing model; when it changed is not known exactly.
const SAYS_TRY_PULLING: ModelVersion = ModelVersion(0, 7, 0);

/// A look at the server.
pub(crate) fn look(
    shared: &Shared,
    request: &ModelRequest,
) -> Result<Option<Response<SentBody>>, io::Error> {
    let version = shared.options.version;
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/version") => json!({"version": version.to_string()}),
        ("GET", "/api/tags") => {
            let models = shared.options.models.iter().map(listed);
            json!({"models": models.collect::<Vec<_>>()})
        }
        ("GET", "/api/ps") => loaded(shared),
        ("POST", "/api/show") => match named(shared, request) {
            Some(model) => shown(model, version),
            None => return Ok(Some(missing(shared, request))),
        },
        _ => return Ok(None),
    };
    let fault = shared.faults.pick_look();
    let answer = match &fault {
        Some(fault) => reply::of_fault(fault, || missing(shared, request), error)?,
        None => None,
    };
    Ok(Some(answer.unwrap_or_else(|| reply::json(200, &body))))
}

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

struct Writer<'a> {
    request: &'a ModelRequest,
    model: &'a ServedModel,
    version: ModelVersion,
}

impl Writer<'_> {
    fn steps(&self, said: &Said, end: Value, fault: Option<&ModelFault>) -> Vec<Step> {
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

    fn whole(&self, said: &Said, mut end: Value, fault: Option<&ModelFault>) -> Value {
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

    fn end(&self, said: &Said, prompt: u64, loaded: bool, fault: Option<&ModelFault>) -> Value {
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

fn named<'a>(shared: &'a Shared, request: &ModelRequest) -> Option<&'a ServedModel> {
    let name = request.body["model"]
        .as_str()
        .or_else(|| request.body["name"].as_str());
    shared.options.model(name.unwrap_or_default())
}

fn missing(shared: &Shared, request: &ModelRequest) -> Response<SentBody> {
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

fn listed(model: &ServedModel) -> Value {
    let mut entry = json!({
        "name": model.name,
        "model": model.name,
        "modified_at": "2026-01-01T00:00:00Z",
        "size": 2_491_876_774_u64,
        "digest": digest(&model.name),
        "details": {"format": "gguf", "family": "phi3", "parameter_size": "3.8B", "quantization_level": "Q4_K_M"},
    });
    if let Some(host) = &model.remote_host {
        entry["remote_model"] = json!(model.name);
        entry["remote_host"] = json!(host);
    }
    entry
}

fn shown(model: &ServedModel, version: ModelVersion) -> Value {
    let mut body = json!({
        "details": {"format": "gguf", "family": "phi3"},
        "model_info": {"general.architecture": "phi3", "phi3.context_length": model.context},
    });
    if version >= TELLS_CAPABILITIES {
        let thinking = model.thinks.then_some("thinking");
        let all: Vec<&str> = ["completion"].into_iter().chain(thinking).collect();
        body["capabilities"] = json!(all);
    }
    body
}

fn loaded(shared: &Shared) -> Value {
    let mut state = shared.state();
    let models = state.loaded().map(|loaded| {
        let left = loaded
            .until
            .map(|until| until - tokio::time::Instant::now());
        // For ever is three hundred years away.
        let left = left.map_or(300 * 366 * 86_400, |left| left.as_secs());
        let left = SignedDuration::from_secs(i64::try_from(left).unwrap_or(0));
        let mut entry = json!({
            "name": loaded.model,
            "model": loaded.model,
            "digest": digest(&loaded.model),
            "expires_at": (clock::now() + left).to_string(),
            "size": 3_500_000_000_u64,
            "size_vram": 0,
        });
        if shared.options.version >= TELLS_CONTEXT {
            entry["context_length"] = json!(loaded.context);
        }
        entry
    });
    json!({"models": models.into_iter().collect::<Vec<_>>()})
}

/// Looks like one, and differs from name to name.
fn digest(name: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut digest = String::new();
    for round in 0..4_u8 {
        for byte in name.bytes().chain([round]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        digest.push_str(&format!("{hash:016x}"));
    }
    digest
}
