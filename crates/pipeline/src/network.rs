//! Addresses and networks of `in`.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Bits behind the prefix are set: more may be meant than wanted.
    #[error("{written} has bits behind its prefix: write {network} or only the address")]
    HostBits {
        /// As written.
        written: String,
        /// The network it lies in.
        network: IpNet,
    },
    /// Not an address or network at all.
    #[error("expected an address (10.1.2.3) or a network (10.0.0.0/8), found {0:?}")]
    NotANetwork(String),
}

/// Reads `10.0.0.0/8`, `10.1.2.3` (a network of one) or their IPv6 forms. IPv4 within IPv6 becomes IPv4.
pub(crate) fn network(text: &str) -> Result<IpNet, NetworkError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| NetworkError::NotANetwork(text.to_owned()))?;
    let network = without_mapping(network);
    if network.trunc() != network {
        return Err(NetworkError::HostBits {
            written: text.to_owned(),
            network: network.trunc(),
        });
    }
    Ok(network)
}

/// Reads the address in an alert's field; IPv4 within IPv6 becomes IPv4.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    // Most texts are no address, and the shortest and longest addresses are known: `::` and 45 characters. The first group has at
    // most four digits.
    let begin = text.as_bytes().get(..text.len().min(5))?;
    let is_separator = |byte: &u8| matches!(byte, b'.' | b':');
    if !(2..=45).contains(&text.len()) || !begin.iter().any(is_separator) {
        return None;
    }
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(wide) = network else {
        return network;
    };
    let mapped = wide.addr().to_ipv4_mapped();
    let prefix = wide.prefix_len().checked_sub(96);
    mapped
        .zip(prefix)
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_no_address_at_a_glance_is_none(text in "[0-9a-f:.%]{0,48}", v4 in any::<u32>(), v6 in any::<u128>()) {
            let parsed = |text: &str| text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
            let (v4, v6) = (IpAddr::V4(v4.into()).to_string(), IpAddr::V6(v6.into()).to_string());
            for text in [text, v4, v6] {
                prop_assert_eq!(address(&text), parsed(&text), "{}", text);
            }
        }
    }

    #[test]
    fn a_network_wider_than_it_looks_is_refused_with_both_remedies() {
        assert_eq!(
            network("10.1.2.3/8").unwrap_err().to_string(),
            "10.1.2.3/8 has bits behind its prefix: write 10.0.0.0/8 or only the address"
        );
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("web01").is_err());
    }

    #[test]
    fn ipv4_within_ipv6_is_ipv4_on_both_sides() {
        let ten = network("10.0.0.0/8").unwrap();
        assert!(ten.contains(&address("::ffff:10.1.2.3").unwrap()));
        assert_eq!(network("::ffff:10.0.0.0/104").unwrap(), ten);
        assert_eq!(network("10.1.2.3").unwrap().prefix_len(), 32);
    }
}
