//! A JSON reader that accepts what Python accepts, see the parent module.
//!
//! Invariants: `at` always stands on a character boundary; recursion ends at `DEEPEST_ANSWERED`, so no body can
//! exhaust the stack; no input makes it panic.

use serde_json::{Map, Number, Value};

use super::{NON_FINITE, SURROGATE_SHIFT};

/// Nesting below the body's own braces that still stores; 910 was refused, 905 was not (facts §4).
const DEEPEST_ACCEPTED: usize = 906;
/// From here on the real server dies with an HTML 500 instead (facts §4: 920).
const DEEPEST_ANSWERED: usize = 920;

/// Why a body could not be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not JSON: Flask answers HTML 400.
    Malformed,
    /// Python's recursion limit, reached by IRIS itself: JSON 400.
    TooDeep,
    /// Recursion limit reached while decoding: HTML 500.
    FarTooDeep,
}

/// Decodes a request body: UTF-8 with or without BOM, UTF-16 with BOM or recognised by its NUL bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = decode_text(bytes).ok_or(JsonError::Malformed)?;
    let mut reader = Reader {
        text: &text,
        at: 0,
        deepest: 0,
    };
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at != text.len() {
        return Err(JsonError::Malformed);
    }
    if reader.deepest > DEEPEST_ACCEPTED {
        return Err(JsonError::TooDeep);
    }
    Ok(value)
}

fn decode_text(bytes: &[u8]) -> Option<String> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8(rest.to_vec()).ok();
    }
    let little = bytes.starts_with(b"\xff\xfe");
    let big = bytes.starts_with(b"\xfe\xff");
    if little || big {
        return decode_utf16(&bytes[2..], big);
    }
    match bytes {
        [0, second, ..] if *second != 0 => decode_utf16(bytes, true),
        [first, 0, ..] if *first != 0 => decode_utf16(bytes, false),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

fn decode_utf16(bytes: &[u8], big_endian: bool) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| {
        if big_endian {
            u16::from_be_bytes([pair[0], pair[1]])
        } else {
            u16::from_le_bytes([pair[0], pair[1]])
        }
    });
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .ok()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    deepest: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => {
                self.at += 1;
                Ok(Value::String(self.string()?))
            }
            Some(_) => self.word_or_number(),
            None => Err(JsonError::Malformed),
        }
    }

    fn word_or_number(&mut self) -> Result<Value, JsonError> {
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
            ("NaN", Value::String(format!("{NON_FINITE}NaN"))),
            ("Infinity", Value::String(format!("{NON_FINITE}Infinity"))),
            ("-Infinity", Value::String(format!("{NON_FINITE}-Infinity"))),
        ];
        for (word, value) in words {
            if self.take(word) {
                return Ok(value);
            }
        }
        self.number()
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.deepest = self.deepest.max(depth);
        if depth > DEEPEST_ANSWERED {
            Err(JsonError::FarTooDeep)
        } else {
            Ok(())
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.enter(depth)?;
        let mut members = Map::new();
        self.skip_blanks();
        if self.take("}") {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blanks();
            if !self.take("\"") {
                return Err(JsonError::Malformed);
            }
            let key = self.string()?;
            self.skip_blanks();
            if !self.take(":") {
                return Err(JsonError::Malformed);
            }
            let value = self.value(depth)?;
            members.insert(key, value);
            self.skip_blanks();
            if self.take("}") {
                return Ok(Value::Object(members));
            }
            if !self.take(",") {
                return Err(JsonError::Malformed);
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.enter(depth)?;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take("]") {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blanks();
            if self.take("]") {
                return Ok(Value::Array(items));
            }
            if !self.take(",") {
                return Err(JsonError::Malformed);
            }
        }
    }

    /// The rest of a string whose opening quote is behind us.
    fn string(&mut self) -> Result<String, JsonError> {
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let stop = rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20)
                .ok_or(JsonError::Malformed)?;
            out.push_str(&rest[..stop]);
            self.at += stop + 1;
            match rest.as_bytes()[stop] {
                b'"' => return Ok(out),
                b'\\' => self.escape(&mut out)?,
                _ => return Err(JsonError::Malformed),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let letter = self.peek().ok_or(JsonError::Malformed)?;
        self.at += 1;
        let character = match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode_escape()?,
            _ => return Err(JsonError::Malformed),
        };
        out.push(character);
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.four_hex_digits()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.four_hex_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or(JsonError::Malformed);
            }
            self.at = back;
        }
        let code = if (0xd800..0xe000).contains(&first) {
            first + SURROGATE_SHIFT
        } else {
            first
        };
        char::from_u32(code).ok_or(JsonError::Malformed)
    }

    fn four_hex_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .ok_or(JsonError::Malformed)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonError::Malformed);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| JsonError::Malformed)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.take("-");
        let whole = self.digits();
        let whole_text = &self.text[self.at - whole..self.at];
        if whole == 0 || (whole > 1 && whole_text.starts_with('0')) {
            return Err(JsonError::Malformed);
        }
        let mut is_float = false;
        if self.take(".") {
            is_float = true;
            if self.digits() == 0 {
                return Err(JsonError::Malformed);
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_float = true;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(JsonError::Malformed);
            }
        }
        let text = &self.text[start..self.at];
        if !is_float {
            if let Ok(number) = text.parse::<i64>() {
                return Ok(number.into());
            }
            if let Ok(number) = text.parse::<u64>() {
                return Ok(number.into());
            }
        }
        // Python keeps integers of any size; here they become the nearest float, which only matters inside
        // free JSON. A float beyond the range becomes an infinity in Python too.
        let number: f64 = text.parse().map_err(|_| JsonError::Malformed)?;
        Ok(match Number::from_f64(number) {
            Some(finite) => Value::Number(finite),
            None => Value::String(format!("{NON_FINITE}Infinity")),
        })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}
