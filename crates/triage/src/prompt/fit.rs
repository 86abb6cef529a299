//! Shortens a text: its beginning and its end stay, and what is missing is said.

/// How far a cut moves so that no word is halved: half a pseudonym would be another one.
const WORD: usize = 32;

/// A shortened text, and how many of its characters are left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short {
    pub text: String,
    pub kept: usize,
    pub of: usize,
}

/// At most `limit` bytes, the note about what is missing not counted: 60 % from the beginning, 40 % from the end. `None` where the
/// text is short enough.
pub(super) fn shorten(text: &str, limit: usize) -> Option<Short> {
    if text.len() <= limit {
        return None;
    }
    let head = &text[..word_end(text, limit * 3 / 5)];
    let tail = &text[word_start(text, text.len() - limit * 2 / 5)..];
    let of = text.chars().count();
    let kept = head.chars().count() + tail.chars().count();
    Some(Short {
        text: format!(
            "{head}\u{2026}[cut {} chars]\u{2026}{tail}",
            thousands(of - kept)
        ),
        kept,
        of,
    })
}

/// The nearest place at or before `at` where no word and no character is cut.
pub(super) fn word_end(text: &str, at: usize) -> usize {
    let mut end = at.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if !text[end..].starts_with(in_word) {
        return end;
    }
    let word = text[..end].trim_end_matches(in_word).len();
    if end - word <= WORD { word } else { end }
}

/// The nearest place at or behind `at` where no word and no character is cut.
fn word_start(text: &str, at: usize) -> usize {
    let mut start = at.min(text.len());
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if !text[..start].ends_with(in_word) {
        return start;
    }
    let rest = &text[start..];
    let word = rest.len() - rest.trim_start_matches(in_word).len();
    if word <= WORD { start + word } else { start }
}

fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// `4112` is `4,112`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_stay() {
        assert_eq!(shorten("short", 5), None);
        let text = format!("{} middle {}", "a ".repeat(2000), "z ".repeat(2000));
        let short = shorten(&text, 100).unwrap();
        assert!(short.text.starts_with("a a ") && short.text.ends_with("z z "));
        assert!(
            short.text.contains("\u{2026}[cut 7,908 chars]\u{2026}"),
            "{}",
            short.text
        );
        assert_eq!((short.kept, short.of), (100, text.len()));
    }

    #[test]
    fn half_a_pseudonym_is_never_left() {
        for limit in 1..60 {
            let text = "USER_12 HOST_34 USER_56 HOST_78 IP_INT_90 EMAIL_11 ".repeat(4);
            let short = shorten(&text, limit).unwrap().text;
            for word in short.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
                let number = word.rsplit('_').next().unwrap();
                assert!(
                    !word.contains('_') || number.len() == 2,
                    "{word} in {short}"
                );
            }
        }
    }
}
