//! Text behind an encoding. Commands in base64 and auditd's hexadecimal are shown decoded; escapes are looked through, and what
//! is found there is replaced where it stands.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::edits::{DECODED, Edits};

/// Shorter code is left alone.
const SHORTEST: usize = 16;
/// All spellings PowerShell takes for `-EncodedCommand` begin so, but `-ec`.
const ENCODED: &str = "encodedcommand";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Commands in base64: `-enc …` and `FromBase64String('…')`.
pub(super) fn base64(text: &str, edits: &mut Edits) {
    let bytes = text.as_bytes();
    let code = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut at = 0;
    while at < bytes.len() {
        if !code(&bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| code(byte)).count();
        if end - at >= SHORTEST && announced(&bytes[..at]) {
            let plain = BASE64
                .decode(&bytes[at..end])
                .ok()
                .and_then(|plain| readable(&plain));
            if let Some(plain) = plain {
                edits.decoded(at..end, format!("{DECODED}{plain}]"));
            }
        }
        at = end;
    }
}

/// What each text that holds this one has in it when it is written in base64: three ways, by what stands before. None shorter than 12.
pub(super) fn in_base64(text: &str) -> impl Iterator<Item = String> {
    (0..3_usize).filter_map(move |before| {
        let code = BASE64.encode([&vec![0; before], text.as_bytes()].concat());
        // Letters that are made of a neighbour's bits, too, are not known.
        let (first, last) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
        code.get(first..last)
            .filter(|code| code.len() >= 12)
            .map(str::to_owned)
    })
}

/// Whether what stands before says that base64 follows.
fn announced(before: &[u8]) -> bool {
    let before = &before[before.len().saturating_sub(48)..];
    let trimmed = before
        .iter()
        .rposition(|byte| !matches!(byte, b'"' | b'\'' | b'\\'));
    let before = trimmed.map_or(&[][..], |last| &before[..=last]);
    let lower = before.to_ascii_lowercase();
    if lower.ends_with(b"frombase64string(") {
        return true;
    }
    let blanks = lower
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b':'))
        .count();
    let switch = &lower[..lower.len() - blanks];
    let name = switch
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_lowercase())
        .count();
    let (rest, name) = switch.split_at(switch.len() - name);
    let name = String::from_utf8_lossy(name);
    blanks > 0
        && matches!(rest.last(), Some(b'-' | b'/'))
        && !name.is_empty()
        && (ENCODED.starts_with(&*name) || name == "ec")
}

/// UTF-16 or UTF-8 that people could have typed.
fn readable(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units)
        .ok()
        .filter(|text| is_readable(text))
        .or_else(|| {
            String::from_utf8(bytes.to_vec())
                .ok()
                .filter(|text| is_readable(text))
        })
}

fn is_readable(text: &str) -> bool {
    let (mut all, mut latin) = (0_usize, 0_usize);
    for letter in text.chars() {
        if letter.is_control() && !matches!(letter, '\n' | '\r' | '\t') {
            return false;
        }
        all += 1;
        latin += usize::from((letter as u32) < 0x250);
    }
    all > 3 && latin * 10 >= all * 7
}

/// auditd's fields that may be written in hexadecimal.
const HEX_FIELDS: [&str; 9] = [
    "proctitle",
    "name",
    "cwd",
    "exe",
    "comm",
    "data",
    "cmd",
    "acct",
    "argv",
];

/// auditd's hexadecimal: `proctitle=6D79…` becomes `proctitle="my…"`.
pub(super) fn audit(text: &str, edits: &mut Edits) {
    let bytes = text.as_bytes();
    let execve = text.contains("EXECVE");
    let mut at = 0;
    while let Some(equals) = bytes[at..]
        .iter()
        .position(|byte| *byte == b'=')
        .map(|found| found + at)
    {
        at = equals + 1;
        let digits = bytes[at..]
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
            .count();
        if digits < 6 {
            continue;
        }
        let name = bytes[..equals]
            .iter()
            .rev()
            .take(12)
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let name = &text[equals - name..equals];
        let ends = !bytes
            .get(at + digits)
            .is_some_and(u8::is_ascii_alphanumeric);
        if ends
            && (HEX_FIELDS.contains(&name) || execve && is_argument(name))
            && let Some(plain) = from_hex(&text[at..at + digits])
        {
            edits.decoded(at..at + digits, format!("\"{plain}\""));
        }
        at += digits;
    }
}

