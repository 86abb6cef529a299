//! The sections `[sinks.iris.iocs]` and `[sinks.iris.assets]`.

use serde::Deserialize;

/// Which observables of an alert become IOCs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IocConfig {
    /// The most IOCs an alert gets, default 20; the most telling kinds come first. 0 sends none.
    pub maximum: Option<usize>,
    /// The traffic light of each IOC, default `amber`.
    pub tlp: String,
    /// The kinds that are sent. Default all: `sha256`, `sha512`, `sha1`, `md5`, `ip`, `url`, `domain`, `email`, `file_name`.
    pub kinds: Vec<IocKind>,
    /// Only public addresses, default true.
    pub public_addresses_only: bool,
    /// Networks of one's own, left out: `198.51.100.0/24`.
    pub own_networks: Vec<String>,
    /// Domains of one's own, left out with all below them: `example.com`.
    pub own_domains: Vec<String>,
}

impl Default for IocConfig {
    fn default() -> Self {
        use IocKind::*;
        Self {
            maximum: None,
            tlp: "amber".to_owned(),
            kinds: vec![Sha256, Sha512, Sha1, Md5, Ip, Url, Domain, Email, FileName],
            public_addresses_only: true,
            own_networks: Vec::new(),
            own_domains: Vec::new(),
        }
    }
}

/// A kind of IOC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IocKind {
    /// A domain name.
    Domain,
    /// An e-mail address.
    Email,
    /// A file's name.
    FileName,
    /// An address.
    Ip,
    /// An MD5 hash.
    Md5,
    /// A SHA-1 hash.
    Sha1,
    /// A SHA-256 hash.
    Sha256,
    /// A SHA-512 hash.
    Sha512,
    /// A URL.
    Url,
}

/// Which assets an alert gets, and of which types.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssetConfig {
    /// The most assets an alert gets, default 3: the agent and two accounts. 0 sends none. IRIS repeats the whole alert per
    /// asset in its answer, so few are better.
    pub maximum: Option<usize>,
    /// The type of an agent whose operating system can't be told, default `Linux - Server`.
    pub default_type: String,
    /// The type of an agent that runs Linux, default `Linux - Server`.
    pub linux_type: String,
    /// The type of an agent that runs macOS, default `Mac - Computer`.
    pub mac_type: String,
    /// The type of an agent that runs Windows, default `Windows - Computer`.
    pub windows_type: String,
    /// The type of a user, default `Account`. An empty text sends no users.
    pub user_type: String,
}

impl Default for AssetConfig {
    fn default() -> Self {
        Self {
            maximum: None,
            default_type: "Linux - Server".to_owned(),
            linux_type: "Linux - Server".to_owned(),
            mac_type: "Mac - Computer".to_owned(),
            windows_type: "Windows - Computer".to_owned(),
            user_type: "Account".to_owned(),
        }
    }
}
