//! What is not matched: private addresses, and what is the operator's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{Kind, Observable, domain, hash, url_host};

/// Leaves out what no intelligence can say anything about. The default leaves out everything that is not public.
#[derive(Clone, Debug, Default)]
pub struct ObservableFilter {
    networks: Vec<IpNet>,
    domains: Vec<String>,
    include_private: bool,
}

/// The settings of an [`ObservableFilter`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObservableFilterConfig {
    /// Networks or addresses of the operator: `198.51.100.0/24`, `2001:db8::1`.
    pub own_networks: Vec<String>,
    /// Domains of the operator; what is below them is the operator's too.
    pub own_domains: Vec<String>,
    /// Whether private and reserved addresses, names of private zones, and hashes of an empty file are matched too.
    pub include_private: bool,
}

/// Why settings can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Not a domain name.
    #[error("own_domains: `{0}` is no domain name such as corp.example")]
    Domain(String),
    /// Not a network.
    #[error("own_networks: `{0}` is no network such as 198.51.100.0/24")]
    Network(String),
}

impl ObservableFilter {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`FilterError`] names the entry that can't be read.
    pub fn new(config: &ObservableFilterConfig) -> Result<Self, FilterError> {
        let network = |text: &String| {
            let text = text.trim();
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| FilterError::Network(text.to_owned()))
        };
        let own_domain = |text: &String| {
            // A private zone may be a single label.
            let name = text.trim().trim_start_matches("*.").trim_matches('.');
            domain(name)
                .or_else(|| super::domain::host_name(name))
                .ok_or_else(|| FilterError::Domain(text.clone()))
        };
        Ok(Self {
            networks: config
                .own_networks
                .iter()
                .map(network)
                .collect::<Result<_, _>>()?,
            domains: config
                .own_domains
                .iter()
                .map(own_domain)
                .collect::<Result<_, _>>()?,
            include_private: config.include_private,
        })
    }

    /// Whether an observable is to be matched.
    pub fn keeps(&self, observable: &Observable) -> bool {
        self.keeps_value(observable.kind, &observable.value)
    }

    /// Whether a value in its normal form is to be matched. A URL or an e-mail address is judged by its host.
    pub fn keeps_value(&self, kind: Kind, value: &str) -> bool {
        match kind {
            Kind::Directory | Kind::FileName => true,
            Kind::Domain => self.keeps_name(value),
            Kind::Email => value
                .rsplit_once('@')
                .is_some_and(|(_, name)| self.keeps_name(name)),
            Kind::Ip => value.parse().is_ok_and(|ip| self.keeps_ip(ip)),
            Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 => {
                self.include_private || !hash::OF_AN_EMPTY_FILE.contains(&value)
            }
            Kind::Url => match url_host(value) {
                Some((kind, host)) => self.keeps_value(kind, &host),
                // A single label.
                None => self.include_private,
            },
        }
    }

    fn keeps_ip(&self, ip: IpAddr) -> bool {
        (self.include_private || is_public(ip))
            && !self.networks.iter().any(|network| network.contains(&ip))
    }

    fn keeps_name(&self, name: &str) -> bool {
        let is_own = |own: &String| {
            name.strip_suffix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        (self.include_private || !super::domain::is_private_zone(name))
            && !self.domains.iter().any(is_own)
    }
}

/// Whether an address can be met on the internet. The documentation ranges (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,
/// 2001:db8::/32, 3fff::/20) count as such: they never occur for real, and every example uses them.
///
/// ```
/// use alertbridge_alert::observables::is_public;
///
/// for (ip, public) in [("203.0.113.7", true), ("100.64.0.1", false), ("2001:db8::1", true), ("fd00::1", false)] {
///     assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
/// }
/// ```
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// RFC 6890 and its successors: this network, private, shared (CGNAT), loopback, link-local, protocol assignments, benchmarks,
/// multicast, reserved, broadcast.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(matches!(a, 0 | 10 | 127 | 224..=255)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 168)
        || (a == 198 && (18..20).contains(&b)))
}

/// Global unicast is 2000::/3; of it, benchmarks (2001:2::/48) and ORCHID (2001:10::/28, 2001:20::/28) are no hosts.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let is_unicast = segments[0] & 0xe000 == 0x2000;
    let is_special = segments[0] == 0x2001
        && ((segments[1] == 2 && segments[2] == 0)
            || matches!(segments[1] & 0xfff0, 0x0010 | 0x0020));
    is_unicast && !is_special
}
