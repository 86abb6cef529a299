//! Internal addresses, by their form: RFC 1918, unique local, link local. External ones are indicators and stay.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{canonical, map::PseudonymMap, token::Kind};

/// The longest spelling of an address: IPv6 with IPv4 at its end.
const LONGEST: usize = 45;
/// How far in front of a number `version` makes it one.
const VERSION: usize = 24;

/// The internal addresses of an alert.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    order: Vec<(IpAddr, String)>,
    tokens: HashMap<IpAddr, String>,
}

impl Addresses {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes note of the addresses in one field.
    pub fn collect(&mut self, path: &str, text: &str) {
        let field = path.rsplit('.').next().unwrap_or(path);
        for (start, end, address) in find(field, text) {
            self.tokens.entry(address).or_insert_with(|| {
                self.order.push((address, text[start..end].to_owned()));
                String::new()
            });
        }
    }

    /// Gives each its name.
    pub fn name(&mut self, map: &mut PseudonymMap) {
        for (address, spelling) in &self.order {
            self.tokens
                .insert(*address, map.name(Kind::Address, spelling));
        }
    }

    /// Where they stand in a text.
    pub fn places<'a>(
        &'a self,
        field: &str,
        text: &str,
        places: &mut Vec<(usize, usize, &'a str)>,
    ) {
        for (start, end, address) in find(field, text) {
            if let Some(token) = self.tokens.get(&address) {
                places.push((start, end, token));
            }
        }
    }

    /// Which of them share a /24: lateral movement is seen by it.
    pub fn neighbours(&self) -> Vec<String> {
        let mut nets: Vec<([u8; 3], Vec<&str>)> = Vec::new();
        let mut places: HashMap<[u8; 3], usize> = HashMap::new();
        for (address, _) in &self.order {
            let (IpAddr::V4(v4), Some(token)) = (address, self.tokens.get(address)) else {
                continue;
            };
            let [a, b, c, _] = v4.octets();
            let place = *places.entry([a, b, c]).or_insert_with(|| {
                nets.push(([a, b, c], Vec::new()));
                nets.len() - 1
            });
            nets[place].1.push(token);
        }
        nets.into_iter()
            .filter(|(_, tokens)| tokens.len() > 1)
            .take(4)
            .map(|(_, tokens)| format!("{} (same /24)", tokens.join(", ")))
            .collect()
    }
}

/// The internal addresses in a text, in one spelling.
fn find(field: &str, text: &str) -> Vec<(usize, usize, IpAddr)> {
    let mut found = Vec::new();
    if is_version(field.as_bytes()) {
        return found;
    }
    let bytes = text.as_bytes();
    let part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let mut at = 0;
    while at < bytes.len() {
        if !part(&bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| part(byte)).count();
        run(text, at, end, &mut found);
        at = end;
    }
    found
}

/// One run of hexadecimal digits, dots and colons.
fn run(text: &str, start: usize, end: usize, found: &mut Vec<(usize, usize, IpAddr)>) {
    let joined = text[..start].ends_with(super::part_of_word)
        || text[end..].starts_with(super::part_of_word);
    if !joined
        && text[start..end]
            .bytes()
            .filter(|byte| *byte == b':')
            .count()
            > 1
    {
        // `fe80::1:` at the end of a sentence, `::` at its beginning is part of it.
        let from = start
            + usize::from(text[start..end].starts_with(':') && !text[start..end].starts_with("::"));
        let trimmed = text[from..end].trim_end_matches(['.', ':']);
        let to = from + trimmed.len();
        for to in [to, end.min(to + 2)] {
            if to - from <= LONGEST
                && let Some(address) = text
                    .get(from..to)
                    .and_then(|text| text.parse::<Ipv6Addr>().ok())
            {
                push(text, from, to, IpAddr::V6(address), found);
                return;
            }
        }
    }
    // `10.0.0.1:443`, `1:10.0.0.1`, `addr10.0.0.1`: the numbers between colons.
    let mut at = start;
    for piece in text[start..end].split(':') {
        let from = at;
        at += piece.len() + 1;
        let to = from + piece.len();
        let digits = |letter: char| letter.is_ascii_digit();
        // Letters a to f before the number: `a10.0.0.1` is no address.
        let left = from + (piece.len() - piece.trim_start_matches('.').len());
        let right = to - (piece.len() - piece.trim_end_matches('.').len());
        let joined = |letter: char| super::part_of_word(letter);
        if right <= left
            || right - left > 15
            || from == start && left == from && text[..left].ends_with(joined)
            || to == end && right == to && text[right..].starts_with(joined)
            || !text[left..right].starts_with(digits)
        {
            continue;
        }
        if let Ok(address) = text[left..right].parse::<Ipv4Addr>() {
            push(text, left, right, IpAddr::V4(address), found);
        }
    }
}

fn push(
    text: &str,
    start: usize,
    end: usize,
    address: IpAddr,
    found: &mut Vec<(usize, usize, IpAddr)>,
) {
    let address = canonical(address);
    let from = start.saturating_sub(VERSION);
    if is_internal(address) && !is_version(&text.as_bytes()[from..start]) {
        found.push((start, end, address));
    }
}

/// Whether these bytes speak of a version.
fn is_version(bytes: &[u8]) -> bool {
    bytes
        .windows(7)
        .any(|word| word.eq_ignore_ascii_case(b"version"))
}

fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
