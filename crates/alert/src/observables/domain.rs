//! Domain names: their normal form, their Unicode form, and their parents down to what somebody can register.
//!
//! What can be registered is told by Mozilla's Public Suffix List (crate `psl`, compiled in). Its private part counts: below
//! `github.io` or `duckdns.org` each name has an owner of its own, so a bad one says nothing of its neighbours.

use std::borrow::Cow;

use super::defang::refang;

/// The longest name in bytes (RFC 1035).
const LONGEST: usize = 253;

/// Zones that are never looked up outside.
const PRIVATE_ZONES: [&str; 12] = [
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "workgroup",
];

/// The normal form of a domain name: lower case, in ASCII (`xn--…`), without the dot at its end, without a port. `None` for
/// single labels, addresses and what is no name.
///
/// ```
/// use alertbridge_alert::observables::domain;
///
/// assert_eq!(domain("Evil[.]Example.").as_deref(), Some("evil.example"));
/// assert_eq!(domain("bücher.example:443").as_deref(), Some("xn--bcher-kva.example"));
/// assert_eq!(domain("203.0.113.7"), None);
/// ```
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    // A name of many non-ASCII characters may be longer before it is encoded.
    if text.len() > 4 * LONGEST {
        return None;
    }
    let text = refang(text);
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => &text,
    };
    let name = host_name(name)?;
    let top = top_level(&name);
    let is_top = top.len() >= 2
        && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"));
    (is_top && name.contains('.')).then_some(name)
}

/// The normal form of a host's name, which may be a single label.
pub(super) fn host_name(text: &str) -> Option<String> {
    let ascii: Cow<'_, str> = if text.is_ascii() {
        // Names are what resolvers take, not what IDNA allows: underscores, and punycode that decodes to nothing.
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(idna::domain_to_ascii(text).ok()?)
    };
    let name = ascii.trim_end_matches('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    (name.len() <= LONGEST && name.split('.').all(is_label)).then(|| name.to_owned())
}

/// A name in its normal form, and in Unicode where that differs: intelligence holds either.
///
/// ```
/// use alertbridge_alert::observables::domain_forms;
///
/// assert_eq!(domain_forms("xn--bcher-kva.example"), ["xn--bcher-kva.example", "bücher.example"]);
/// ```
pub fn domain_forms(name: &str) -> Vec<String> {
    let mut forms = vec![name.to_owned()];
    if name.contains("xn--")
        && let (unicode, Ok(())) = idna::domain_to_unicode(name)
        && unicode != name
    {
        forms.push(unicode);
    }
    forms
}

/// The part of a normal domain name that somebody can register: `a.b.example.co.uk` → `example.co.uk`. `None` for a public
/// suffix itself and for addresses.
///
/// ```
/// use alertbridge_alert::observables::registrable_domain;
///
/// assert_eq!(registrable_domain("a.b.example.co.uk"), Some("example.co.uk"));
/// assert_eq!(registrable_domain("a.evil.github.io"), Some("evil.github.io"));
/// assert_eq!(registrable_domain("co.uk"), None);
/// assert_eq!(registrable_domain("203.0.113.7"), None);
/// ```
pub fn registrable_domain(name: &str) -> Option<&str> {
    if top_level(name).bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    psl::domain_str(name)
}

/// The parents of a normal domain name, nearest first, down to the registrable domain: `a.b.example.com` → `b.example.com`,
/// `example.com`. Empty where the name is the registrable domain itself.
///
/// ```
/// use alertbridge_alert::observables::parent_domains;
///
/// let parents: Vec<&str> = parent_domains("a.b.example.com").collect();
/// assert_eq!(parents, ["b.example.com", "example.com"]);
/// assert_eq!(parent_domains("example.com").count(), 0);
/// ```
pub fn parent_domains(name: &str) -> impl Iterator<Item = &str> {
    let shortest = registrable_domain(name).map_or(usize::MAX, str::len);
    name.match_indices('.')
        .map(|(at, _)| &name[at + 1..])
        .take_while(move |parent| parent.len() >= shortest)
}

/// Whether a name found in free text looks like a domain and not like a file or a method: its end is on the list.
pub(super) fn has_known_suffix(name: &str) -> bool {
    // RFC 2606 and 7686: not on the list, yet what examples and hidden services use.
    matches!(top_level(name), "example" | "test" | "onion")
        || psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Whether a normal name is of a zone that is never looked up outside.
pub(super) fn is_private_zone(name: &str) -> bool {
    !name.contains('.') || PRIVATE_ZONES.contains(&top_level(name))
}

fn top_level(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
