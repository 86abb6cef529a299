//! What Ollama tells of itself and its models without touching one.

use std::io;

use hyper::Response;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{error, missing, named};
use crate::clock;
use crate::model::options::{ModelVersion, ServedModel};
use crate::model::reply::{self, SentBody};
use crate::model::request::ModelRequest;
use crate::model::sandbox::Shared;

/// `capabilities` in `/api/show`.
const TELLS_CAPABILITIES: ModelVersion = ModelVersion(0, 6, 4);
/// `context_length` in `/api/ps`.
const TELLS_CONTEXT: ModelVersion = ModelVersion(0, 10, 0);

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
