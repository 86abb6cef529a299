//! Characters that can't be seen, where they mean something. Marks of direction stand in dates that Windows writes, a byte order
//! mark begins files, joiners hold emojis and Persian words together: these alone are no sign.

use crate::prompt::harmless::is_invisible;

/// So many in a row are a message of their own.
const RUN: usize = 4;

/// What is hidden, as code points; `None` where nothing is.
pub(super) fn find(text: &str) -> Option<String> {
    if text.is_ascii() {
        // A terminal is told to hide or to overwrite.
        return ["\u{1b}[8m", "\u{1b}[2K", "\u{1b}[1A", "\u{8}\u{8}"]
            .iter()
            .find(|code| text.contains(**code))
            .map(|code| format!("{}", code.escape_unicode()));
    }
    let (mut run, mut before) = (0, ' ');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !is_invisible(letter) {
            (run, before) = (0, letter);
            continue;
        }
        run += 1;
        let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}');
        let mark = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{61c}');
        let within = !mark
            && before.is_ascii_alphanumeric()
            && letters.peek().is_some_and(char::is_ascii_alphanumeric);
        if turns || within || run >= RUN && !mark {
            return Some(format!("U+{:04X}", letter as u32));
        }
    }
    None
}

/// The letters that tag characters and variation selectors stand for.
pub(super) fn tags(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        let code = letter as u32;
        match code {
            0xe0020..=0xe007e => bytes.extend(u8::try_from(code - 0xe0000)),
            0xfe00..=0xfe0f => bytes.extend(u8::try_from(code - 0xfe00)),
            0xe0100..=0xe01ef => bytes.extend(u8::try_from(code - 0xe0100 + 16)),
            _ => {}
        }
    }
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}
