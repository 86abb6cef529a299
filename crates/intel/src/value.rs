//! The values that indicators and alerts have in common, in one normal form on both sides.
//!
//! A [`Key`] is a value with its [`Kind`]; two of them are the same value exactly if they are equal. The index knows only
//! fingerprints of keys. Whatever is compared goes through [`Key::new`], so a hash in upper case, a name with a dot at its end
//! and a mapped address need no thought elsewhere.

use std::net::IpAddr;

use alertbridge_alert::observables::{Kind, ip};
use ipnet::IpNet;

/// The number of a kind in fingerprints on disk. Never given anew.
pub(crate) fn number(kind: Kind) -> u8 {
    match kind {
        Kind::Ip => 1,
        Kind::Domain => 3,
        Kind::Url => 4,
        Kind::Email => 5,
        Kind::FileName => 6,
        Kind::Directory => 7,
        Kind::Md5 => 8,
        Kind::Sha1 => 9,
        Kind::Sha256 => 10,
        Kind::Sha512 => 11,
    }
}

/// Stands for networks where [`number`] stands for values.
pub(crate) const NETWORK: u8 = 2;

/// This kind in a set of kinds.
pub(crate) fn bit(kind: Kind) -> u32 {
    1 << number(kind)
}

/// The hashes in a set of kinds.
pub(crate) fn hash_bits() -> u32 {
    bit(Kind::Md5) | bit(Kind::Sha1) | bit(Kind::Sha256) | bit(Kind::Sha512)
}

/// How well a value of this kind tells one thing from others; lower is better.
pub(crate) fn commonness(kind: Kind) -> u8 {
    match kind {
        Kind::Sha256 | Kind::Sha512 | Kind::Sha1 | Kind::Md5 => 0,
        Kind::Url => 1,
        Kind::Email => 2,
        Kind::Domain => 3,
        Kind::Ip => 4,
        Kind::FileName => 5,
        Kind::Directory => 6,
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
        Some(Self::of_normal(kind, kind.normal(text)?))
    }

    /// From what is in [`Kind::normal`] form already.
    pub(crate) fn of_normal(kind: Kind, mut text: String) -> Self {
        text.truncate(Self::text_of(kind, &text).len());
        Self { kind, text }
    }

    /// The text of the key of a normal form.
    pub(crate) fn text_of(kind: Kind, text: &str) -> &str {
        // Intelligence holds URLs with and without the slash at the end (facts/opencti.md §2.3).
        match text.strip_suffix('/') {
            Some(without) if kind == Kind::Url && !text.contains('?') => without,
            _ => text,
        }
    }

    /// A hash, whichever its length says: feeds mix the algorithms' names up.
    pub(crate) fn hash(text: &str) -> Option<Self> {
        [Kind::Sha256, Kind::Sha1, Kind::Md5, Kind::Sha512]
            .into_iter()
            .find_map(|kind| Self::new(kind, text))
    }
}

/// Is this text an address?
pub(crate) fn is_address(text: &str) -> bool {
    ip(text).is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_one_form() {
        let cases = [
            (Kind::Ip, "::ffff:203.0.113.9", Some("203.0.113.9")),
            (Kind::Ip, "203.0.113.9/32", Some("203.0.113.9")),
            (Kind::Ip, "203.0.113.9/24", None),
            (Kind::Domain, "Evil.Example.", Some("evil.example")),
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
        let key = Key::hash(&"AB".repeat(32)).unwrap();
        assert_eq!((key.kind, key.text), (Kind::Sha256, "ab".repeat(32)));
    }

    #[test]
    fn a_network_of_one_address_or_of_all_is_none() {
        assert_eq!(network("10.1.2.3/16").unwrap().to_string(), "10.1.0.0/16");
        assert_eq!(network("10.1.2.3/32"), None);
        assert_eq!(network("0.0.0.0/0"), None);
    }
}
