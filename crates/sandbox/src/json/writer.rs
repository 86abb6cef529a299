//! A JSON writer that sends ASCII only, as Python does, see the parent module.

use std::io;

use serde_json::Value;

use super::lone_surrogate;

/// Writes JSON in ASCII, as Python does by default, with lone surrogates back as escapes.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, AsciiFormatter);
    // A `Value` has only string keys and a `Vec` takes every byte, so this cannot fail.
    let written = serde::Serialize::serialize(value, &mut serializer);
    debug_assert!(written.is_ok(), "writing JSON into memory failed");
    out
}

struct AsciiFormatter;

impl serde_json::ser::Formatter for AsciiFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut plain_from = 0;
        for (at, character) in fragment.char_indices() {
            if character.is_ascii() {
                continue;
            }
            writer.write_all(&fragment.as_bytes()[plain_from..at])?;
            plain_from = at + character.len_utf8();
            if let Some(unit) = lone_surrogate(character) {
                write!(writer, "\\u{unit:04x}")?;
                continue;
            }
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        writer.write_all(&fragment.as_bytes()[plain_from..])
    }
}