/// Whether a field of an alert may hold auditd's hexadecimal.
pub(super) fn is_hex_field(name: &str) -> bool {
    HEX_FIELDS.contains(&name) || is_argument(name)
}

/// `a0`, `a1`, …
pub(super) fn is_argument(name: &str) -> bool {
    name.strip_prefix('a').is_some_and(|number| {
        (1..4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What a field in auditd's hexadecimal says; NULs between arguments become blanks.
pub(super) fn from_hex(code: &str) -> Option<String> {
    if code.len() < 6
        || !code.len().is_multiple_of(2)
        || !code
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    {
        return None;
    }
    let plain: Option<Vec<u8>> = (0..code.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&code[at..at + 2], 16).ok())
        .collect();
    let plain = String::from_utf8(plain?).ok()?;
    let plain = plain
        .trim_end_matches('\0')
        .replace(['\0', '\n', '\r'], " ")
        .replace('"', "'");
    (is_readable(&plain) && plain.contains(char::is_alphabetic)).then_some(plain)
}

/// A text without its escapes, and where each byte of it came from.
#[derive(Debug)]
pub(super) struct View {
    pub text: String,
    places: Vec<usize>,
}

impl View {
    /// Looks through JSON's escapes, where the text has some that are no path's.
    pub fn json(text: &str) -> Option<Self> {
        let has = ["\\\"", "\\r\\n", "\\u00"]
            .iter()
            .any(|escape| text.contains(escape));
        has.then(|| {
            Self::of(text, '\\', |rest| {
                let letter = match rest.as_bytes().get(1)? {
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => return ascii(rest.get(2..6)?, 16).map(|letter| (letter, 6)),
                    byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
                    _ => return None,
                };
                Some((letter, 2))
            })
        })
    }

    /// Looks through percent signs.
    pub fn url(text: &str) -> Option<Self> {
        // Most texts have none, and a view costs as much as all other passes.
        if !text.contains('%') {
            return None;
        }
        let view = Self::of(text, '%', |rest| {
            ascii(rest.get(1..3)?, 16).map(|letter| (letter, 3))
        });
        (view.text.len() < text.len()).then_some(view)
    }

    /// Looks through HTML's and XML's character references.
    pub fn html(text: &str) -> Option<Self> {
        if !text.contains('&') {
            return None;
        }
        let view = Self::of(text, '&', |rest| {
            let end = rest.bytes().take(9).position(|byte| byte == b';')?;
            let name = &rest[1..end];
            let letter = match name {
                "quot" => '"',
                "apos" => '\'',
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "nbsp" => ' ',
                _ => match name.strip_prefix('#')?.strip_prefix(['x', 'X']) {
                    Some(code) => ascii(code, 16)?,
                    None => ascii(&name[1..], 10)?,
                },
            };
            Some((letter, end + 1))
        });
        (view.text.len() < text.len()).then_some(view)
    }

    /// Where a range of the view stands in the text.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        let at = |place: usize| self.places.get(place).copied().unwrap_or_default();
        at(range.start)..at(range.end)
    }

    fn of(text: &str, sign: char, decode: impl Fn(&str) -> Option<(char, usize)>) -> Self {
        let mut plain = String::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len() + 1);
        let mut at = 0;
        while let Some(letter) = text[at..].chars().next() {
            let decoded = if letter == sign {
                decode(&text[at..])
            } else {
                None
            };
            let (letter, width) = decoded.unwrap_or((letter, letter.len_utf8()));
            plain.push(letter);
            places.resize(plain.len(), at);
            at += width;
        }
        places.push(at);
        Self {
            text: plain,
            places,
        }
    }
}

fn ascii(code: &str, radix: u32) -> Option<char> {
    let byte = u8::from_str_radix(code, radix).ok()?;
    (byte.is_ascii()
        && (byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t'))
        && !code.starts_with('+'))
    .then(|| char::from(byte))
}
