//! JSON as Python's `json` module reads and writes it.
//!
//! Wider than the standard: `NaN`, `Infinity` and `1e400` are numbers, and a lone surrogate escape is text.
//! Both must survive, because IRIS treats them differently per column (`facts/iris.md §4`). `serde_json`
//! holds neither, so a lone surrogate U+D800+n is kept as the private character U+10D800+n, and a
//! non-finite number as a string that starts with U+10FFFD. A client that really sends those private
//! characters would be misread; none does.
//!
//! Called by the request handlers and by [`crate::answer`].

mod reader;
mod writer;

use serde_json::Value;

pub(crate) use reader::{JsonError, decode};
pub(crate) use writer::encode;

const NON_FINITE: char = '\u{10fffd}';
const SURROGATE_SHIFT: u32 = 0x10_0000;

/// The UTF-16 unit a stored character stands for, when it stands for a lone surrogate.
pub(crate) fn lone_surrogate(character: char) -> Option<u32> {
    let unit = (character as u32).checked_sub(SURROGATE_SHIFT)?;
    (0xd800..=0xdfff).contains(&unit).then_some(unit)
}

/// Whether the value is the stand-in for NaN or an infinity.
pub(crate) fn is_non_finite(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.starts_with(NON_FINITE))
}

/// Whether a non-finite number occurs anywhere inside.
pub(crate) fn holds_non_finite(value: &Value) -> bool {
    match value {
        Value::String(_) => is_non_finite(value),
        Value::Array(items) => items.iter().any(holds_non_finite),
        Value::Object(members) => members.values().any(holds_non_finite),
        _ => false,
    }
}

/// Whether a NUL occurs in any key or string inside.
pub(crate) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, v)| key.contains('\0') || holds_nul(v)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_json_reads_as_serde_json_reads_it() {
        for text in [
            "{}",
            "[]",
            r#" {"a": [1, -2, 3.5, 1e3, true, false, null], "b": {"c": "\u00e9\ud83d\ude00\n"}} "#,
            r#""text""#,
            "0",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(decode(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for bytes in [
            &b""[..],
            b"{",
            b"[1,]",
            b"{\"a\":1,}",
            b"01",
            b"1.",
            b"1e",
            b"nul",
            b"\"a\nb\"",
            b"\"\\x\"",
            b"{'a':1}",
            b"\"\xff\"",
            b"\x1f\x8b\x08",
            b"1 2",
            b"\"\\u12",
            b"\"\\u12\xc3\xa9\"",
        ] {
            assert_eq!(decode(bytes), Err(JsonError::Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn a_lone_surrogate_survives_the_round_trip() {
        let value = decode(br#"{"a":"x\ud800y"}"#).unwrap();
        assert_eq!(encode(&value), br#"{"a":"x\ud800y"}"#);
    }

    #[test]
    fn non_finite_numbers_are_noticed() {
        assert!(holds_non_finite(&decode(b"[{\"a\":NaN}]").unwrap()));
        assert!(holds_non_finite(&decode(b"1e400").unwrap()));
        assert!(!holds_non_finite(&decode(b"[1e300]").unwrap()));
    }

    #[test]
    fn utf16_and_a_byte_order_mark_are_understood() {
        let mut little = vec![0xff, 0xfe];
        little.extend("{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes));
        assert!(decode(&little).is_ok());
        assert!(decode(&little[2..]).is_ok());
        assert!(decode(b"\xef\xbb\xbf{\"a\":1}").is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = decode(&bytes);
        }

        #[test]
        fn json_in_pieces_is_read_or_refused_as_serde_json_does(
            // Without -0 and huge exponents, which Python reads differently on purpose.
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "1", "-1", "0", ".5", "1e5 ", " ", "null", "true",
                    "\\n", "\\u00e9", "\\u", "é", "\n",
                ]),
                0..12,
            )
        ) {
            let text = pieces.concat();
            let expected: Option<Value> = serde_json::from_str(&text).ok();
            prop_assert_eq!(decode(text.as_bytes()).ok(), expected);
        }

        #[test]
        fn what_is_written_reads_back_the_same(text in any::<String>(), number in any::<i64>()) {
            // The stand-ins are the documented exception.
            prop_assume!(!text.chars().any(|c| lone_surrogate(c).is_some() || c == NON_FINITE));
            let value = serde_json::json!({"text": [text], "number": number});
            let written = encode(&value);
            prop_assert!(written.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<Value>(&written).ok(), Some(value.clone()));
            prop_assert_eq!(decode(&written), Ok(value));
        }
    }
}
