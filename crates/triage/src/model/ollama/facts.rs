//! What Ollama says of itself and of a model without the model being touched (facts/ai.md §1.1).

use serde_json::{Value, json};

use super::{refusal, version::Version};
use crate::model::{
    config::ModelConfig,
    facts::ServerFacts,
    failure::{FailureClass, ModelError},
    http::{Answer, Http},
};

/// Names of other models that an error text lists.
const OTHERS: usize = 12;

/// A model in the server's list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    pub(crate) there: bool,
    pub(crate) digest: Option<String>,
    /// The host that really runs it.
    pub(crate) remote: Option<String>,
    pub(crate) others: Vec<String>,
}

/// The server's version; none where something in front hides it.
///
/// # Errors
/// [`ModelError`] where the server can't be reached.
pub(crate) async fn version(http: &Http) -> Result<Option<Version>, ModelError> {
    Ok(version_text(http)
        .await?
        .as_deref()
        .and_then(Version::parse))
}

async fn version_text(http: &Http) -> Result<Option<String>, ModelError> {
    let answer = http.look("/api/version", None).await?;
    let body = answer.json().filter(|_| answer.status == 200);
    let version = body.as_ref().and_then(|body| body.get("version"));
    Ok(version
        .and_then(Value::as_str)
        .map(|text| http.quote(text, None)))
}

/// What the server's list says of a model.
///
/// # Errors
/// [`ModelError`] where there is no list.
pub(crate) async fn listed(http: &Http, model: &str) -> Result<Listed, ModelError> {
    let path = "/api/tags";
    let answer = http.look(path, None).await?;
    let body = answer.json();
    let models = body
        .as_ref()
        .and_then(|body| body.get("models"))
        // A server without models says null.
        .filter(|_| answer.status == 200);
    let Some(models) = models else {
        return Err(if answer.status == 200 && !answer.is_page() {
            not_ollama()
        } else {
            refusal::refused(http, &answer, path, model, None)
        });
    };
    let models = models.as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = with_tag(model);
    let names = |entry: &Value| {
        ["name", "model"]
            .iter()
            .filter_map(|key| entry.get(key).and_then(Value::as_str))
            .map(with_tag)
            .collect::<Vec<_>>()
    };
    let Some(entry) = models.iter().find(|entry| names(entry).contains(&wanted)) else {
        let others = models
            .iter()
            .filter_map(|entry| names(entry).into_iter().next());
        return Ok(Listed {
            others: others.take(OTHERS).collect(),
            ..Listed::default()
        });
    };
    let text = |key: &str| {
        let text = entry.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Ok(Listed {
        there: true,
        digest: text("digest"),
        remote: text("remote_host").or_else(|| text("remote_model")),
        others: Vec::new(),
    })
}

/// All of it.
///
/// # Errors
/// [`ModelError`] where the server can't be reached, or is no Ollama.
pub(crate) async fn look(http: &Http, config: &ModelConfig) -> Result<ServerFacts, ModelError> {
    let version_text = version_text(http).await?;
    let listed = listed(http, &config.model).await?;
    let mut facts = ServerFacts {
        version: version_text,
        model_there: listed.there,
        digest: listed.digest,
        cloud: listed.remote.is_some() || crate::model::config::is_cloud_name(&config.model),
        ..ServerFacts::default()
    };
    if listed.there && !facts.cloud {
        let show = http
            .look("/api/show", Some(&json!({"model": config.model})))
            .await?;
        read_show(&show, &mut facts);
        let loaded = http.look("/api/ps", None).await?;
        read_loaded(&loaded, &config.model, &mut facts);
    }
    hints(config, &mut facts);
    Ok(facts)
}

fn read_show(answer: &Answer, facts: &mut ServerFacts) {
    let Some(body) = answer.json().filter(|_| answer.status == 200) else {
        return;
    };
    let info = body.get("model_info").and_then(Value::as_object);
    facts.model_context = info
        .into_iter()
        .flatten()
        .find(|(key, _)| key.ends_with(".context_length"))
        .and_then(|(_, value)| value.as_u64());
    let capabilities = body.get("capabilities").and_then(Value::as_array);
    let can = |what: &str| capabilities.map(|list| list.iter().any(|word| word == what));
    if can("completion") == Some(false) {
        facts
            .hints
            .push("the model answers no questions: it is made for something else".to_owned());
    }
}

fn read_loaded(answer: &Answer, model: &str, facts: &mut ServerFacts) {
    let Some(body) = answer.json().filter(|_| answer.status == 200) else {
        return;
    };
    let Some(models) = body.get("models") else {
        return;
    };
    let wanted = with_tag(model);
    let entry = models.as_array().into_iter().flatten().find(|entry| {
        let name = entry.get("name").or_else(|| entry.get("model"));
        name.and_then(Value::as_str).map(with_tag) == Some(wanted.clone())
    });
    facts.loaded = Some(entry.is_some());
    facts.loaded_context = entry
        .and_then(|entry| entry.get("context_length"))
        .and_then(Value::as_u64)
        .filter(|tokens| *tokens > 0);
}

fn hints(config: &ModelConfig, facts: &mut ServerFacts) {
    let version = facts.version.as_deref().and_then(Version::parse);
    if let Some(version) = version {
        if version < Version::KNOWS_SCHEMAS {
            facts.hints.push(
                "this Ollama is older than 0.5.0 and can't be held to the form of an answer: update it".to_owned(),
            );
        } else if version < Version::REFUSES_LONG_PROMPTS {
            facts.hints.push(
                "this Ollama is older than 0.12.4 and cuts prompts that are too long without a word; that is noticed only afterwards"
                    .to_owned(),
            );
        }
    }
    let wanted = u64::from(config.context_tokens);
    if let Some(own) = facts.model_context.filter(|own| *own < wanted) {
        facts.hints.push(format!(
            "the model holds {own} tokens at most, not the {wanted} of `context_tokens`"
        ));
    }
    let differs = |tokens: &u64| *tokens != wanted && Some(*tokens) != facts.model_context;
    if let Some(loaded) = facts.loaded_context.filter(differs) {
        facts.hints.push(format!(
            "the model is loaded for {loaded} tokens, not the {wanted} of `context_tokens`: somebody else uses it otherwise, and each \
             change of hands loads it anew"
        ));
    }
}

fn not_ollama() -> ModelError {
    ModelError::new(
        FailureClass::NotTheServer,
        "what answers at `url` does not speak Ollama's language; if it speaks OpenAI's, set `dialect = \"openai\"`",
    )
}

/// A model's full name: Ollama adds the tag where none is given.
fn with_tag(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') {
        name
    } else {
        format!("{name}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_the_latest() {
        assert_eq!(with_tag("phi4-mini"), "phi4-mini:latest");
        assert_eq!(with_tag("Phi4-Mini:3.8b"), "phi4-mini:3.8b");
        assert_eq!(with_tag("host:5000/x/y"), "host:5000/x/y:latest");
    }
}
