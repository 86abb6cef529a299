//! What a model thought aloud before its answer is no part of the answer.

/// The answer without a block `<think>…</think>` before it. Some templates put the opening tag into the prompt, so that only the
/// closing one is seen; a block that is never closed leaves nothing.
pub(crate) fn without_thinking(text: &str) -> &str {
    let begun = text.trim_start();
    if begun.starts_with('{') {
        return text;
    }
    match begun.rfind("</think>") {
        Some(at) => &begun[at + "</think>".len()..],
        None if begun.starts_with("<think>") => "",
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_left_out_and_an_answer_that_mentions_them_is_not() {
        for (text, answer) in [
            ("<think>so {\"a\":2}</think>\n{\"a\":1}", "\n{\"a\":1}"),
            ("so it is</think>{}", "{}"),
            ("<think>never done", ""),
            ("{\"a\":\"</think>\"}", "{\"a\":\"</think>\"}"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(without_thinking(text), answer);
        }
    }
}
