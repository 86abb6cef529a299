//! What a text may hide behind a code. Nothing is judged here: what is no code decodes to noise, in which nothing is found.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Shorter code can't hold a phrase.
const SHORTEST: usize = 16;
/// Characters in a row that are no noise.
const RUN: usize = 8;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The readings of a text through one layer of code; together at most a few times its size.
pub(super) fn readings(text: &str) -> Vec<String> {
    let mut readings = Vec::new();
    readings.extend(unescaped(text));
    if text.len() < SHORTEST {
        return readings;
    }
    base64(text, &mut readings);
    readings.extend(hexadecimal(text));
    readings.extend(decimal(text));
    readings
}

/// Whether bytes have a run of letters long enough to say something. Noise mostly has none.
fn speaks(bytes: &[u8]) -> bool {
    let mut run = 0;
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() && !matches!(letter, '\0' | '\n' | '\r' | '\t') {
                run = 0;
                continue;
            }
            run += 1;
            if run >= RUN {
                return true;
            }
        }
        if !chunk.invalid().is_empty() {
            run = 0;
        }
    }
    false
}

/// Whether a reading is a text, and worth another look for further layers.
pub(super) fn is_text(reading: &str) -> bool {
    let (mut all, mut plain) = (0_usize, 0_usize);
    for letter in reading.chars().filter(|letter| *letter != '\0') {
        all += 1;
        plain +=
            usize::from(letter != '\u{fffd}' && (!letter.is_control() || letter.is_whitespace()));
    }
    plain * 10 >= all * 9
}

/// `%69`, `&#105;`, `&lt;`, `\u0069`, `\x69`, `%u0069`; `None` where there is none of it.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains(['%', '&', '\\']) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut any) = (0, false);
    while at < bytes.len() {
        let decoded = match bytes[at] {
            b'%' if matches!(bytes.get(at + 1), Some(b'u' | b'U')) => {
                code(bytes, at + 2, 4).map(|code| (code, 6))
            }
            b'%' => code(bytes, at + 1, 2).map(|code| (code, 3)),
            b'\\' if bytes.get(at + 1) == Some(&b'u') => {
                code(bytes, at + 2, 4).map(|code| (code, 6))
            }
            b'\\' if bytes.get(at + 1) == Some(&b'x') => {
                code(bytes, at + 2, 2).map(|code| (code, 4))
            }
            b'&' => entity(bytes, at),
            _ => None,
        };
        match decoded {
            // Bytes of UTF-8 are written one by one.
            Some((code, width)) => {
                match u8::try_from(code) {
                    Ok(byte) if width < 6 || bytes[at] == b'&' && byte.is_ascii() => out.push(byte),
                    _ => out.extend(
                        char::from_u32(code)
                            .unwrap_or('\u{fffd}')
                            .to_string()
                            .bytes(),
                    ),
                }
                (at, any) = (at + width, true);
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    any.then(|| String::from_utf8_lossy(&out).into_owned())
}

fn code(bytes: &[u8], at: usize, digits: usize) -> Option<u32> {
    let text = std::str::from_utf8(bytes.get(at..at + digits)?).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(text, 16).ok())?
}

fn entity(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = &bytes[at + 1..bytes.len().min(at + 12)];
    let end = rest.iter().position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let letter = match name {
        "lt" => u32::from(b'<'),
        "gt" => u32::from(b'>'),
        "amp" => u32::from(b'&'),
        "quot" => u32::from(b'"'),
        "apos" => u32::from(b'\''),
        "vert" | "VerticalLine" => u32::from(b'|'),
        "nbsp" => u32::from(b' '),
        _ => {
            let number = name.strip_prefix('#')?;
            match number.strip_prefix(['x', 'X']) {
                Some(number) => u32::from_str_radix(number, 16).ok()?,
                None => number.parse().ok()?,
            }
        }
    };
    Some((letter, end + 2))
}

/// Runs of base64, each read from four places: what stands before may shift it.
fn base64(text: &str, readings: &mut Vec<String>) {
    let bytes = text.as_bytes();
    let part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut at = 0;
    while at < bytes.len() {
        if !part(&bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| part(byte)).count();
        if end - at >= SHORTEST && bytes[at..end].iter().any(|byte| !byte.is_ascii_hexdigit()) {
            let run: Vec<u8> = bytes[at..end]
                .iter()
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                })
                .collect();
            for shift in 0..4 {
                let run = &run[shift..];
                // One letter too many is no code.
                let run = if run.len() % 4 == 1 {
                    &run[..run.len() - 1]
                } else {
                    run
                };
                if let Ok(plain) = BASE64.decode(run)
                    && (speaks(&plain) || wide(&plain))
                {
                    readings.push(of_bytes(&plain));
                }
            }
        }
        at = end;
    }
}

