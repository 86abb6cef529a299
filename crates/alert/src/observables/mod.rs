//! What is matched against threat intelligence: every address, domain, URL, e-mail address, hash and file name of an alert.
//!
//! The IOCs of the crate's root ([`Observable`](crate::Observable)) are what an analyst is shown; these here are what a
//! machine asks for, so there are more of them: found within command lines, joined from several fields, the host of a URL
//! beside the URL, with the direction of addresses. Where they are found and what is left out: `docs/observables.md`.
//!
//! Invariants: a value is in the normal form of its [`Kind`], and `kind.normal(kind.normal(x)) == kind.normal(x)`, so that an
//! index built with [`Kind::normal`] finds it; no (kind, value) stands twice; the number of observables, the text that is
//! searched and the length of each value are bounded, and what a bound cost is counted. What is read out of free text can't
//! push out what stood in a field of its own. Rule groups are never asked.
//!
//! ```
//! use alertbridge_alert::{Alert, observables::{Kind, ObservableFilter, Role}};
//!
//! let alert = Alert::parse(br#"{"data":{"win":{"eventdata":{"destinationIp":"203.0.113.7"}}}}"#.to_vec()).unwrap();
//! let found = alert.intel_observables(&ObservableFilter::default());
//! assert_eq!(found.list[0].value, "203.0.113.7");
//! assert_eq!(found.list[0].kind, Kind::Ip);
//! assert_eq!(found.list[0].role, Role::Destination);
//! assert_eq!(found.list[0].field, "data.win.eventdata.destinationIp");
//! ```

mod defang;
mod domain;
mod email;
mod encoded;
mod fields;
mod file;
mod filter;
mod found;
mod hash;
mod ip;
mod joined;
mod read;
mod role;
mod text;
mod url_form;
mod walk;

pub use defang::{defang, refang};
pub use domain::{domain, domain_forms, parent_domains, registrable_domain};
pub use email::email;
pub use file::{directory, file_name};
pub use filter::{FilterError, ObservableFilter, ObservableFilterConfig, is_public};
pub use found::{Dropped, Observables};
pub use ip::ip;
pub use url_form::{url, url_forms, url_host};

/// The observables of an alert's tree, without what the filter leaves out.
pub fn of_tree(tree: &serde_json::Value, filter: &ObservableFilter) -> Observables {
    walk::walk(tree, filter)
}

/// What an [`Observable`] is. The order is that of worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 64 hexadecimal digits, lower case.
    Sha256,
    /// 128 hexadecimal digits, lower case.
    Sha512,
    /// 40 hexadecimal digits, lower case.
    Sha1,
    /// 32 hexadecimal digits, lower case.
    Md5,
    /// An IPv4 or IPv6 address in its shortest form ([`ip()`]).
    Ip,
    /// A URL ([`url()`]).
    Url,
    /// A domain name ([`domain()`]).
    Domain,
    /// An e-mail address ([`email()`]).
    Email,
    /// A file's name without its folder ([`file_name()`]); `file:name` in patterns.
    FileName,
    /// The folder a file stands in ([`directory()`]); `directory:path` in patterns.
    Directory,
}

impl Kind {
    /// The normal form of a value of this kind, for alerts and indicators alike; `None` where it is no such value.
    pub fn normal(self, text: &str) -> Option<String> {
        match self {
            Self::Directory => directory(text),
            Self::Domain => domain(text),
            Self::Email => email(text),
            Self::FileName => file_name(text),
            Self::Ip => ip(text).map(|ip| ip.to_string()),
            Self::Md5 | Self::Sha1 | Self::Sha256 | Self::Sha512 => {
                let text = text.trim();
                (hash::kind(text)? == self).then(|| text.to_ascii_lowercase())
            }
            Self::Url => url(text),
        }
    }

    /// Every kind, the worthiest first.
    pub const ALL: [Self; 10] = [
        Self::Sha256,
        Self::Sha512,
        Self::Sha1,
        Self::Md5,
        Self::Ip,
        Self::Url,
        Self::Domain,
        Self::Email,
        Self::FileName,
        Self::Directory,
    ];
}

/// The end of a connection an observable stood at, for patterns such as `network-traffic:dst_ref.value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It was connected to, or was to be.
    Destination,
    /// It may be either end: the field does not tell, or it stood at both.
    Either,
    /// It is no end of a connection: a hash, a file, an e-mail address.
    None,
    /// It connected.
    Source,
}

impl Role {
    /// The role of what stood in two places.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            (Self::None, role) | (role, Self::None) => role,
            _ => Self::Either,
        }
    }

    /// Whether it may have been connected to.
    pub fn may_be_destination(self) -> bool {
        matches!(self, Self::Destination | Self::Either)
    }
}

/// How an observable was found, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// It was a field's value, or a part of one with a known structure.
    Field,
    /// It stood in a command line, a script or other free text.
    Text,
    /// It is the host of a URL. Weaker: a bad page on a good host says little about the host.
    UrlHost,
}

/// One value to be matched, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observable {
    /// What it is.
    pub kind: Kind,
    /// Its normal form ([`Kind::normal`]).
    pub value: String,
    /// As it was written, where that differs by more than case: a URL with its fragment, a name in Unicode, a defanged
    /// address. Never with a user and a password.
    pub written: Option<String>,
    /// The field it was found in by the surest way, the first of several; dotted, lists without a number:
    /// `data.win.eventdata.hashes`.
    pub field: String,
    /// The end of the connection it stood at.
    pub role: Role,
    /// How it was found, the surest where there were several ways.
    pub via: Via,
}
