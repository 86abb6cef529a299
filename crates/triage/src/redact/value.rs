//! Where a value ends that follows `name=`, and whether it is a secret or only points to one.

use std::ops::Range;

use super::edits::{DECODED, placeholder};

/// A value in a text.
#[derive(Debug)]
pub(super) struct Found {
    /// Without its quotes.
    pub range: Range<usize>,
    pub quoted: bool,
}

/// Reads the value that begins at `start`, on the same line. `None` where there is none.
pub(super) fn read(text: &str, start: usize) -> Option<Found> {
    // Nothing here may read the whole line for a short value: a line can have very many.
    let rest = text.get(start..)?;
    let first = *rest.as_bytes().first()?;
    if matches!(first, b'"' | b'\'' | b'`') {
        return found(start + 1..start + 1 + closing(&rest[1..], first), true);
    }
    if rest.starts_with("\\\"") || rest.starts_with("\\'") {
        let line = line(&rest[2..]);
        let end = line.find(&rest[..2]).unwrap_or(line.len());
        return found(start + 2..start + 2 + end, true);
    }
    let known = placeholder(rest);
    if known > 0
        && !rest
            .as_bytes()
            .get(known)
            .is_some_and(u8::is_ascii_alphanumeric)
    {
        return found(start..start + known, false);
    }
    found(start..start + plain(rest), false)
}

fn found(range: Range<usize>, quoted: bool) -> Option<Found> {
    (!range.is_empty()).then_some(Found { range, quoted })
}

/// Up to the end of the line.
pub(super) fn line(text: &str) -> &str {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    &text[..end]
}

/// Where the quote ends, or the line; a `"` behind a backslash is part of the text.
fn closing(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        if matches!(byte, b'\n' | b'\r') || byte == quote && !(escaped && quote == b'"') {
            return place;
        }
        escaped = byte == b'\\' && !escaped;
    }
    text.len()
}

/// The length of a value without quotes. What may end it does so only where something follows that is no part of a value.
fn plain(text: &str) -> usize {
    let bytes = text.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let rest = &bytes[place + 1..];
        let ends = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => true,
            b'&' | b';' | b',' => closes(rest) || pair_follows(rest),
            b'"' | b'\'' | b'`' | b')' | b']' | b'}' => closes(rest),
            b'<' => rest.first() == Some(&b'/'),
            b'\\' => matches!(rest, [b'"' | b'\'', ..] | [b'r', b'\\', b'n', ..]),
            b'|' => place > 0 && (closes(rest) || rest.first() == Some(&b'|')),
            _ => false,
        };
        if ends {
            return place;
        }
    }
    bytes.len()
}

fn closes(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| {
        matches!(
            byte,
            b' ' | b'\t'
                | b'\n'
                | b'\r'
                | b'"'
                | b'\''
                | b'`'
                | b','
                | b';'
                | b')'
                | b']'
                | b'}'
                | b'>'
                | b':'
                | b'&'
                | b'\\'
                | b'|'
        )
    })
}

/// `name=` or `"name"` stands here.
fn pair_follows(rest: &[u8]) -> bool {
    let name = rest
        .iter()
        .take(48)
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ' | b'+')
        })
        .count();
    name > 0 && rest.get(name) == Some(&b'=') && rest.first() != Some(&b' ')
}

/// The folders a path begins with that is given instead of a secret.
const ROOTS: [&str; 22] = [
    "app", "bin", "config", "data", "dev", "etc", "home", "lib", "media", "mnt", "opt", "private",
    "proc", "root", "run", "secrets", "srv", "sys", "tmp", "usr", "Users", "var",
];

/// Words that stand where a secret would.
const WORDS: [&str; 26] = [
    "true",
    "false",
    "yes",
    "no",
    "null",
    "nil",
    "none",
    "undefined",
    "(null)",
    "(none)",
    "<null>",
    "n/a",
    "on",
    "off",
    "enabled",
    "disabled",
    "required",
    "changed",
    "expired",
    "invalid",
    "incorrect",
    "hidden",
    "password",
    "chauthtok",
    "redacted",
    "hidden_due_to_security_reasons",
];

/// Whether a value only points to a secret, or says that there is none: `$x`, `%X%`, `*`, `-`, a path.
pub(super) fn is_reference(value: &str) -> bool {
    let bytes = value.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return true;
    };
    let known = placeholder(value);
    if known == value.len() || value.starts_with(DECODED) {
        return true;
    }
    if matches!(first, b'*' | b'-' | b'.' | b'x' | b'X') && bytes.iter().all(|byte| byte == first) {
        return true;
    }
    let variable = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'-')
            })
    };
    match first {
        b'$' if value.starts_with("$(")
            || value.starts_with("${")
            || value.starts_with("$env:") =>
        {
            return true;
        }
        b'$' => return variable(&value[1..]) && !bytes[1].is_ascii_digit(),
        b'%' if value.starts_with("%%") => return bytes[2..].iter().all(u8::is_ascii_digit),
        b'%' => return bytes.len() > 2 && *last == b'%' && variable(&value[1..value.len() - 1]),
        b'{' if value.starts_with("{{") => return true,
        _ => {}
    }
    is_path(value) || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether this is a path for sure.
pub(super) fn is_path(value: &str) -> bool {
    if value.starts_with("\\\\")
        || value.starts_with("./")
        || value.starts_with("../")
        || value.starts_with("~/")
    {
        return true;
    }
    if matches!(value.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic()) {
        return true;
    }
    value.strip_prefix('/').is_some_and(|rest| {
        let (root, _) = rest.split_once('/').unwrap_or((rest, ""));
        ROOTS.contains(&root)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> &str {
        read(text, 0).map_or("", |found| &text[found.range])
    }

    #[test]
    fn a_value_ends_where_something_else_begins() {
        for (text, expected) in [
            ("abc def", "abc"),
            ("a;b&c,d", "a;b&c,d"),
            ("abc; next", "abc"),
            ("abc;User Id=x", "abc"),
            ("abc&next=1", "abc"),
            ("it's4me", "it's4me"),
            ("abc\"}", "abc"),
            ("\"a b\" c", "a b"),
            ("\"a\\\"b\" c", "a\\\"b"),
            ("'open end", "open end"),
            ("\\\"a b\\\",\\\"c\\\"", "a b"),
            ("abc\nnext", "abc"),
            ("\nnext", ""),
            ("abc</password>", "abc"),
            ("[REDACTED:token],x", "[REDACTED:token]"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn what_points_to_a_secret_is_none() {
        for text in [
            "$x",
            "${X}",
            "%X%",
            "*",
            "-",
            "/run/secrets/db",
            "C:\\x",
            "%%1936",
            "$env:X",
            "****",
            "[REDACTED:x]",
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in ["$6$salt", "P@ss", "/abc+def==", "100%", "-x", "$Pa$$w0rd"] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
