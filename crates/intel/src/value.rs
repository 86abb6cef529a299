//! The values that indicators and alerts have in common, in one normal form on both sides.
//!
//! A [`Key`] is a value with its [`Kind`]; two of them are the same value exactly if they are equal. The index knows only
//! fingerprints of keys. Whatever is compared goes through [`Key::new`], so a hash in upper case, a name with a dot at its end
//! and a mapped address need no thought elsewhere.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

/// Longer values are compared with nothing: browsers and proxies cut URLs near this length.
const LONGEST: usize = 4096;

/// What a value is. The numbers are part of the fingerprints on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An address, its shortest form.
    Ip = 1,
    /// A domain or host name, lower case, ASCII, without the last dot.
    Domain = 3,
    /// A URL, see [`url_form`].
    Url = 4,
    /// A mail address, lower case.
    Email = 5,
    /// A file's name without its folder, lower case: Windows does not tell cases apart, nor does OpenCTI's search.
    FileName = 6,
    /// A folder, lower case, without the last separator.
    Directory = 7,
    /// Lower-case hexadecimal.
    Md5 = 8,
    /// Lower-case hexadecimal.
    Sha1 = 9,
    /// Lower-case hexadecimal.
    Sha256 = 10,
    /// Lower-case hexadecimal.
    Sha512 = 11,
}

/// Stands for networks where a [`Kind`] stands for values.
pub(crate) const NETWORK_KIND: u8 = 2;

impl Kind {
    /// This kind in a set of kinds.
    pub(crate) fn bit(self) -> u32 {
        1 << (self as u8)
    }

    pub(crate) fn is_hash(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1 | Self::Sha256 | Self::Sha512)
    }

    /// How well a value of this kind tells one thing from others; lower is better.
    pub(crate) fn commonness(self) -> u8 {
        match self {
            Self::Sha256 | Self::Sha512 | Self::Sha1 | Self::Md5 => 0,
            Self::Url => 1,
            Self::Email => 2,
            Self::Domain => 3,
            Self::Ip => 4,
            Self::FileName => 5,
            Self::Directory => 6,
        }
    }
}

/// A value in normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Key {
    /// The normal form; `None` where the text is no such value.
    pub(crate) fn new(kind: Kind, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let (kind, text) = match kind {
            Kind::Ip => (kind, address(text)?.to_string()),
            Kind::Domain => (kind, domain(text)?),
            Kind::Url => (kind, url_form(text)),
            Kind::Email => (kind, text.contains('@').then(|| text.to_lowercase())?),
            Kind::FileName => (kind, text.to_lowercase()),
            Kind::Directory => (kind, directory(text)?),
            // The length alone is decisive: feeds mix the algorithms' names up.
            Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 => hash(text)?,
        };
        Some(Self { kind, text })
    }
}

/// An address; `::ffff:a.b.c.d` is the IPv4 address in it.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let text = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

/// A network of more than one address; a prefix of all bits is an address, and one of none is everybody.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let net: IpNet = text.trim().parse().ok()?;
    (net.prefix_len() > 0 && net.prefix_len() < net.max_prefix_len()).then(|| net.trunc())
}

/// A network's bytes for its fingerprint: the prefix length, then the address.
pub(crate) fn network_bytes(net: &IpNet) -> ([u8; 17], usize) {
    let mut bytes = [0; 17];
    bytes[0] = net.prefix_len();
    let length = match net.addr() {
        IpAddr::V4(ip) => {
            bytes[1..5].copy_from_slice(&ip.octets());
            5
        }
        IpAddr::V6(ip) => {
            bytes[1..17].copy_from_slice(&ip.octets());
            17
        }
    };
    (bytes, length)
}

fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let name = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(name).ok()?
    };
    let plain = name.len() <= 253
        && !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'*'));
    plain.then_some(name)
}

/// Scheme and host in lower case, no default port, no fragment, no slash at the end. A text that is no URL stays as it is, in
/// lower case.
fn url_form(text: &str) -> String {
    let parsed = text
        .contains("://")
        .then(|| Url::parse(text).ok())
        .flatten();
    let Some(mut url) = parsed else {
        return text.to_lowercase();
    };
    url.set_fragment(None);
    let mut form = String::from(url);
    if form.ends_with('/') && !form.contains('?') {
        form.pop();
    }
    form
}

/// The host a URL names.
pub(crate) fn url_host(text: &str) -> Option<Key> {
    let url = Url::parse(text).ok()?;
    match url.host()? {
        url::Host::Domain(name) => Key::new(Kind::Domain, name),
        url::Host::Ipv4(ip) => Key::new(Kind::Ip, &ip.to_string()),
        url::Host::Ipv6(ip) => Key::new(Kind::Ip, &ip.to_string()),
    }
}

fn directory(text: &str) -> Option<String> {
    let path = text.trim_end_matches(['/', '\\']);
    (!path.is_empty()).then(|| path.to_lowercase())
}

fn hash(text: &str) -> Option<(Kind, String)> {
    let kind = match text.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        64 => Kind::Sha256,
        128 => Kind::Sha512,
        _ => return None,
    };
    text.bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| (kind, text.to_ascii_lowercase()))
}

/// The domains above one, the nearest first, down to two labels.
pub(crate) fn parents(domain: &str) -> impl Iterator<Item = &str> {
    let mut rest = domain;
    std::iter::from_fn(move || {
        rest = rest.split_once('.')?.1;
        rest.contains('.').then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_one_form() {
        let cases = [
            (Kind::Ip, "::ffff:203.0.113.9", Some("203.0.113.9")),
            (Kind::Ip, "2001:DB8:0::1", Some("2001:db8::1")),
            (Kind::Ip, "203.0.113.9/24", None),
            (Kind::Domain, "Evil.Example.", Some("evil.example")),
            (
                Kind::Domain,
                "bücher.example",
                Some("xn--bcher-kva.example"),
            ),
            (Kind::Domain, "evil example", None),
            (
                Kind::Url,
                "HTTP://Evil.Example:80/a/#x",
                Some("http://evil.example/a"),
            ),
            (
                Kind::Url,
                "http://evil.example",
                Some("http://evil.example"),
            ),
            (
                Kind::Url,
                "https://evil.example/A?b=C/",
                Some("https://evil.example/A?b=C/"),
            ),
            (Kind::Email, "Bob@Evil.Example", Some("bob@evil.example")),
            (
                Kind::Directory,
                r"C:\Users\Public\",
                Some(r"c:\users\public"),
            ),
            (Kind::Md5, "zz", None),
        ];
        for (kind, text, form) in cases {
            assert_eq!(
                Key::new(kind, text).map(|key| key.text).as_deref(),
                form,
                "{text}"
            );
        }
    }

    #[test]
    fn a_hash_is_what_its_length_says() {
        let key = Key::new(Kind::Md5, &"AB".repeat(32)).unwrap();
        assert_eq!((key.kind, key.text), (Kind::Sha256, "ab".repeat(32)));
    }

    #[test]
    fn parents_end_at_two_labels() {
        let above: Vec<_> = parents("a.b.evil.example").collect();
        assert_eq!(above, ["b.evil.example", "evil.example"]);
    }

    #[test]
    fn a_network_of_one_address_or_of_all_is_none() {
        assert_eq!(network("10.1.2.3/16").unwrap().to_string(), "10.1.0.0/16");
        assert_eq!(network("10.1.2.3/32"), None);
        assert_eq!(network("0.0.0.0/0"), None);
    }
}
