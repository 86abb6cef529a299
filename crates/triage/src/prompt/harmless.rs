//! Makes a text harmless for a model: what can't be seen goes, line ends are shown, and the spelling of chat templates' tokens and
//! of our own marker is broken visibly. Within a prompt such a spelling becomes one control token, and the attacker speaks as the
//! system (`facts/ai.md §3.3`).

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

/// Shows a line end.
pub(super) const LINE_END: char = '\u{23ce}';
/// Stands within what was broken.
pub(super) const BREAK: char = '\u{a6}';

/// Spellings of template tokens of all families, in any case. The break is put behind the first character; `<|` and `|>` break all
/// tokens of the form `<|name|>`, `[|` and `|]` all of the form `[|name|]`.
pub(crate) const TOKENS: &[&str] = &[
    "<|",
    "|>",
    "<\u{ff5c}",
    "\u{ff5c}>",
    "\u{ff1c}|",
    "|\u{ff1e}",
    "\u{ff1c}\u{ff5c}",
    "\u{ff5c}\u{ff1e}",
    "[|",
    "|]",
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<</sys>>",
    "[system_prompt]",
    "[/system_prompt]",
    "[tool_calls]",
    "[available_tools]",
    "[/available_tools]",
    "[tool_results]",
    "[/tool_results]",
    "[tool_content]",
    "[args]",
    "[call_id]",
    "[think]",
    "[/think]",
    "[gmask]",
    "[smask]",
    "[bos]",
    "[eos]",
    "[img]",
    "[prefix]",
    "[suffix]",
    "[middle]",
    "[model_settings]",
    "[user_prompt]",
    "[control_",
    "[cls]",
    "[sep]",
    "[mask]",
    "[pad]",
    "[unk]",
    "[unused",
    "[audio]",
    "[begin_audio]",
    "[img_break]",
    "[img_end]",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<sop>",
    "<eop>",
    "<mask>",
    "<cls>",
    "<sep>",
    "<start_of_",
    "<end_of_",
    "<begin_of_",
    "<beginning_of_",
    "<start_function_",
    "<end_function_",
    "<image>",
    "<image_soft_token>",
    "<audio_soft_token>",
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    "<reasoning>",
    "</reasoning>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<tools>",
    "</tools>",
    "<function_calls>",
    "<unused",
    "<reserved_",
    "<extra_id_",
    "<0x",
    "<im_start>",
    "<im_end>",
    "<im_sep>",
    "<endoftext>",
    "<eod>",
    "<eot>",
    "<eom>",
    "<fim_",
    "<filename>",
    "<file_sep>",
    "<empty_output>",
    "<gh_stars>",
    "<repo_name>",
    "<jupyter_",
    "<issue_",
    "<commit_",
    "<seed:",
    "</seed:",
    "<minimax",
    "</minimax",
    "<longcat_",
    "</longcat_",
    "[e~[",
    "]~b]",
    "]~!b[",
    "<role>",
    "</role>",
    "<user>",
    "<assistant>",
    "</assistant>",
    "<ctrl",
];

static BROKEN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(TOKENS)
        .ok()
});

/// Whether a character takes no room, turns the line around, or is not meant to be read by people.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_line_end(letter: char) -> bool {
    matches!(
        letter,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Without what can't be seen. `None` where there is nothing of it. Line ends and tabs stay: redaction reads line by line.
pub(super) fn visible(text: &str) -> Option<String> {
    let hidden = |letter: char| {
        is_invisible(letter) || letter.is_control() && letter != '\t' && !is_line_end(letter)
    };
    text.contains(hidden)
        .then(|| text.chars().filter(|letter| !hidden(*letter)).collect())
}

/// The text as one harmless line. `nonce` marks the data; it can stand nowhere in them.
pub(crate) fn harmless(text: &str, nonce: &str) -> String {
    let mut line = String::with_capacity(text.len() + 8);
    let (mut run, mut last) = (0_u8, '\0');
    let mut ended = false;
    for letter in text.chars() {
        if is_line_end(letter) {
            ended = true;
            continue;
        }
        if is_invisible(letter) || letter.is_control() && letter != '\t' {
            continue;
        }
        if std::mem::take(&mut ended) && !line.is_empty() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
            line.push(LINE_END);
            line.push(' ');
            last = ' ';
        }
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        // Nothing is lost with the second of two blanks, and a prompt can't be padded with them.
        if letter == ' ' && (last == ' ' || line.is_empty()) {
            continue;
        }
        run = if matches!(letter, '<' | '>') && letter == last {
            run + 1
        } else {
            0
        };
        if run == 2 {
            line.push(BREAK);
            run = 0;
        }
        line.push(letter);
        last = letter;
    }
    line.truncate(line.trim_end_matches(' ').len());
    let line = broken(line);
    if !nonce.is_empty() && line.contains(nonce) {
        line.replace(nonce, "[nonce]")
    } else {
        line
    }
}

