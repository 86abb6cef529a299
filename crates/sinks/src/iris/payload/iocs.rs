//! IOCs from the alert's observables.
//!
//! A value is sent as it is or not at all: an analyst searches for it, so an altered hash would be worse than none.

use std::net::IpAddr;

use alertbridge_alert::{Observable, ObservableKind};
use ipnet::IpNet;

use super::intel::with_hits;
use crate::iris::config::network;
use crate::{
    IntelHit, SinkError,
    iris::{
        config::{IocConfig, IocKind, Mapping},
        safe_text::{Changes, attribute_text, is_safe_value},
    },
};

/// One IOC, types still by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ioc {
    pub(crate) kind: IocKind,
    pub(crate) value: String,
    /// The field it stood in, and what threat intelligence says of it.
    pub(crate) field: String,
    pub(crate) tags: Vec<String>,
    /// The name of its traffic light.
    pub(crate) tlp: String,
}

/// The hashes of an empty file: they connect every alert about one with every other.
const EMPTY_FILE: [&str; 4] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
];

/// The checked settings.
#[derive(Clone, Debug)]
pub(crate) struct IocRules {
    maximum: usize,
    kinds: Vec<IocKind>,
    tlp: String,
    public_only: bool,
    networks: Vec<IpNet>,
    domains: Vec<String>,
}

impl IocRules {
    /// # Errors
    /// [`SinkError::Value`] where a network can't be read.
    pub(crate) fn new(config: &IocConfig, mapping: &Mapping) -> Result<Self, SinkError> {
        let networks = config.own_networks.iter().map(|word| {
            let problem = || {
                SinkError::value(
                    "iocs.own_networks",
                    format!("`{word}` is no network such as 198.51.100.0/24"),
                )
            };
            network(word).ok_or_else(problem)
        });
        Ok(Self {
            maximum: mapping.ioc_maximum,
            kinds: config.kinds.clone(),
            tlp: config.tlp.clone(),
            public_only: config.public_addresses_only,
            networks: networks.collect::<Result<_, _>>()?,
            domains: config
                .own_domains
                .iter()
                .map(|domain| domain.trim().trim_matches('.').to_ascii_lowercase())
                .filter(|domain| !domain.is_empty())
                .collect(),
        })
    }

    /// The kinds whose types IRIS must know; none where no IOCs are sent.
    pub(crate) fn kinds(&self) -> &[IocKind] {
        if self.maximum == 0 { &[] } else { &self.kinds }
    }

    /// The IOCs of an alert: those that threat intelligence knows, then the most telling kinds first.
    pub(crate) fn iocs(
        &self,
        observables: &[Observable],
        hits: &[IntelHit],
        changes: &mut Changes,
    ) -> Vec<Ioc> {
        let mut iocs = Vec::new();
        if self.maximum == 0 {
            return iocs;
        }
        for observable in observables {
            let kind = kind_of(observable.kind);
            let is_noise = EMPTY_FILE.contains(&observable.value.as_str());
            if is_noise || !self.kinds.contains(&kind) || self.is_own(kind, &observable.value) {
                continue;
            }
            if !is_safe_value(&observable.value) || observable.value.len() > 2048 {
                changes.add("ioc_unsafe");
                continue;
            }
            iocs.push(Ioc {
                kind,
                value: observable.value.clone(),
                field: attribute_text(
                    crate::iris::safe_text::head_of(&observable.field, 256),
                    &mut Changes::default(),
                ),
                tags: Vec::new(),
                tlp: self.tlp.clone(),
            });
        }
        let mut iocs = with_hits(iocs, hits, &self.tlp, changes);
        changes.add_many("ioc_left_out", iocs.len().saturating_sub(self.maximum));
        iocs.truncate(self.maximum);
        iocs
    }

    fn is_own(&self, kind: IocKind, value: &str) -> bool {
        match kind {
            IocKind::Ip => value
                .parse()
                .is_ok_and(|address| self.is_own_address(address)),
            IocKind::Domain => self.is_own_domain(value),
            IocKind::Email => value
                .rsplit_once('@')
                .is_some_and(|(_, host)| self.is_own_domain(host)),
            IocKind::Url => url::Url::parse(value).is_ok_and(|url| match url.host() {
                Some(url::Host::Domain(name)) => self.is_own_domain(name),
                Some(url::Host::Ipv4(address)) => self.is_own_address(address.into()),
                Some(url::Host::Ipv6(address)) => self.is_own_address(address.into()),
                None => false,
            }),
            IocKind::FileName
            | IocKind::Md5
            | IocKind::Sha1
            | IocKind::Sha256
            | IocKind::Sha512 => false,
        }
    }

