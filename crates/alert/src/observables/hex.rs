//! Hexadecimal arguments of auditd.
//!
//! auditd writes an argument in hexadecimal where it holds a blank, a quote, a control character or anything beyond ASCII
//! (`audit_value_needs_encoding` of libaudit), so `sh -c "curl http://…"` reaches an alert as digits.

/// What the digits say; `None` where the text is no such argument. A hash decodes to no text, and a word such as `cafe` to
/// nothing that would have been encoded.
pub(super) fn decoded(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if digits.len() < 8 || digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
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
    let is_text = |c: char| !c.is_control() || matches!(c, '\0' | '\t' | '\n' | '\r');
    (needed_it && text.chars().all(is_text)).then(|| text.replace('\0', " "))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn only_what_auditd_would_have_encoded_is_decoded() {
        assert_eq!(
            decoded("6375726C20687474703A2F2F6576696C2E6578616D706C65").as_deref(),
            Some("curl http://evil.example")
        );
        assert_eq!(
            decoded("2F62696E2F7368002D63").as_deref(),
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
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
