//! Addresses that a model made up can't be clicked, copied or looked up by accident.
//!
//! What stood in the alert stays as it is; any other URL, domain or IP address gets the look that analysts know: `hxxp://`, `1[.]2`.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What ends a word that may be an address.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "\"'()[]{}<>‹›|,;“”„«»".contains(c)
}

/// The text, and how many addresses were changed.
pub(super) fn defang(text: &str, knows: impl Fn(&str) -> bool) -> (String, u32) {
    let mut out = String::with_capacity(text.len());
    let mut changed = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // A point at the end is the sentence's.
        let (word, point) = word.split_at(word.trim_end_matches(['.', ':', '!', '?']).len());
        out.push_str(&defanged(word, &knows, &mut changed));
        out.push_str(point);
        let mut after = after.chars();
        out.extend(after.next());
        rest = after.as_str();
    }
    (out, changed)
}

fn defanged(word: &str, knows: &impl Fn(&str) -> bool, changed: &mut u32) -> String {
    if let Some(at) = word.find("://") {
        let name = word[..at]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        let (before, url) = word.split_at(at - name);
        if knows(url) {
            return format!("{}{url}", names(before, knows, changed));
        }
        *changed += 1;
        let scheme = match url[..name].to_ascii_lowercase().as_str() {
            "http" => "hxxp".to_owned(),
            "https" => "hxxps".to_owned(),
            "ftp" => "fxp".to_owned(),
            other => format!("{other}[:]"),
        };
        let (host, path) = url[name + 3..].split_at(
            url[name + 3..]
                .find(['/', '?', '#', '\\'])
                .unwrap_or(url.len() - name - 3),
        );
        // A second address may stand in the path.
        let path = defanged(path, knows, changed);
        let sign = if scheme.ends_with(']') { "//" } else { "://" };
        return format!(
            "{}{scheme}{sign}{}{path}",
            names(before, knows, changed),
            host.replace('.', "[.]")
        );
    }
    if word.matches(':').count() >= 2
        && let Ok(address) = word.parse::<Ipv6Addr>()
        && !address.is_loopback()
        && !address.is_unspecified()
    {
        if knows(word) {
            return word.to_owned();
        }
        *changed += 1;
        return word.replace(':', "[:]");
    }
    names(word, knows, changed)
}

/// IPv4 addresses and domains in a word.
fn names(word: &str, knows: &impl Fn(&str) -> bool, changed: &mut u32) -> String {
    let mut out = String::with_capacity(word.len());
    for part in word.split_inclusive(|c: char| "/@:=\\?&#%+$~*!".contains(c)) {
        let name = part.trim_end_matches(|c: char| "/@:=\\?&#%+$~*!".contains(c));
        if address(name) && !knows(name) {
            *changed += 1;
            out.push_str(&name.replace('.', "[.]"));
            out.push_str(&part[name.len()..]);
        } else {
            out.push_str(part);
        }
    }
    out
}

fn address(name: &str) -> bool {
    if !name.contains('.') {
        return false;
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let name = name.trim_start_matches('.').to_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    // File names have no ending that is a top level domain, but for a few (`.sh`, `.zip`), and these may be domains indeed.
    name.contains('.')
        && name.split('.').all(label)
        && psl::suffix(name.as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < name.len())
}
