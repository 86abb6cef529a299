//! Searches command lines, scripts and other free text.
//!
//! One pass for URLs, one over the words between them. What is taken for a domain must end in a public suffix, because
//! `install.sh` and `System.IO` look like one; a part of a path or a variable is none.

use std::borrow::Cow;

use super::{Kind, defang::refang, domain, email, hash, ip, url_form};

/// Takes what is found: kind, normal form, as written.
pub(super) trait Take {
    fn url(&mut self, text: &str);
    /// Whether a domain without a scheme is wanted.
    fn wants_domains(&self) -> bool;
    fn value(&mut self, kind: Kind, value: String, written: &str);
}

/// Ends of files that are top-level domains too: with nothing but one dot before them they are files.
const FILE_ENDS: [&str; 12] = [
    "app", "cc", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "tar", "zip",
];

/// Reads a text; the caller bounds its length.
pub(super) fn search(text: &str, take: &mut impl Take) {
    let text = readable(text);
    let mut rest_from = 0;
    let mut search_from = 0;
    while let Some(found) = memchr::memmem::find(&text.as_bytes()[search_from..], b"://") {
        let at = search_from + found;
        search_from = at + 3;
        let Some(start) = scheme_start(text.as_bytes(), rest_from, at) else {
            continue;
        };
        let end = search_from + url_length(&text[search_from..]);
        let candidate =
            text[start..end].trim_end_matches(['.', ',', ':', ';', '!', '?', ')', ']', '*']);
        if candidate.len() > at + 3 - start {
            words(&text[rest_from..start], take);
            take.url(candidate);
            rest_from = end;
            search_from = end;
        }
    }
    words(&text[rest_from..], take);
}

/// Refanged, without the escapes of Windows events (facts/wazuh.md §3) and of JSON within JSON.
fn readable(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if memchr::memmem::find(text.as_bytes(), br":\/\/").is_some() {
        text = Cow::Owned(text.replace(r"\/", "/"));
    }
    if memchr::memchr(b'&', text.as_bytes()).is_some() && text.contains(';') {
        for (entity, c) in [
            ("&quot;", "\""),
            ("&apos;", "'"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&amp;", "&"),
        ] {
            if text.contains(entity) {
                text = Cow::Owned(text.replace(entity, c));
            }
        }
    }
    match refang(&text) {
        Cow::Owned(refanged) => Cow::Owned(refanged),
        Cow::Borrowed(_) => text,
    }
}

/// Where the scheme before `://` begins: the longest known one that ends there, so that `%20http://` and `=http://` count.
fn scheme_start(text: &[u8], from: usize, at: usize) -> Option<usize> {
    (2..=6)
        .rev()
        .filter_map(|length| at.checked_sub(length))
        .filter(|start| *start >= from)
        .find(|start| url_form::is_scheme(&text[*start..at]))
}

/// How far a URL goes, from behind its `://`.
fn url_length(rest: &str) -> usize {
    let mut open = 0_u32;
    let mut before = '/';
    for (at, c) in rest.char_indices() {
        let ends = match c {
            '"' | '\'' | '`' | '<' | '>' | '|' | '\\' | '^' | '{' | '}' | ';' => true,
            '(' => {
                open += 1;
                false
            }
            ')' if open > 0 => {
                open -= 1;
                false
            }
            ')' => true,
            '&' => before == '&',
            ',' => false,
            c => c.is_whitespace() || c.is_control(),
        };
        if ends {
            // Of `&&` the first belongs to it too.
            return if c == '&' { at - 1 } else { at };
        }
        before = c;
    }
    rest.len()
}

/// The words of a text without URLs.
fn words(text: &str, take: &mut impl Take) {
    let is_part = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '.' | '-' | '_' | '@' | ':' | '[' | ']' | '+')
            || (!c.is_ascii() && c.is_alphanumeric())
    };
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].find(|c| !is_part(c)).unwrap_or(text.len() - at);
        if length >= 4 {
            let before = text[..at].chars().next_back();
            word(&text[at..at + length], before, take);
        }
        at += length;
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
}

fn word(word: &str, before: Option<char>, take: &mut impl Take) {
    let word = word.trim_matches(['.', '-', ':', '@', '+', '_']);
    if word.contains('@') {
        if let Some(address) = email(word) {
            take.value(Kind::Email, address, word);
            return;
        }
        // `scp user@203.0.113.7:file`
        for part in word.split('@').take(8) {
            host_or_hash(part, before, take);
        }
        return;
    }
    host_or_hash(word, before, take);
}

fn host_or_hash(word: &str, before: Option<char>, take: &mut impl Take) {
    if let Some(ip) = ip(word) {
        take.value(Kind::Ip, ip.to_string(), word);
        return;
    }
    for part in word.split([':', '[', ']']).take(16) {
        let part = part.trim_matches(['.', '-', '+', '_']);
        if let Some(kind) = hash::kind(part) {
            take.value(kind, part.to_ascii_lowercase(), "");
        } else if part.len() != word.len()
            && let Some(ip) = ip(part)
        {
            take.value(Kind::Ip, ip.to_string(), part);
        } else if take.wants_domains()
            && let Some(name) = domain_in_text(part, before)
        {
            take.value(Kind::Domain, name, part);
        }
    }
}

fn domain_in_text(word: &str, before: Option<char>) -> Option<String> {
    // A part of a path, a variable's member.
    if !word.contains('.') || matches!(before, Some('/' | '\\' | '$')) {
        return None;
    }
    let name = domain(word)?;
    let top = word.rsplit('.').next()?;
    // `System.IO`: a name that is not all capitals does not end in them.
    let is_member = top.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_file = name.matches('.').count() == 1
        && FILE_ENDS.contains(&name.rsplit('.').next().unwrap_or_default());
    (!is_member && !is_file && super::domain::has_known_suffix(&name)).then_some(name)
}