    fn is_own_address(&self, address: IpAddr) -> bool {
        (self.public_only && !is_public(address))
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    fn is_own_domain(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.domains.iter().any(|own| {
            name == *own
                || name
                    .strip_suffix(own.as_str())
                    .is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

pub(crate) fn kind_of(kind: ObservableKind) -> IocKind {
    match kind {
        ObservableKind::Domain => IocKind::Domain,
        ObservableKind::Email => IocKind::Email,
        ObservableKind::FileName => IocKind::FileName,
        ObservableKind::Ip => IocKind::Ip,
        ObservableKind::Md5 => IocKind::Md5,
        ObservableKind::Sha1 => IocKind::Sha1,
        ObservableKind::Sha256 => IocKind::Sha256,
        ObservableKind::Sha512 => IocKind::Sha512,
        ObservableKind::Url => IocKind::Url,
    }
}

impl IocKind {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Domain,
        Self::Email,
        Self::FileName,
        Self::Ip,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Url,
    ];

    /// The IOC type's name in IRIS (facts/iris.md §3; MISP's names).
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Email => "email",
            Self::FileName => "filename",
            Self::Ip => "ip-any",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Url => "url",
        }
    }
}

/// Whether an address can be met on the internet (IANA's special-purpose registries). Documentation ranges count as public: real
/// alerts do not hold them, samples do.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            !(a == 0
                || a >= 224
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || shared
                || benchmark)
        }
        IpAddr::V6(v6) => {
            // Global unicast is 2000::/3; everything else is local, multicast or reserved.
            v6.segments()[0] & 0xe000 == 0x2000
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iris::config::IrisConfig;

    fn of(config: &str, values: &[(ObservableKind, &str)]) -> (Vec<String>, Changes) {
        let config: IrisConfig = serde_json::from_str(config).unwrap();
        let rules = IocRules::new(&config.iocs, &Mapping::of(&config)).unwrap();
        let observables: Vec<Observable> = values
            .iter()
            .map(|(kind, value)| Observable {
                kind: *kind,
                value: (*value).to_owned(),
                field: "data.x".to_owned(),
            })
            .collect();
        let mut changes = Changes::default();
        let iocs = rules.iocs(&observables, &[], &mut changes);
        (iocs.into_iter().map(|ioc| ioc.value).collect(), changes)
    }

    use ObservableKind::{Domain, Email, FileName, Ip, Md5, Url};

    #[test]
    fn only_public_addresses_that_are_not_our_own_become_iocs() {
        let config = r#"{"iocs":{"own_networks":["203.0.113.0/24"]}}"#;
        let addresses = [
            "10.0.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "203.0.113.9",
            "8.8.8.8",
            "fe80::1",
            "2001:4860::8888",
            "224.0.0.1",
        ];
        let (found, _) = of(config, &addresses.map(|address| (Ip, address)));
        assert_eq!(found, ["8.8.8.8", "2001:4860::8888"]);
    }

    #[test]
    fn our_own_domains_are_left_out_with_all_below_them() {
        let config = r#"{"iocs":{"own_domains":["example.com"]}}"#;
        let (found, _) = of(
            config,
            &[
                (Domain, "www.example.com"),
                (Domain, "notexample.com"),
                (Url, "https://a.example.com/x"),
                (Url, "https://10.0.0.1/x"),
                (Email, "bob@example.com"),
            ],
        );
        assert_eq!(found, ["notexample.com"]);
    }

    #[test]
    fn a_value_that_could_break_out_is_left_out_and_counted_never_altered() {
        let (found, changes) = of(
            "{}",
            &[
                (FileName, "x\" onmouseover=\"alert(1)"),
                (Md5, "5d41402abc4b2a76b9719d911017c592"),
            ],
        );
        assert_eq!(found, ["5d41402abc4b2a76b9719d911017c592"]);
        assert_eq!(changes.list()[0].what, "ioc_unsafe");
    }

    #[test]
    fn the_maximum_holds_and_what_it_left_out_is_counted() {
        let names: Vec<String> = (0..30).map(|n| format!("f{n}.exe")).collect();
        let values: Vec<_> = names.iter().map(|name| (FileName, name.as_str())).collect();
        let (found, changes) = of("{}", &values);
        assert_eq!((found.len(), changes.list()[0].count), (20, 10));
    }
}
