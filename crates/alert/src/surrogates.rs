//! JSON texts with lone surrogates.
//!
//! `"\ud800"` is valid JSON and no Unicode text, so a strict parser refuses the whole alert for it. IRIS stores such texts inside
//! the source content (facts/iris.md §4); an attacker who gets one into a log must not hide the rest of the alert with it.

use std::borrow::Cow;

/// The text with each escape of a lone surrogate written as `\ufffd`; of the same length, so that positions stay true.
pub(crate) fn repaired(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut repaired: Option<String> = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = at + found;
        let Some(unit) = unit(bytes, escape) else {
            // `\\`, `\n` and the like: two bytes.
            at = (escape + 2).min(bytes.len());
            continue;
        };
        let is_pair = (0xD800..0xDC00).contains(&unit)
            && self::unit(bytes, escape + 6).is_some_and(|next| (0xDC00..0xE000).contains(&next));
        if is_pair {
            at = escape + 12;
            continue;
        }
        if (0xD800..0xE000).contains(&unit) {
            // Six ASCII bytes for six.
            repaired
                .get_or_insert_with(|| text.to_owned())
                .replace_range(escape..escape + 6, "\\ufffd");
        }
        at = escape + 6;
    }
    repaired.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The code unit of a `\uXXXX` that begins here.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` alone would take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::repaired;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (text, expected) in [
            (
                r#""\ud83d\ude00 \u00e9 \\ud800 \n""#,
                r#""\ud83d\ude00 \u00e9 \\ud800 \n""#,
            ),
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\udc00\ud800x""#, r#""\ufffd\ufffdx""#),
            (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\\ud800""#, r#""\\\ufffd""#),
            (r#""\u+123 \ud8"#, r#""\u+123 \ud8"#),
            ("\\", "\\"),
        ] {
            assert_eq!(repaired(text), expected);
        }
    }

    proptest! {
        #[test]
        fn a_repaired_string_can_be_read(parts in prop::collection::vec(
            prop_oneof![
                Just(r"\ud800".to_owned()), Just(r"\udfff".to_owned()), Just(r"\ud83d\ude00".to_owned()),
                Just(r"\\".to_owned()), Just(r"\n".to_owned()), "[a-zé]{0,3}",
            ], 0..12))
        {
            let text = format!("\"{}\"", parts.concat());
            prop_assert!(serde_json::from_str::<String>(&repaired(&text)).is_ok());
        }
    }
}
