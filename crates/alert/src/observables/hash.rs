//! Hashes of files, told apart by their length.

use super::Kind;

/// The hashes of an empty file: they would match every empty file with every other.
pub(super) const OF_AN_EMPTY_FILE: [&str; 4] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
];

/// The kind a text of hexadecimal digits is by its length. Zeros alone stand for "none" (Sysmon).
pub(super) fn kind(digits: &str) -> Option<Kind> {
    let kind = match digits.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        64 => Kind::Sha256,
        128 => Kind::Sha512,
        _ => return None,
    };
    let digits = digits.as_bytes();
    (digits.iter().all(u8::is_ascii_hexdigit) && digits.iter().any(|digit| *digit != b'0'))
        .then_some(kind)
}

/// The hashes in a hash field: alone, or as `SHA1=…,MD5=…,IMPHASH=…` (Sysmon), or as `sha256:…`. An import hash is none of
/// the file, though it is as long as an MD5.
pub(super) fn in_field(text: &str) -> impl Iterator<Item = (Kind, String)> + '_ {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
        .filter_map(|part| {
            let digits = match part.split_once(['=', ':']) {
                Some((name, _)) if !is_algorithm(name) => return None,
                Some((_, digits)) => digits,
                None => part,
            };
            let digits = digits.trim_matches(['"', '\'']);
            kind(digits).map(|kind| (kind, digits.to_ascii_lowercase()))
        })
}

fn is_algorithm(name: &str) -> bool {
    let name = name.trim_matches(['"', '\'']);
    [
        "md5", "sha1", "sha-1", "sha256", "sha-256", "sha512", "sha-512",
    ]
    .iter()
    .any(|known| name.eq_ignore_ascii_case(known))
}
