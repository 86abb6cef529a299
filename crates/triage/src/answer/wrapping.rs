//! What models put around their JSON.

/// The text inside: without blanks, a byte order mark, a thinking part before it and one fence around it.
pub(super) fn inside(text: &str) -> &str {
    let text = bare(text);
    // Only at the very beginning: further on it may stand in a quote.
    let text = match text.strip_prefix("<think>") {
        Some(thought) => thought
            .split_once("</think>")
            .map_or(text, |(_, rest)| bare(rest)),
        None => text,
    };
    fenced(text).unwrap_or(text)
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// What stands in the fence, where the whole text is one.
fn fenced(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("```")?.strip_suffix("```")?;
    let inner = match inner.get(..4) {
        Some(word) if word.eq_ignore_ascii_case("json") => &inner[4..],
        _ => inner,
    };
    Some(bare(inner))
}
