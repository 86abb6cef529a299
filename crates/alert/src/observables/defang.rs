//! Defanged text: indicators written so that nobody clicks them.
//!
//! Tickets, threat reports and some products write `hxxp://evil[.]example`. [`refang`] reads that in one pass, however deep
//! brackets are nested; `refang(refang(x)) == refang(x)` and `refang(defang(x)) == refang(x)`.

use std::borrow::Cow;

/// What stands between brackets, and what it means.
const WORDS: [(&str, &str); 7] = [
    (".", "."),
    ("dot", "."),
    ("@", "@"),
    ("at", "@"),
    (":", ":"),
    ("://", "://"),
    ("/", "/"),
];

/// `hxxp`, `[.]`, `(dot)`, `{at}`, `[://]` and the like as they were meant.
///
/// ```
/// use alertbridge_alert::observables::refang;
///
/// assert_eq!(refang("hXXps[://]evil(dot)example/a"), "https://evil.example/a");
/// assert_eq!(refang("bob[at]evil[.]example"), "bob@evil.example");
/// assert_eq!(refang("http://[::1]/"), "http://[::1]/");
/// ```
pub fn refang(text: &str) -> Cow<'_, str> {
    let has_brackets = memchr::memchr3(b']', b')', b'}', text.as_bytes()).is_some();
    let text = if has_brackets {
        unbracketed(text)
    } else {
        Cow::Borrowed(text)
    };
    if memchr::memmem::find(text.as_bytes(), b"://").is_none() {
        return text;
    }
    match schemes_mended(&text) {
        Some(mended) => Cow::Owned(mended),
        None => text,
    }
}

/// The text so that nobody clicks it: `hxxp://evil[.]example`.
///
/// ```
/// use alertbridge_alert::observables::defang;
///
/// assert_eq!(defang("http://evil.example/a"), "hxxp[://]evil[.]example/a");
/// ```
pub fn defang(text: &str) -> String {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    let text = if is_http {
        text.replacen("http", "hxxp", 1)
    } else {
        text.to_owned()
    };
    text.replace("://", "[://]")
        .replace('.', "[.]")
        .replace('@', "[@]")
}

/// Each closing bracket looks back at what is already written, so nested brackets cost no second pass.
fn unbracketed(text: &str) -> Cow<'_, str> {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        let open = match c {
            ']' => '[',
            ')' => '(',
            '}' => '{',
            _ => {
                written.push(c);
                continue;
            }
        };
        match meaning(&written, open) {
            Some((kept, meant)) => {
                written.truncate(kept);
                written.push_str(meant);
            }
            None => written.push(c),
        }
    }
    if written.len() == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(written)
}

/// How much of the text stands before a bracketed word at its end, and what the word means.
fn meaning(written: &str, open: char) -> Option<(usize, &'static str)> {
    WORDS.iter().find_map(|(word, meant)| {
        let kept = written.len().checked_sub(word.len() + 1)?;
        let tail = written.as_bytes().get(kept..)?;
        (tail[0] == open as u8 && tail[1..].eq_ignore_ascii_case(word.as_bytes()))
            .then_some((kept, *meant))
    })
}

/// `hxxp://` and `hxxps://` as `http://` and `https://`, `fxp://` as `ftp://`; `None` where there is none.
fn schemes_mended(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended: Option<String> = None;
    for at in memchr::memmem::find_iter(bytes, b"://") {
        let start = bytes[..at]
            .iter()
            .rposition(|byte| !byte.is_ascii_alphanumeric())
            .map_or(0, |before| before + 1);
        let (from, to) = match &bytes[start..at] {
            scheme if scheme.eq_ignore_ascii_case(b"hxxp") => (start, "http"),
            scheme if scheme.eq_ignore_ascii_case(b"hxxps") => (start, "https"),
            // As long as before, so that later positions stay true.
            scheme if scheme.eq_ignore_ascii_case(b"fxp") => (start, "ftp"),
            _ => continue,
        };
        mended
            .get_or_insert_with(|| text.to_owned())
            .replace_range(from..at, to);
    }
    mended
}