/// Whether these are the bytes of UTF-16: every second one is of a script's page.
fn wide(bytes: &[u8]) -> bool {
    let zeros = bytes.iter().filter(|byte| matches!(byte, 0 | 4)).count();
    zeros * 8 > bytes.len() && (pages(bytes, 0) || pages(bytes, 1))
}

/// Whether nine of ten of the even or odd bytes are 0, of Cyrillic, or of Chinese.
fn pages(bytes: &[u8], odd: usize) -> bool {
    let high = bytes.iter().skip(odd).step_by(2);
    let known = high
        .filter(|byte| matches!(byte, 0 | 4 | 0x4e..=0x9f))
        .count();
    known * 10 >= bytes.len() / 2 * 9
}

/// UTF-8, or UTF-16 where every second byte says so.
fn of_bytes(bytes: &[u8]) -> String {
    if !wide(bytes) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let unit = if pages(bytes, 1) {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// Pairs of hexadecimal digits: together, or with up to four characters that are no letters or `x` between them.
fn hexadecimal(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_hexdigit() {
            at += 1;
            continue;
        }
        let mut run = Vec::new();
        let mut next = at;
        while let Some(code) = code(bytes, next, 2) {
            // Always one byte: two digits.
            run.extend(u8::try_from(code));
            next += 2;
            let gap = bytes[next..]
                .iter()
                .take(4)
                .take_while(|byte| matches!(byte, b' ' | b':' | b',' | b'-' | b'\\' | b'x' | b'%'))
                .count();
            let prefix = usize::from(bytes.get(next + gap..next + gap + 2) == Some(b"0x")) * 2;
            next += gap + prefix;
        }
        if run.len() * 2 >= SHORTEST {
            plain.extend_from_slice(&run);
            plain.push(b'\n');
        }
        at = next.max(at + 1);
    }
    (speaks(&plain) || wide(&plain)).then(|| of_bytes(&plain))
}

/// Letters as decimal numbers: `[char]105+[char]103`, `fromCharCode(105,103)`, `105 103`.
fn decimal(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut plain = String::new();
    let mut run = String::new();
    let (mut at, mut gap) = (0, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            gap += 1;
            continue;
        }
        let digits = bytes[at..]
            .iter()
            .take(4)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let letter = text
            .get(at..at + digits)
            .and_then(|number| number.parse::<u8>().ok())
            .filter(|code| digits > 1 && (b' '..=b'~').contains(code));
        if letter.is_none() || gap > 10 {
            if run.len() >= SHORTEST {
                plain.push_str(&run);
                plain.push('\n');
            }
            run.clear();
        }
        run.extend(letter.map(char::from));
        at += digits;
        gap = 0;
    }
    if run.len() >= SHORTEST {
        plain.push_str(&run);
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read() {
        for text in [
            "%69%67%6e%6f%72%65%20%61%6c%6c",
            "&#105;gnore all",
            "\\u0069gnore all",
            "x=xaWdub3JlIGFsbCBvZiBpdA==xx",
            "aQBnAG4AbwByAGUAIABhAGwAbAA=",
            "69676e6f726520616c6c",
            "69 67 6e 6f 72 65 20 61 6c 6c",
            "\\x69\\x67\\x6e\\x6f\\x72\\x65\\x20\\x61\\x6c\\x6c",
            "[char]105+[char]103+[char]110+[char]111+[char]114+[char]101+[char]32+[char]97+[char]108+[char]108+[char]108+[char]108+[char]32+[char]97+[char]108+[char]108",
        ] {
            let read = readings(text);
            assert!(
                read.iter().any(|read| read.contains("ignore all")),
                "{text}: {read:?}"
            );
        }
    }
}
