//! One question to the model, the same in both dialects: what it sees, says, and how many tokens that takes.

use serde_json::Value;

use super::answer::ModelAnswer;
use super::faults::ModelFault;
use super::options::{ModelOptions, ServedModel};
use super::request::ModelRequest;
use super::{canned, tokens};

/// Tokens that are sent at once.
const PIECE: u64 = 4;
/// What the model thinks, where it does.
const THOUGHTS: &str = "Let me look at the alert. {\"verdict\":\"true_positive\"} would be rash.";

/// An answer as it is to be sent.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) thinking: String,
    /// `stop` or `length`.
    pub(crate) reason: String,
    pub(crate) answer_tokens: u64,
}

/// Has the model answer what it sees, in at most `limit` tokens.
pub(crate) fn say(
    request: &ModelRequest,
    model: &ServedModel,
    options: &ModelOptions,
    fault: Option<&ModelFault>,
    thinks: bool,
    limit: u64,
) -> Said {
    let mut answer = match &options.answer {
        Some(answerer) => answerer(request),
        None => canned_answer(request, model, options, fault),
    };
    match fault {
        Some(ModelFault::FencedJson) => answer.text = format!("```json\n{}\n```", answer.text),
        Some(ModelFault::ThoughtsInTheText) => {
            answer.text = format!("<think>\n{THOUGHTS}\n</think>\n{}", answer.text);
        }
        Some(ModelFault::Length) => {
            let half = tokens::of_text(&answer.text) / 2;
            answer.text = tokens::first(&answer.text, half).to_owned();
            "length".clone_into(&mut answer.reason);
        }
        _ => {}
    }
    if thinks && answer.thinking.is_empty() {
        THOUGHTS.clone_into(&mut answer.thinking);
    }
    limited(answer, limit)
}

/// A text in the pieces it is sent in.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // One character may be longer than a piece.
        let piece = match tokens::first(rest, PIECE) {
            "" => rest,
            piece => piece,
        };
        pieces.push(piece);
        rest = &rest[piece.len()..];
    }
    pieces
}

fn canned_answer(
    request: &ModelRequest,
    model: &ServedModel,
    options: &ModelOptions,
    fault: Option<&ModelFault>,
) -> ModelAnswer {
    let mut answer = canned::answer(request, options);
    let wants_json = request.schema().is_some() || request.body["format"] == "json";
    if model.ignores_schema || fault == Some(&ModelFault::FreeText) || !wants_json {
        return ModelAnswer::text(canned::prose(&answer));
    }
    if let (Some(ModelFault::WrongEnum), Some(verdict)) = (fault, answer.get_mut("verdict")) {
        *verdict = Value::from("probably_fine");
    }
    ModelAnswer::text(canned::text(&answer, &request.text, options.alphabetical))
}

fn limited(mut answer: ModelAnswer, limit: u64) -> Said {
    let thought = tokens::of_text(&answer.thinking);
    let said = tokens::of_text(&answer.text);
    if thought + said > limit {
        answer.thinking = tokens::first(&answer.thinking, limit).to_owned();
        answer.text = tokens::first(&answer.text, limit.saturating_sub(thought)).to_owned();
        "length".clone_into(&mut answer.reason);
    }
    Said {
        answer_tokens: (thought + said).min(limit),
        text: answer.text,
        thinking: answer.thinking,
        reason: answer.reason,
    }
}
