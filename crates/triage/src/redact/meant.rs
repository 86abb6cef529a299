//! A text as people or a shell read it: without what can't be seen, with wide letters made narrow, without carets, an audit record's
//! arguments side by side. What is found there is replaced where it stands in the text.

use std::borrow::Cow;
use std::ops::Range;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::hidden::is_argument;
use crate::prompt::harmless::is_invisible;

/// A reading of a text, and where each of its bytes came from.
#[derive(Debug)]
pub(super) struct Meant {
    pub text: String,
    places: Vec<usize>,
}

impl Meant {
    fn with_room(length: usize) -> Self {
        Self {
            text: String::with_capacity(length),
            places: Vec::with_capacity(length),
        }
    }

    fn push(&mut self, letter: char, from: usize) {
        self.text.push(letter);
        self.places.resize(self.text.len(), from);
    }

    /// Without what can't be seen, each letter in its plain form (NFKC). `None` where that changes nothing.
    pub fn shown(text: &str) -> Option<Self> {
        if !text.contains(|letter| is_hidden(letter) || may_have_a_plain_form(letter)) {
            return None;
        }
        let normalizer = ComposingNormalizerBorrowed::new_nfkc();
        let mut meant = Self::with_room(text.len());
        for (at, letter) in text.char_indices() {
            if is_hidden(letter) {
                continue;
            }
            if !may_have_a_plain_form(letter) {
                meant.push(letter, at);
                continue;
            }
            for plain in normalizer.normalize_iter(std::iter::once(letter)) {
                meant.push(plain, at);
            }
        }
        (meant.text != text).then_some(meant)
    }

    /// As cmd reads it: `u^se` is `use`. `None` where no caret stands before something.
    pub fn without_carets(text: &str) -> Option<Self> {
        if !text.contains('^') {
            return None;
        }
        let mut meant = Self::with_room(text.len());
        let mut letters = text.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            match letters.peek() {
                Some(&(next_at, next)) if letter == '^' && !matches!(next, '\n' | '\r') => {
                    meant.push(next, next_at);
                    letters.next();
                }
                _ => meant.push(letter, at),
            }
        }
        (meant.text.len() < text.len()).then_some(meant)
    }

    /// auditd's arguments without their names and quotes: `a0="password" a1="=" a2="x"` is `password = x`.
    pub fn arguments(text: &str) -> Option<Self> {
        if !text.contains("a0=") {
            return None;
        }
        let bytes = text.as_bytes();
        let mut meant = Self::with_room(text.len());
        let (mut at, mut quoted) = (0, false);
        while let Some(letter) = text[at..].chars().next() {
            let before = if at == 0 { b' ' } else { bytes[at - 1] };
            if !quoted && before == b' ' && letter == 'a' {
                let width = text[at..]
                    .bytes()
                    .take(5)
                    .position(|byte| byte == b'=')
                    .filter(|end| is_argument(&text[at..at + end]));
                if let Some(width) = width {
                    at += width + 1;
                    quoted = bytes.get(at) == Some(&b'"');
                    at += usize::from(quoted);
                    continue;
                }
            }
            let ends = matches!(bytes.get(at + 1), None | Some(b' ' | b'\n' | b'\r'));
            if quoted && (letter == '"' && ends || matches!(letter, '\n' | '\r')) {
                quoted = false;
                if letter == '"' {
                    at += 1;
                    continue;
                }
            }
            meant.push(letter, at);
            at += letter.len_utf8();
        }
        (meant.text.len() < text.len()).then_some(meant)
    }

    /// Where a range of the reading stands in the text it was made of: from its first character to its last one.
    pub fn place(&self, text: &str, range: Range<usize>) -> Range<usize> {
        let (Some(&start), Some(&last)) = (
            self.places.get(range.start),
            range
                .end
                .checked_sub(1)
                .and_then(|last| self.places.get(last)),
        ) else {
            return 0..0;
        };
        let width = text.get(last..).and_then(|rest| rest.chars().next());
        start..last + width.map_or(0, char::len_utf8)
    }
}

/// A name as it is read: what can't be seen is gone, wide letters are narrow, and nothing frames it.
pub(super) fn name(name: &str) -> Cow<'_, str> {
    let frame = |letter: char| !letter.is_alphanumeric();
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|letter| !is_hidden(*letter) && !letter.is_control())
            .collect()
    };
    if name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(name.trim_matches(frame));
    }
    let shown = Meant::shown(name).map_or_else(|| plain(name), |meant| plain(&meant.text));
    Cow::Owned(shown.trim_matches(frame).to_owned())
}

fn is_hidden(letter: char) -> bool {
    is_invisible(letter)
        || letter.is_control()
            && !matches!(letter, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}')
}

/// Scripts that fill whole texts and have no other form are left as they are: Cyrillic, Chinese, Hangul's syllables.
fn may_have_a_plain_form(letter: char) -> bool {
    letter as u32 >= 0xa0
        && !matches!(letter as u32, 0x400..=0x52f | 0x3400..=0x9fff | 0xac00..=0xd7a3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_knows_where_it_came_from() {
        let text = "x \u{ff50}\u{200b}w=a\u{fb01}\u{200b}b\u{200b} y";
        let meant = Meant::shown(text).unwrap();
        assert_eq!(meant.text, "x pw=afib y");
        assert_eq!(&text[meant.place(text, 2..4)], "\u{ff50}\u{200b}w");
        // Half of a letter is all of it, and what can't be seen behind the end stays.
        assert_eq!(&text[meant.place(text, 5..7)], "a\u{fb01}");
        assert_eq!(&text[meant.place(text, 8..9)], "b");
        assert!(Meant::shown("plain \t\r\n text").is_none());
        assert!(Meant::shown("\u{43f}\u{430}\u{440}").is_none());
    }

    #[test]
    fn carets_and_the_names_of_arguments_go() {
        let carets = |text| Meant::without_carets(text).map(|meant| meant.text);
        assert_eq!(carets("n^et u^^se^").unwrap(), "net u^se^");
        assert!(carets("net").is_none());
        let arguments = |text| Meant::arguments(text).map(|meant| meant.text);
        assert_eq!(
            arguments("argc=3 a0=\"x y\" a1=\"=\" a12=z").unwrap(),
            "argc=3 x y = z"
        );
        assert_eq!(arguments("a0=\"open\na1=b"), Some("open\na1=b".to_owned()));
        assert!(arguments("a1=b").is_none());
    }

    #[test]
    fn a_name_is_read_without_what_frames_or_hides_it() {
        for (written, read) in [
            ("password\n", "password"),
            (" Password ", "Password"),
            ("pass\u{200b}word", "password"),
            ("\u{202e}password", "password"),
            ("\u{ff50}wd", "pwd"),
            ("password'1", "password'1"),
            ("$password:", "password"),
            ("", ""),
        ] {
            assert_eq!(name(written), read, "{written:?}");
        }
    }
}
