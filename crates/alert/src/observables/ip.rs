//! IP addresses in the forms logs write them: with a port, in brackets, with a zone, as a prefix of one address.

use std::net::{IpAddr, Ipv6Addr};

use super::defang::refang;

/// The longest text that can be an address with zone, port and brackets.
const LONGEST: usize = 96;

/// The address a whole text stands for. An IPv4-mapped IPv6 address is the IPv4 address in it; `0.0.0.0` and `::` are none.
///
/// ```
/// use alertbridge_alert::observables::ip;
///
/// for text in ["203.0.113.7", "203.0.113.7:443", "[::ffff:203.0.113.7]:443", "203[.]0[.]113[.]7.", "203.0.113.7/32"] {
///     assert_eq!(ip(text).map(|ip| ip.to_string()).as_deref(), Some("203.0.113.7"));
/// }
/// assert_eq!(ip("fe80::1%eth0").map(|ip| ip.to_string()).as_deref(), Some("fe80::1"));
/// assert_eq!(ip("203.0.113.0/24"), None);
/// ```
pub fn ip(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    if text.len() > LONGEST || !text.contains(['.', ':']) {
        return None;
    }
    let text = refang(text);
    // The end of a sentence, or of a name that is an address.
    let text = text.trim_end_matches('.');
    // Java writes a socket's address as `/203.0.113.7:443`.
    let text = text.strip_prefix('/').unwrap_or(text);
    let ip = if let Some(rest) = text.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        is_port.then(|| bare(inner))?
    } else {
        bare(text).or_else(|| with_port(text))
    }?;
    let ip = ip.to_canonical();
    (!ip.is_unspecified()).then_some(ip)
}

/// Without brackets and port: an address, perhaps with a zone, or a prefix that holds one address alone.
fn bare(text: &str) -> Option<IpAddr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = match address.split_once('%') {
        Some((address, _zone)) => address.parse::<Ipv6Addr>().ok()?.into(),
        None => address.parse().ok()?,
    };
    match prefix {
        None => Some(address),
        Some("32") => address.is_ipv4().then_some(address),
        Some("128") => address.is_ipv6().then_some(address),
        Some(_) => None,
    }
}

/// `203.0.113.7:443`; BIND writes `203.0.113.7#53`. A v6 address without brackets has no port that could be told from it.
fn with_port(text: &str) -> Option<IpAddr> {
    let (address, port) = text.rsplit_once([':', '#'])?;
    is_port(port).then(|| address.parse().ok())?
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}
