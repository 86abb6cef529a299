//! What an answer with another status than 200 means, whichever dialect the server speaks.
//!
//! The dialects look first for what only their servers say; what is left is told by the status, and by whether a page for people came
//! instead of JSON: then something in front of the server answered (facts/ai.md §1.6).

use super::{
    failure::{FailureClass, ModelError},
    http::{Answer, Http},
    question::Question,
};

/// Whether a server says that a prompt is longer than its context. Ollama: `the prompt is longer than the context length currently
/// available`, before 0.30.9 `the input length exceeds the context length`; llama-server: `exceed_context_size_error`; vLLM and
/// OpenAI: `maximum context length`, `context_length_exceeded`; LM Studio: `context length`, `context window`.
pub(crate) fn is_about_context(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "context length",
        "context_length",
        "context size",
        "context_size",
        "context window",
        "longer than the context",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The error for a prompt the server finds too long.
pub(crate) fn too_long(said: &str) -> ModelError {
    ModelError::new(
        FailureClass::ContextTooLong,
        format!("the prompt is longer than the server's context; it says: {said}"),
    )
}

/// The error by status alone; `said` is the reason the server gave, fit to be shown.
pub(crate) fn by_status(
    http: &Http,
    answer: &Answer,
    path: &str,
    said: Option<&str>,
    question: Option<&Question>,
) -> ModelError {
    let status = answer.status;
    if answer.is_page() {
        return page(http, answer, path);
    }
    let raw = String::from_utf8_lossy(&answer.body);
    let said = said.map_or_else(|| http.quote(&raw, question), str::to_owned);
    let (class, text) = match status {
        300..=399 => return redirect(answer),
        401 | 407 => (
            FailureClass::Auth,
            format!(
                "the model server, or a proxy before it, refuses the login ({status}: {said}); check `api_key_file`, or `user` and \
                 `password_file`"
            ),
        ),
        403 => (
            FailureClass::Auth,
            format!("the model server forbids the request (403: {said}); check `api_key_file` and what it may do"),
        ),
        404 | 405 => (
            FailureClass::Misconfigured,
            format!(
                "there is no such endpoint ({status} for {}); is `url` right, and does `dialect` fit the server?",
                http.endpoint(path)
            ),
        ),
        413 => (
            FailureClass::Misconfigured,
            "a proxy in front of the model server finds the request too large (413); let it pass bodies of 1 MB".to_owned(),
        ),
        408 | 425 | 429 | 503 => (
            FailureClass::Busy,
            format!("the model server has too much to do ({status}: {said})"),
        ),
        400..=498 => (
            FailureClass::RequestRefused,
            format!("the model server refuses the request ({status}: {said})"),
        ),
        _ => (
            FailureClass::Server,
            format!("the model server failed ({status}: {said}); its log says more"),
        ),
    };
    ModelError {
        class,
        text,
        after: answer.retry_after,
    }
}

/// The error for a page where JSON should have been.
pub(crate) fn page(http: &Http, answer: &Answer, path: &str) -> ModelError {
    let (class, text) = match answer.status {
        300..=399 => return redirect(answer),
        401 | 407 => (
            FailureClass::Auth,
            "a proxy in front of the model server asks for a login".to_owned(),
        ),
        403 => (
            FailureClass::Misconfigured,
            "a proxy or firewall in front of the model server blocks the request (403); let this machine pass".to_owned(),
        ),
        404 | 405 => (
            FailureClass::Misconfigured,
            format!(
                "there is no model server at {} ({}, with a web page); is `url` right?",
                http.endpoint(path),
                answer.status
            ),
        ),
        413 => (
            FailureClass::Misconfigured,
            "a proxy in front of the model server finds the request too large (413); let it pass bodies of 1 MB".to_owned(),
        ),
        status => (
            FailureClass::NotTheServer,
            format!(
                "a web page came instead of the model server's answer ({status}): a proxy before it can't reach it, or `url` leads to \
                 something else"
            ),
        ),
    };
    ModelError {
        class,
        text,
        after: answer.retry_after,
    }
}

fn redirect(answer: &Answer) -> ModelError {
    let target = answer.location.as_deref().unwrap_or("another address");
    ModelError::new(
        FailureClass::Misconfigured,
        format!(
            "`url` leads elsewhere ({}, to {target}); redirects are not followed, so that alerts go nowhere else: write the final \
             address into `url`",
            answer.status
        ),
    )
}
