//! A line of text as the words of a command line, near enough for bash, cmd and PowerShell at once.

use std::ops::Range;

use super::edits::placeholder;

/// Splits a line. Quotes hold blanks together; `|`, `&&`, `||` and `;` are words of their own where they stand outside quotes.
pub(super) fn split(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    // A quote that is never closed is a plain character; asking once a line keeps this linear.
    let last = |quote: u8| bytes.iter().rposition(|byte| *byte == quote).unwrap_or(0);
    let (mut double, single, back) = (last(b'"'), last(b'\''), last(b'`'));
    let mut words = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let width = match byte {
            b' ' | b'\t' | 0 => {
                words.extend(start.take().map(|from| from..at));
                at += 1;
                continue;
            }
            b'&' | b'|' if next == byte => 2,
            b'|' => 1,
            b';' | b'&' if matches!(next, b' ' | b'\t') => 1,
            _ => 0,
        };
        if width > 0 {
            words.extend(start.take().map(|from| from..at));
            words.push(at..at + width);
            at += width;
            continue;
        }
        start.get_or_insert(at);
        let opens = match byte {
            b'"' => at < double,
            b'\'' => at < single && !before.is_ascii_alphanumeric(),
            b'`' => at < back && !before.is_ascii_alphanumeric(),
            _ => false,
        };
        let width = if opens {
            quoted(&bytes[at + 1..], byte)
        } else {
            0
        };
        if opens && width == 0 {
            // All that follow are escaped.
            double = 0;
        }
        at += width + 1;
    }
    words.extend(start.map(|from| from..bytes.len()));
    words
}

/// How far a quoted part goes, its closing quote included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut from = 0;
    while let Some(end) = rest[from..]
        .iter()
        .position(|byte| *byte == quote)
        .map(|end| end + from)
    {
        let ends_word = rest
            .get(end + 1)
            .is_none_or(|next| matches!(next, b' ' | b'\t' | b'"' | b',' | b')'));
        let escaped = quote == b'"' && end > 0 && rest[end - 1] == b'\\' && !ends_word;
        if !escaped {
            return end + 1;
        }
        from = end + 1;
    }
    // The last quote was escaped: what it opened is a plain character.
    0
}

/// Whether a word separates commands.
pub(super) fn separates(word: &str) -> bool {
    matches!(word, "|" | "||" | "&&" | "&" | ";")
}

/// The part of a word within its quotes, `from` bytes after its start: of `--password="a b"` and 11 it is `a b`.
pub(super) fn bare(word: &str, from: usize) -> Range<usize> {
    let Some(rest) = word.get(from..) else {
        return word.len()..word.len();
    };
    let bytes = rest.as_bytes();
    let known = placeholder(rest);
    if known > 0 && !bytes.get(known).is_some_and(u8::is_ascii_alphanumeric) {
        return from..from + known;
    }
    if let Some(&quote @ (b'"' | b'\'' | b'`')) = bytes.first() {
        let end = bytes.iter().rposition(|byte| *byte == quote).unwrap_or(0);
        return if end > 0 {
            from + 1..from + end
        } else {
            from + 1..word.len()
        };
    }
    // A quote or a bracket that was opened before this word ends it.
    let closes = |next: Option<&u8>| {
        next.is_none_or(|next| matches!(next, b'"' | b'\'' | b',' | b'}' | b']' | b')' | b';'))
    };
    let quote = bytes
        .iter()
        .enumerate()
        .position(|(at, byte)| matches!(byte, b'"' | b'\'' | b'`') && closes(bytes.get(at + 1)));
    let trimmed = rest[..quote.unwrap_or(rest.len())].trim_end_matches([';', ',', '\\']);
    from..from + without_surplus(without_surplus(trimmed, '(', ')'), '[', ']').len()
}

/// Without the closing brackets at its end that it did not open.
fn without_surplus(text: &str, open: char, close: char) -> &str {
    let surplus = text
        .matches(close)
        .count()
        .saturating_sub(text.matches(open).count());
    let tail = text.len() - text.trim_end_matches(close).len();
    &text[..text.len() - surplus.min(tail)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<&str> {
        split(line).into_iter().map(|word| &line[word]).collect()
    }

    #[test]
    fn quotes_hold_together_and_separators_stand_alone() {
        assert_eq!(words("a  \"b c\" 'd e'f"), ["a", "\"b c\"", "'d e'f"]);
        assert_eq!(words("a|b && c; d"), ["a", "|", "b", "&&", "c", ";", "d"]);
        assert_eq!(words("bob's x 'y"), ["bob's", "x", "'y"]);
        assert_eq!(words("\"C:\\a b\\\" d"), ["\"C:\\a b\\\"", "d"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn a_value_is_taken_out_of_its_quotes() {
        for (word, from, expected) in [
            ("--password=\"a b\"", 11, "a b"),
            ("-pX'", 2, "X"),
            ("'abc'", 0, "abc"),
            ("x);", 0, "x"),
            ("-pX\"}", 2, "X"),
            ("x)", 0, "x"),
            ("\"abc", 0, "abc"),
            ("a", 3, ""),
        ] {
            assert_eq!(&word[bare(word, from)], expected, "{word}");
        }
    }
}
