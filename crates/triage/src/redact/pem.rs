//! Private keys as text. The one thing that goes over several lines, so it is read by hand.

use super::edits::Edits;

/// A block whose end is further away is taken for one that was cut off.
const LONGEST: usize = 32 << 10;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// Lines within a key that are no code.
const HEADERS: [&str; 5] = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Hash:"];

/// Finds private keys, also ones that were cut off.
pub(super) fn find(text: &str, edits: &mut Edits) {
    let mut at = 0;
    // Looked for once, not once a BEGIN.
    let mut next_end = text.find(END);
    while let Some(start) = text[at..].find(BEGIN).map(|found| found + at) {
        at = start + BEGIN.len();
        let Some(body) = private(text, at) else {
            continue;
        };
        while next_end.is_some_and(|end| end < body) {
            next_end = text[body..].find(END).map(|found| found + body);
        }
        let end = next_end
            .and_then(|near| end(text, body, near))
            .unwrap_or_else(|| material(text, body));
        edits.secret(start..end, "private_key");
        at = end;
    }
}

/// Where the key begins, if this is a private one.
fn private(text: &str, at: usize) -> Option<usize> {
    let label = text[at..]
        .bytes()
        .take(64)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ')
        .count();
    let behind = &text[at + label..];
    let secret = text[at..at + label].ends_with("PRIVATE KEY")
        || text[at..at + label].ends_with("PRIVATE KEY BLOCK");
    secret.then(|| {
        at + label
            + behind
                .bytes()
                .take(5)
                .take_while(|byte| *byte == b'-')
                .count()
    })
}

/// Behind the END line that belongs to it.
fn end(text: &str, body: usize, end: usize) -> Option<usize> {
    if end - body > LONGEST || text[body..end].contains(BEGIN) {
        return None;
    }
    let rest = &text[end + 5..];
    let close = rest.bytes().take(80).position(|byte| byte == b'-')?;
    Some(
        end + 5
            + close
            + rest[close..]
                .bytes()
                .take(5)
                .take_while(|byte| *byte == b'-')
                .count(),
    )
}

/// How far the code goes where there is no END line.
fn material(text: &str, body: usize) -> usize {
    let bytes = text.as_bytes();
    let count =
        |from: usize, is: fn(&u8) -> bool| bytes[from..].iter().take_while(|byte| is(byte)).count();
    let mut end = body;
    loop {
        let mut at = end
            + count(end, |byte| {
                matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\\')
            });
        // The letter of an escaped line end.
        let escape =
            at > end && bytes[at - 1] == b'\\' && matches!(bytes.get(at), Some(b'n' | b'r'));
        if escape {
            at += 1;
        }
        if let Some(header) = HEADERS.iter().find(|header| {
            text.get(at..)
                .is_some_and(|rest| rest.starts_with(**header))
        }) {
            end = at
                + header.len()
                + count(at + header.len(), |byte| {
                    !matches!(byte, b'\r' | b'\n' | b'\\' | b'"')
                });
            continue;
        }
        let run = count(at, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
        });
        let last = run > 0 && bytes[at + run - 1] == b'=';
        if run >= 16 || last || escape && run > 0 {
            end = at + run;
        } else if escape {
            end = at;
        } else {
            return end;
        }
    }
}
