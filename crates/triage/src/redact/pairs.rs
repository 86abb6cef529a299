//! `name=value` in a text, in whatever way it is written: JSON, connection strings, query strings, XML, `export`, logs.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::{
    edits::Edits,
    names::{LONGEST, Names},
    value::{is_reference, line, read},
};

/// Bytes of a value that is no secret itself.
const LONGEST_SEARCHED: usize = 256;
/// What follows `Authorization:`.
const SCHEMES: [&str; 13] = [
    "basic",
    "bearer",
    "digest",
    "negotiate",
    "ntlm",
    "token",
    "apikey",
    "kerberos",
    "splunk",
    "key",
    "oauth",
    "hawk",
    "aws4-hmac-sha256",
];

/// Finds pairs whose name names a secret; with `quoted_only`, those whose value stands in quotes.
pub(super) fn find(
    names: &Names,
    stems: &AhoCorasick,
    text: &str,
    quoted_only: bool,
    edits: &mut Edits,
) {
    let mut done = 0;
    for hit in stems.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        let name = name_around(text, hit.range());
        done = name.end;
        let plain_name = &text[name.clone()];
        let (kind, many) = match (names.kind(plain_name), names.kind_of_many(plain_name)) {
            (Some(kind), _) => (kind, false),
            (None, Some(kind)) => (kind, true),
            (None, None) => continue,
        };
        let before = text[..name.start].chars().next_back().unwrap_or(' ');
        // `/etc/passwd:`, `C:\secrets\password`: a path, not a name.
        if matches!(before, '/' | '\\' | '%') {
            continue;
        }
        let rest = &text[name.end..];
        let Some(start) = separator(rest, before).map(|length| name.end + length) else {
            continue;
        };
        let Some(value) = read(text, start) else {
            continue;
        };
        // A long value is not searched for further pairs: each would read the rest of it again.
        done = if value.range.len() > LONGEST_SEARCHED {
            value.range.end
        } else {
            value.range.start
        };
        if quoted_only && !value.quoted {
            continue;
        }
        let inside = &text[value.range.clone()];
        // `passwords: the list`, `tokens=512`: prose and counts.
        let counted = inside
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let prose = !value.quoted && !is_array(inside) && text[name.end..start].contains(':');
        if many && (counted || prose) {
            continue;
        }
        let code = before == '$' && !value.quoted;
        let said = matches!(plain_name, "pass" | "passwd" | "PASS")
            && said_not_set(text, name.end, inside);
        // `password= user=x`: the value is empty.
        let empty = !value.quoted && start > name.end + 1 && next_pair(inside);
        // `Authorization: Basic …`: what follows the scheme is found by its shape.
        let scheme = kind == "credentials"
            && SCHEMES
                .iter()
                .any(|scheme| inside.eq_ignore_ascii_case(scheme));
        if !code && !said && !empty && !scheme && !is_reference(inside) && !is_array(inside) {
            edits.secret(value.range.clone(), kind);
            done = value.range.end;
        }
        if is_array(inside) {
            array(text, value.range.start, kind, edits);
        }
    }
}

/// The name a stem is part of.
fn name_around(text: &str, hit: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = bytes[..hit.start]
        .iter()
        .rev()
        .take(LONGEST)
        .take_while(part)
        .count();
    let after = bytes[hit.end..]
        .iter()
        .take(LONGEST)
        .take_while(part)
        .count();
    let mut start = hit.start - before;
    // `\npassword`: the n belongs to the backslash.
    if before > 0
        && start > 0
        && bytes[start - 1] == b'\\'
        && matches!(bytes[start], b'n' | b'r' | b't')
    {
        start += 1;
        return start..hit.end + after;
    }
    // `--password` is a switch; its name begins behind the hyphens.
    while start < hit.start && matches!(bytes[start], b'-' | b'.') {
        start += 1;
    }
    start..hit.end + after
}

/// The length of what stands between a name and its value.
fn separator(rest: &str, before: char) -> Option<usize> {
    let bytes = rest.as_bytes();
    let blanks = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest
            .iter()
            .take(64)
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count()
    };
    // <password>x</password>
    if before == '<' && bytes.first() == Some(&b'>') {
        return Some(1);
    }
    let mut at = 0;
    // The quote behind a quoted name.
    while matches!(bytes.get(at), Some(b'\\' | b'"' | b'\'' | b'`' | b']')) && at < 8 {
        at += 1;
    }
    let quoted = at > 0;
    at = blanks(at);
    // {"name": "DB_PASSWORD", "value": "x"}, <add key="Password" value="x"/>
    if quoted && let Some(value) = named_value(&rest[at..]) {
        at += value;
    }
    let width = match bytes.get(at..)? {
        [b'=', b'>', ..] | [b':', b'=', ..] => 2,
        [b'=', b'=', ..] | [b':', b':', ..] => return None,
        [b'=' | b':', ..] => 1,
        _ => return None,
    };
    Some(blanks(at + width))
}

/// The length up to the separator in `, "value"`.
fn named_value(rest: &str) -> Option<usize> {
    let trimmed = rest.trim_start_matches([',', ' ', '\t', '\\', '"', '\'']);
    let value = trimmed
        .get(..5)
        .filter(|word| word.eq_ignore_ascii_case("value"))?;
    let rest_behind = trimmed[value.len()..].trim_start_matches(['\\', '"', '\'', ' ', '\t']);
    (rest.len() - trimmed.len() < 16).then_some(rest.len() - rest_behind.len())
}

fn next_pair(value: &str) -> bool {
    value.split_once('=').is_some_and(|(name, rest)| {
        !rest.is_empty()
            && rest != "="
            && name.len() > 1
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

/// `pass: 0 fail: 8` counts; `passwd: password changed` is a program's name.
fn said_not_set(text: &str, end: usize, value: &str) -> bool {
    let prose = text[end..].starts_with(": ")
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    prose
        || value.len() < 4 && value.bytes().all(|byte| byte.is_ascii_digit())
        || value.starts_with("pam_")
}

fn is_array(value: &str) -> bool {
    value.starts_with("[\"")
        || value.starts_with("[\\\"")
        || value.starts_with("['")
        || value == "["
        || value.starts_with("[ ")
}

/// The quoted elements of a list, up to its end or the end of the line.
fn array(text: &str, start: usize, kind: &str, edits: &mut Edits) {
    let mut at = start + 1;
    let end = start + line(&text[start..]).len();
    while at < end {
        let byte = text.as_bytes()[at];
        if matches!(byte, b' ' | b',' | b'\t') {
            at += 1;
            continue;
        }
        if !matches!(byte, b'"' | b'\'' | b'\\') {
            return;
        }
        let Some(value) = read(text, at).filter(|value| value.quoted) else {
            return;
        };
        let width = value.range.start - at;
        at = value.range.end + width;
        if !is_reference(&text[value.range.clone()]) {
            edits.secret(value.range, kind);
        }
    }
}
