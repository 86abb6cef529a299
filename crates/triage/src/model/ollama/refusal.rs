//! What Ollama means when it refuses (facts/ai.md §1.6).

use serde_json::Value;

use crate::model::{
    failure::{FailureClass, ModelError},
    http::{Answer, Http},
    question::Question,
    refusal,
};

/// The error an answer stands for that is no answer to the question.
pub(crate) fn refused(
    http: &Http,
    answer: &Answer,
    path: &str,
    model: &str,
    question: Option<&Question>,
) -> ModelError {
    let body = answer.json();
    let said = body
        .as_ref()
        .and_then(|body| body.get("error"))
        .and_then(Value::as_str);
    if answer.status == 403 && answer.body.trim_ascii().is_empty() {
        return ModelError::new(
            FailureClass::Misconfigured,
            "Ollama refuses the name it is called by (403 without a word): it listens on its own machine only; have the proxy before it \
             set `Host: localhost:11434`, or set OLLAMA_HOST and OLLAMA_ORIGINS there",
        );
    }
    let signs_in = body
        .as_ref()
        .is_some_and(|body| body.get("signin_url").is_some());
    if signs_in && matches!(answer.status, 401 | 403) {
        return ModelError::new(
            FailureClass::CloudRefused,
            format!(
                "`{model}` is a model of ollama.com and the server is not signed in there; name a local model"
            ),
        );
    }
    let Some(said) = said else {
        return refusal::by_status(http, answer, path, None, question);
    };
    let shown = http.quote(said, question);
    by_words(said, &shown, answer.status, model).map_or_else(
        || refusal::by_status(http, answer, path, Some(&shown), question),
        |error| ModelError {
            after: answer.retry_after,
            ..error
        },
    )
}

/// The error for words in the middle of an answer, where there is no status.
pub(crate) fn in_the_middle(said: &str, shown: &str, model: &str) -> ModelError {
    by_words(said, shown, 200, model).unwrap_or_else(|| {
        ModelError::new(
            FailureClass::Server,
            format!("Ollama failed in the middle of the answer: {shown}"),
        )
    })
}

/// The server's list lacks the model.
pub(crate) fn model_missing(http: &Http, model: &str, others: &[String]) -> ModelError {
    let others = match others {
        [] => "it has none at all".to_owned(),
        _ => format!("it has: {}", http.quote(&others.join(", "), None)),
    };
    ModelError::new(
        FailureClass::ModelMissing,
        format!(
            "the server does not have the model `{model}` ({others}); run `ollama pull {model}` there"
        ),
    )
}

fn by_words(said: &str, shown: &str, status: u16, model: &str) -> Option<ModelError> {
    let words = said.to_ascii_lowercase();
    let has = |part: &str| words.contains(part);
    if refusal::is_about_context(&words) && matches!(status, 200 | 400 | 500) {
        return Some(refusal::too_long(shown));
    }
    let (class, text) = if has("not found") && has("model") {
        (
            FailureClass::ModelMissing,
            format!(
                "the server does not have the model `{model}` ({shown}); run `ollama pull {model}` there"
            ),
        )
    } else if has("does not support chat") || has("does not support generate") {
        (
            FailureClass::ModelMissing,
            format!("`{model}` is no model that answers questions ({shown}); name another one"),
        )
    } else if status == 403 && (has("cloud") || has("remote")) {
        (
            FailureClass::CloudRefused,
            format!(
                "`{model}` runs in a cloud, which the server forbids ({shown}); name a local model"
            ),
        )
    } else if has("requires more system memory") || has("out of memory") {
        (
            FailureClass::Server,
            format!(
                "the server has too little memory for `{model}` ({shown}); a smaller model or fewer `context_tokens` helps"
            ),
        )
    } else if has("must be of type") || has("invalid format") || has("does not support thinking") {
        (
            FailureClass::RequestRefused,
            format!(
                "Ollama does not understand the request ({shown}); it may be too old: 0.5.0 is the oldest that does"
            ),
        )
    } else {
        return None;
    };
    Some(ModelError::new(class, text))
}
