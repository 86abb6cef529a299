//! Counting tokens, and what a server cuts when there are too many (facts §1.4).
//!
//! A token is three bytes here, four more a message: no model counts so, but every one counts somehow.

use super::options::ModelVersion;
use super::request::ModelMessage;

const BYTES: usize = 3;
const OF_A_MESSAGE: u64 = 4;

/// Tokens of a text.
pub(crate) fn of_text(text: &str) -> u64 {
    text.len().div_ceil(BYTES) as u64
}

/// Tokens of a conversation.
pub(crate) fn of_messages(messages: &[ModelMessage]) -> u64 {
    let each = messages
        .iter()
        .map(|one| of_text(&one.content) + OF_A_MESSAGE);
    each.sum()
}

/// The first tokens of a text.
pub(crate) fn first(text: &str, tokens: u64) -> &str {
    let bytes = usize::try_from(tokens)
        .unwrap_or(usize::MAX)
        .saturating_mul(BYTES);
    &text[..text.floor_char_boundary(bytes)]
}

/// What is left of a conversation in a context: older messages go first, all but the system's and the last; then the front of the
/// text. Before 0.30 as much stays as the context holds, since then half of it.
pub(crate) fn fit(
    mut messages: Vec<ModelMessage>,
    context: u64,
    version: ModelVersion,
) -> Vec<ModelMessage> {
    while of_messages(&messages) > context {
        let last = messages.len().saturating_sub(1);
        let older = messages[..last].iter().position(|one| one.role != "system");
        match older {
            Some(older) => drop(messages.remove(older)),
            None => break,
        }
    }
    if of_messages(&messages) <= context {
        return messages;
    }
    let kept = if version >= ModelVersion::RUNS_LLAMA_SERVER {
        context / 2
    } else {
        context
    };
    for at in 0..messages.len() {
        let excess = of_messages(&messages).saturating_sub(kept);
        let message = &mut messages[at];
        let bytes = usize::try_from(excess)
            .unwrap_or(usize::MAX)
            .saturating_mul(BYTES);
        let cut = message.content.ceil_char_boundary(bytes);
        message.content.drain(..cut);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(user: usize) -> Vec<ModelMessage> {
        let message = |role: &str, content: String| ModelMessage {
            role: role.to_owned(),
            content,
        };
        vec![
            message("system", "s".repeat(300)),
            message("user", "é".repeat(user)),
        ]
    }

    #[test]
    fn what_fits_stays_as_it_is_and_what_does_not_loses_its_front() {
        let fits = fit(conversation(300), 1000, ModelVersion::NEWEST);
        assert_eq!(fits, conversation(300));
        let cut = fit(conversation(30_000), 1000, ModelVersion::NEWEST);
        assert_eq!(cut[0].content, "");
        assert!((495..=500).contains(&of_messages(&cut)), "half of it");
        let cut = fit(conversation(30_000), 1000, ModelVersion(0, 11, 0));
        assert!((995..=1000).contains(&of_messages(&cut)), "all of it");
    }
}