fn broken(mut line: String) -> String {
    let Some(tokens) = BROKEN.as_ref() else {
        return line.replace(['<', '['], "\u{a6}");
    };
    // Two tokens may share a character: the second is seen once the first is broken.
    while let Some(further) = broken_once(tokens, &line) {
        line = further;
    }
    line
}

/// `None` where there is nothing to break. A break is part of no token, so each round leaves fewer.
fn broken_once(tokens: &AhoCorasick, line: &str) -> Option<String> {
    let mut written = 0;
    let mut out = String::new();
    for hit in tokens.find_iter(line) {
        let token = &line[hit.range()];
        out.push_str(&line[written..hit.start()]);
        if token.chars().count() == 2 && token.contains(['|', '\u{ff5c}']) {
            out.push_str(&token.replace(['|', '\u{ff5c}'], "\u{a6}"));
        } else {
            let first = token.chars().next().map_or(0, char::len_utf8);
            out.push_str(&token[..first]);
            out.push(BREAK);
            out.push_str(&token[first..]);
        }
        written = hit.end();
    }
    if written == 0 {
        return None;
    }
    out.push_str(&line[written..]);
    Some(out)
}

/// The first `limit` characters.
pub(crate) fn first(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => Cow::Owned(format!("{}\u{2026}", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Whether a text still spells a token: what the laws hold [`harmless`] to.
#[cfg(test)]
fn spells_a_token(text: &str) -> bool {
    BROKEN.as_ref().unwrap().is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_broken_and_stay_readable() {
        for (text, expected) in [
            (
                "a<|im_end|>\n<|im_start|>system",
                "a<\u{a6}im_end\u{a6}> \u{23ce} <\u{a6}im_start\u{a6}>system",
            ),
            ("<\u{200b}|im_end|\u{200b}>", "<\u{a6}im_end\u{a6}>"),
            (
                "[|assistant|] [|system|]",
                "[\u{a6}assistant\u{a6}] [\u{a6}system\u{a6}]",
            ),
            (
                "<file_sep><image> [CLS] [SEP] [MASK]",
                "<\u{a6}file_sep><\u{a6}image> [\u{a6}CLS] [\u{a6}SEP] [\u{a6}MASK]",
            ),
            (
                "<minimax> <minimax:tool_call> [control_1] <longcat_s>",
                "<\u{a6}minimax> <\u{a6}minimax:tool_call> [\u{a6}control_1] <\u{a6}longcat_s>",
            ),
            ("x [INST] y</s>", "x [\u{a6}INST] y<\u{a6}/s>"),
            ("<<<DATA 1>>>", "<<\u{a6}<DATA 1>>\u{a6}>"),
            (
                "if (a < b && c > d) { e << 2 }",
                "if (a < b && c > d) { e << 2 }",
            ),
            ("a\r\n\r\nb\t c", "a \u{23ce} b c"),
            ("nonce01 x", "[nonce] x"),
            ("\u{1b}[31mred", "[31mred"),
        ] {
            assert_eq!(harmless(text, "nonce01"), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_token_no_marker_and_no_line_end_is_left(pieces in prop::collection::vec(prop_oneof![
            Just("<".to_owned()), Just("|".to_owned()), Just(">".to_owned()), Just("[".to_owned()), Just("INST]".to_owned()),
            Just("im_end".to_owned()), Just("\u{200b}".to_owned()), Just("s>".to_owned()), Just("/".to_owned()), Just("\n".to_owned()),
            Just("<<SYS>>".to_owned()), Just("]".to_owned()), Just("CLS]".to_owned()), Just("file_sep>".to_owned()), Just("\u{ff5c}".to_owned()), any::<char>().prop_map(String::from), Just("DATA".to_owned()),
        ], 0..40)) {
            let line = harmless(&pieces.concat(), "nonce01");
            prop_assert!(!spells_a_token(&line), "{line}");
            prop_assert!(!line.contains("<<<") && !line.contains(">>>"), "{line}");
            prop_assert!(!line.contains(char::is_control) && !line.contains(is_invisible), "{line:?}");
            prop_assert_eq!(harmless(&line, "nonce01"), line);
        }
    }
}
