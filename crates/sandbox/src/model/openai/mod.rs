//! The API OpenAI made usual, in the habits of one server or another (facts §1.9): questions.

mod events;
mod looks;
mod refusals;

use std::io;
use std::sync::Arc;

use hyper::Response;
use serde_json::Value;

use self::events::Writer;
pub(crate) use self::looks::look;
pub(crate) use self::refusals::refused_key;
use self::refusals::{error, missing, refused, too_long};
use super::counts::Counted;
use super::faults::ModelFault;
use super::options::{ModelOptions, OpenAiHabits, ServedModel};
use super::question;
use super::reply::{self, SentBody, Step, Working};
use super::request::ModelRequest;
use super::sandbox::Shared;
use super::tokens;

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

/// llama-server and LM Studio take any name for the model they have.
fn model<'a>(options: &'a ModelOptions, name: &str) -> Option<&'a ServedModel> {
    match options.habits {
        OpenAiHabits::LlamaServer | OpenAiHabits::LmStudio => options.models.first(),
        OpenAiHabits::Cloud | OpenAiHabits::Ollama | OpenAiHabits::Vllm => options.model(name),
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
