//! URLs: the normal form, the forms intelligence may hold, and the host.
//!
//! The `url` crate is not used: it rewrites escapes and dots in paths as a browser would, and intelligence is compared as
//! text (facts/opencti.md §2.3), so only scheme and host, which no server tells apart by case, are changed.

use super::{Kind, defang::refang, domain, ip};

/// Longer texts are no URLs that could match: OpenCTI finds none beyond 512 (facts/opencti.md §2.2), browsers cut near this.
const LONGEST: usize = 2048;

/// Schemes of addresses that are contacted, and the port each has by default.
const SCHEMES: [(&str, u16); 17] = [
    ("ftp", 21),
    ("ftps", 990),
    ("http", 80),
    ("https", 443),
    ("iiop", 535),
    ("ldap", 389),
    ("ldaps", 636),
    ("rmi", 1099),
    ("sftp", 22),
    ("smb", 445),
    ("ssh", 22),
    ("tcp", 0),
    ("telnet", 23),
    ("tftp", 69),
    ("udp", 0),
    ("ws", 80),
    ("wss", 443),
];

/// A URL taken apart.
struct Parts<'a> {
    scheme: &'static str,
    user: Option<&'a str>,
    host: Host,
    /// `None` where it is the scheme's own.
    port: Option<u16>,
    /// Path and query, without the fragment; at least `/`.
    path: String,
}

enum Host {
    Domain(String),
    Ip(std::net::IpAddr),
    /// A single label, or a name of no public form.
    Name(String),
}

/// Whether a scheme (lower case) is one of addresses that are contacted.
pub(super) fn is_scheme(scheme: &[u8]) -> bool {
    SCHEMES
        .iter()
        .any(|(known, _)| scheme.eq_ignore_ascii_case(known.as_bytes()))
}

/// The normal form of a URL: refanged, scheme and host in lower case and ASCII, without user, default port and fragment; an
/// empty path is `/`. Path and query stay as written. `None` for what is no URL with a known scheme.
///
/// ```
/// use alertbridge_alert::observables::url;
///
/// assert_eq!(url("hxxp://Evil[.]Example:80/A?b=C#d").as_deref(), Some("http://evil.example/A?b=C"));
/// assert_eq!(url("https://[2001:DB8::1]:8443").as_deref(), Some("https://[2001:db8::1]:8443/"));
/// assert_eq!(url("/index.php?a=1"), None);
/// ```
pub fn url(text: &str) -> Option<String> {
    let text = trimmed(text)?;
    Some(parts(&text)?.written()).filter(|url| url.len() <= LONGEST)
}

/// The forms in which intelligence may hold a URL, without doubles: as written, the normal form, and that with or without a
/// slash at its end (facts/opencti.md §2.3). Empty for what is no URL. A URL with a password is not given as written, so that
/// the password gets nowhere.
///
/// ```
/// use alertbridge_alert::observables::url_forms;
///
/// assert_eq!(
///     url_forms("HTTP://Evil.Example/a#x"),
///     ["HTTP://Evil.Example/a#x", "http://evil.example/a", "http://evil.example/a/"],
/// );
/// assert_eq!(url_forms("http://evil.example"), ["http://evil.example", "http://evil.example/"]);
/// ```
pub fn url_forms(text: &str) -> Vec<String> {
    let Some((text, parts)) = trimmed(text).and_then(|text| {
        let parts = parts(&text)?;
        Some((
            text.clone(),
            (parts.user.map(str::to_owned), parts.written()),
        ))
    }) else {
        return Vec::new();
    };
    let (user, normal) = parts;
    let other = match normal.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None if normal.contains('?') => normal.clone(),
        None => format!("{normal}/"),
    };
    let mut forms = Vec::with_capacity(3);
    let as_written = user.is_none_or(|user| !user.contains(':')).then_some(text);
    for form in as_written.into_iter().chain([normal, other]) {
        if form.len() <= LONGEST && !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// The host of a URL as a domain or an address of its own: a weaker thing to match than the URL. `None` for single labels.
///
/// ```
/// use alertbridge_alert::observables::{url_host, Kind};
///
/// assert_eq!(url_host("http://a@Evil.Example:8080/x"), Some((Kind::Domain, "evil.example".to_owned())));
/// assert_eq!(url_host("http://[::ffff:203.0.113.7]/"), Some((Kind::Ip, "203.0.113.7".to_owned())));
/// ```
pub fn url_host(text: &str) -> Option<(Kind, String)> {
    match parts(&trimmed(text)?)?.host {
        Host::Domain(name) => Some((Kind::Domain, name)),
        Host::Ip(ip) => Some((Kind::Ip, ip.to_string())),
        Host::Name(_) => None,
    }
}

/// Whether a URL carries a name or a password before its host.
pub(super) fn has_user(text: &str) -> bool {
    trimmed(text).is_some_and(|text| parts(&text).is_some_and(|parts| parts.user.is_some()))
}

fn is_wrapping(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>')
}

/// Refanged and without what wraps it. The dots of a defanged URL make it longer, hence twice the length.
fn trimmed(text: &str) -> Option<String> {
    let text = text.trim_matches(is_wrapping);
    if text.len() > 2 * LONGEST
        || !text.contains("//") && !text.contains('[') && !text.contains('(')
    {
        return None;
    }
    Some(refang(text).trim_matches(is_wrapping).to_owned())
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let (scheme, default_port) = SCHEMES
        .iter()
        .find(|(known, _)| scheme.eq_ignore_ascii_case(known))?;
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    let (host, port) = host_and_port(address)?;
    let path = tail.split('#').next().unwrap_or_default();
    // A fragment may have hidden the quote that wraps the URL.
    let path = path.trim_end_matches(is_wrapping);
    Some(Parts {
        scheme,
        user,
        host,
        port: port.filter(|port| port != default_port),
        path: match path.as_bytes().first() {
            Some(b'/') => path.to_owned(),
            _ => format!("/{path}"),
        },
    })
}

fn host_and_port(address: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (address, ""),
    };
    let port = match port {
        "" => None,
        port => Some(port.parse().ok()?),
    };
    let host = match (host.starts_with('['), ip(host)) {
        (_, Some(ip)) => Host::Ip(ip),
        (true, None) => return None,
        (false, None) => match domain(host) {
            Some(name) => Host::Domain(name),
            None => Host::Name(super::domain::host_name(host)?),
        },
    };
    Some((host, port))
}

impl Parts<'_> {
    fn written(&self) -> String {
        let mut url = format!("{}://", self.scheme);
        match &self.host {
            Host::Domain(name) | Host::Name(name) => url.push_str(name),
            Host::Ip(std::net::IpAddr::V6(ip)) => url.push_str(&format!("[{ip}]")),
            Host::Ip(ip) => url.push_str(&ip.to_string()),
        }
        if let Some(port) = self.port {
            url.push_str(&format!(":{port}"));
        }
        url.push_str(&self.path);
        url
    }
}
