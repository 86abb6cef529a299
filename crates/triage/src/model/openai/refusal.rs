//! What servers of OpenAI's language mean when they refuse: an error may be an object, a text, or stand in `detail` (facts/ai.md §1.9).

use serde_json::Value;

use crate::model::{
    failure::{FailureClass, ModelError},
    http::{Answer, Http},
    question::Question,
    refusal,
};

/// The reason an answer gives, with its kind and code, where it gives one.
pub(crate) fn said(answer: &Answer) -> Option<String> {
    reason(&answer.json()?)
}

/// The reason in an error's body, or in an event that is one.
pub(crate) fn reason(body: &Value) -> Option<String> {
    let error = match body.get("error") {
        None | Some(Value::Null) => body,
        Some(error) => error,
    };
    if let Some(text) = error.as_str() {
        return Some(text.to_owned());
    }
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = error
        .get("message")
        .and_then(text)
        .or_else(|| detail(body.get("detail")?))?;
    let more = ["type", "code"]
        .iter()
        .filter_map(|key| error.get(key).and_then(text));
    let more: Vec<String> = more.collect();
    Some(if more.is_empty() {
        message
    } else {
        format!("{message} ({})", more.join(", "))
    })
}

/// The error an answer stands for.
pub(crate) fn refused(
    http: &Http,
    answer: &Answer,
    path: &str,
    model: &str,
    question: Option<&Question>,
) -> ModelError {
    let Some(said) = said(answer) else {
        return refusal::by_status(http, answer, path, None, question);
    };
    let shown = http.quote(&said, question);
    by_words(&said, &shown, answer.status, model).map_or_else(
        || refusal::by_status(http, answer, path, Some(&shown), question),
        |error| ModelError {
            after: answer.retry_after,
            ..error
        },
    )
}

/// The error for a reason in the middle of an answer.
pub(crate) fn in_the_middle(said: &str, shown: &str, model: &str) -> ModelError {
    by_words(said, shown, 200, model).unwrap_or_else(|| {
        ModelError::new(
            FailureClass::Server,
            format!("the model server failed in the middle of the answer: {shown}"),
        )
    })
}

/// FastAPI's way: a text, or a list of what is wrong where. What was sent stands in it as well and is left out.
fn detail(detail: &Value) -> Option<String> {
    if let Some(text) = detail.as_str() {
        return Some(text.to_owned());
    }
    let each = detail.as_array()?.iter().map(|one| {
        let place = one.get("loc").and_then(Value::as_array);
        let place: Vec<&str> = place
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let text = one.get("msg").and_then(Value::as_str).unwrap_or_default();
        format!("{}: {text}", place.join("."))
    });
    Some(each.collect::<Vec<_>>().join("; "))
}

fn by_words(said: &str, shown: &str, status: u16, model: &str) -> Option<ModelError> {
    let words = said.to_ascii_lowercase();
    let has = |part: &str| words.contains(part);
    if refusal::is_about_context(&words) && matches!(status, 200 | 400 | 413 | 422 | 500) {
        return Some(refusal::too_long(shown));
    }
    let no_model = has("model_not_found")
        || has("no models loaded")
        || (has("model") && (has("not found") || has("does not exist")));
    if no_model && matches!(status, 200 | 400 | 404) {
        return Some(ModelError::new(
            FailureClass::ModelMissing,
            format!("the server does not have the model `{model}` ({shown})"),
        ));
    }
    if has("loading model") && status == 503 {
        return Some(ModelError::new(
            FailureClass::Busy,
            format!("the server still loads the model ({shown})"),
        ));
    }
    // llama-server, where a model's vocabulary and its chat template do not fit together: it would be the same for every alert.
    if has("failed to initialize samplers") {
        return Some(ModelError::new(
            FailureClass::Misconfigured,
            format!(
                "the model server can't hold this model to the form of an answer ({shown}); its log says more, and another file of the model may help"
            ),
        ));
    }
    has("insufficient_quota").then(|| {
        ModelError::new(
            FailureClass::Misconfigured,
            format!("the account at the model server has no credit left ({shown})"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_is_found_wherever_servers_put_it() {
        for (body, expected) in [
            (
                json!({"error": {"message": "a", "type": "b", "code": 400}}),
                Some("a (b, 400)"),
            ),
            (json!({"error": {"message": "a", "type": null}}), Some("a")),
            (json!({"error": "a"}), Some("a")),
            (json!({"object": "error", "message": "a"}), Some("a")),
            (json!({"detail": "a"}), Some("a")),
            (
                json!({"detail": [{"loc": ["body", 1, "x"], "msg": "a", "input": "secret"}]}),
                Some("body.x: a"),
            ),
            (json!({"error": {}}), None),
            (json!({"error": null}), None),
            (json!([]), None),
            (json!(7), None),
        ] {
            assert_eq!(reason(&body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn the_words_of_each_server_for_a_long_prompt_mean_the_same() {
        for said in [
            "the request exceeds the available context size (exceed_context_size_error, 400)",
            "This model's maximum context length is 4096 tokens.",
            "too long (context_length_exceeded)",
            "The number of tokens to keep from the initial prompt is greater than the context length",
        ] {
            let error = by_words(said, said, 400, "m").unwrap();
            assert_eq!(error.class, FailureClass::ContextTooLong, "{said}");
        }
    }
}
