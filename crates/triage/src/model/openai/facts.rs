//! What servers of OpenAI's language say of themselves (facts/ai.md §1.9).

use serde_json::Value;

use super::refusal;
use crate::model::{
    config::{self, ModelConfig},
    facts::ServerFacts,
    failure::{FailureClass, ModelError},
    http::{Answer, Http},
};

/// All of it.
///
/// # Errors
/// [`ModelError`] where the server can't be reached, or speaks another language.
pub(crate) async fn look(http: &Http, config: &ModelConfig) -> Result<ServerFacts, ModelError> {
    let path = "/v1/models";
    let answer = http.look(path, None).await?;
    let mut facts = ServerFacts {
        cloud: config::is_cloud_name(&config.model),
        ..ServerFacts::default()
    };
    if matches!(answer.status, 404 | 405) && !answer.is_page() {
        facts.model_there = true;
        facts.hints.push(
            "the server has no list of models: whether it has this one shows the first question"
                .to_owned(),
        );
        return Ok(facts);
    }
    let list = answer.json().filter(|_| answer.status == 200);
    let list = list.as_ref().and_then(|list| list.get("data"));
    let Some(list) = list.and_then(Value::as_array) else {
        return Err(no_list(http, &answer, path, &config.model));
    };
    let id = |entry: &Value| entry.get("id").and_then(Value::as_str).map(str::to_owned);
    let named = list.iter().find(|entry| {
        id(entry).is_some_and(|id| id == config.model || id == format!("{}:latest", config.model))
    });
    let owner =
        |entry: &Value, name: &str| entry.get("owned_by").is_some_and(|owner| owner == name);
    // llama-server has one model and answers to any name.
    let only = list.first().filter(|entry| owner(entry, "llamacpp"));
    let Some(entry) = named.or(only) else {
        return Ok(facts);
    };
    facts.model_there = true;
    let number = |value: Option<&Value>| value.and_then(Value::as_u64);
    let meta = entry.get("meta");
    facts.model_context = number(meta.and_then(|meta| meta.get("n_ctx_train")));
    // vLLM's word, and that of newer llama-servers for one slot.
    facts.server_context = number(entry.get("max_model_len"))
        .or_else(|| number(meta.and_then(|meta| meta.get("n_ctx"))));
    if owner(entry, "llamacpp") {
        read_props(http, &mut facts).await?;
    } else if owner(entry, "library") {
        facts.hints.push(
            "this looks like an Ollama: `dialect = \"ollama\"` is better, in this one it cuts long prompts without a word".to_owned(),
        );
    }
    if owner(entry, "llamacpp") || owner(entry, "vllm") {
        facts.loaded = Some(true);
        facts.loaded_context = facts.server_context;
    }
    let usable = facts.usable_context(config.context_tokens);
    if usable < config.context_tokens {
        facts.hints.push(format!(
            "the server holds {usable} tokens at most, not the {} of `context_tokens`: lower that, or raise the server's",
            config.context_tokens
        ));
    }
    Ok(facts)
}

/// llama-server tells the size of one slot's context, which is what counts.
async fn read_props(http: &Http, facts: &mut ServerFacts) -> Result<(), ModelError> {
    let answer = http.look("/props", None).await?;
    let Some(body) = answer.json().filter(|_| answer.status == 200) else {
        return Ok(());
    };
    let settings = body.get("default_generation_settings");
    facts.server_context = settings
        .and_then(|settings| settings.get("n_ctx"))
        .and_then(Value::as_u64)
        .or(facts.server_context);
    let build = body.get("build_info").and_then(Value::as_str);
    facts.version = build.map(|build| http.quote(build, None));
    Ok(())
}

fn no_list(http: &Http, answer: &Answer, path: &str, model: &str) -> ModelError {
    if answer.status == 200 && !answer.is_page() {
        return ModelError::new(
            FailureClass::NotTheServer,
            "what answers at `url` does not speak OpenAI's language; if it is an Ollama, set `dialect = \"ollama\"`",
        );
    }
    refusal::refused(http, answer, path, model, None)
}
