//! Which OpenCTI is played, and what that release does differently.
//!
//! Source of every border: the version map of `facts/opencti.md` (§0). The same map is in `schema.graphql`,
//! where each line may say since or until which release it exists.

use std::fmt;
use std::str::FromStr;

/// A release of OpenCTI; a later one is greater. Any release can be read from its text.
///
/// ```
/// use alertbridge_sandbox::{OpenCtiDialect, OpenCtiVersion};
///
/// assert_eq!(OpenCtiVersion::V6_9.dialect(), OpenCtiDialect::C);
/// assert!("5.12.23".parse::<OpenCtiVersion>().unwrap() < OpenCtiVersion::V5_12_24);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenCtiVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The three shapes of queries that cover every release (facts §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenCtiDialect {
    /// Up to 5.11: filters are lists of `{key, values}` with enum keys; labels are connections.
    A,
    /// 5.12.0 to 5.12.23: `FilterGroup`; labels are still connections.
    B,
    /// From 5.12.24: `FilterGroup`; labels, markings and phases are plain lists.
    C,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no OpenCTI version; write three numbers such as 6.9.22")]
pub struct VersionError(String);

impl OpenCtiVersion {
    /// The era of the first Wazuh scripts.
    pub const V5_1: OpenCtiVersion = OpenCtiVersion::new(5, 1, 4);
    /// The last of dialect A.
    pub const V5_11: OpenCtiVersion = OpenCtiVersion::new(5, 11, 14);
    /// The first with `FilterGroup`.
    pub const V5_12_0: OpenCtiVersion = OpenCtiVersion::new(5, 12, 0);
    /// The first with plain lists.
    pub const V5_12_24: OpenCtiVersion = OpenCtiVersion::new(5, 12, 24);
    /// The last that finds nothing for an unknown sub-key of a filter, instead of failing.
    pub const V6_0_8: OpenCtiVersion = OpenCtiVersion::new(6, 0, 8);
    /// The first with a limit on aliases.
    pub const V6_1_0: OpenCtiVersion = OpenCtiVersion::new(6, 1, 0);
    /// The last of the 6 series.
    pub const V6_9: OpenCtiVersion = OpenCtiVersion::new(6, 9, 22);
    /// The first with expiring tokens.
    pub const V7_FIRST: OpenCtiVersion = OpenCtiVersion::new(7, 260_224, 0);
    /// The newest whose schema is known.
    pub const V7: OpenCtiVersion = OpenCtiVersion::new(7, 260_817, 0);

    /// Any release, e.g. `new(7, 260817, 0)`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> OpenCtiVersion {
        OpenCtiVersion {
            major,
            minor,
            patch,
        }
    }

    /// Which shape of queries it takes.
    pub fn dialect(self) -> OpenCtiDialect {
        if self < OpenCtiVersion::V5_12_0 {
            OpenCtiDialect::A
        } else if self < OpenCtiVersion::V5_12_24 {
            OpenCtiDialect::B
        } else {
            OpenCtiDialect::C
        }
    }

    pub(crate) fn has_lists(self) -> bool {
        self.dialect() == OpenCtiDialect::C
    }

    /// An unknown second part of a filter key is an error instead of no hits.
    pub(crate) fn refuses_unknown_sub_keys(self) -> bool {
        self >= OpenCtiVersion::new(6, 0, 9)
    }

    pub(crate) fn limits_aliases(self) -> bool {
        self >= OpenCtiVersion::V6_1_0
    }

    /// Since then `__schema` is refused; before it was for authenticated users.
    pub(crate) fn refuses_introspection(self) -> bool {
        self >= OpenCtiVersion::V6_1_0
    }

    /// Errors carry `extensions.code` (Apollo 4); before only `name` (apollo-errors).
    pub(crate) fn has_extension_codes(self) -> bool {
        self >= OpenCtiVersion::new(6, 2, 14)
    }

    /// Errors are named `AUTH_REQUIRED`; before `AuthRequired`.
    pub(crate) fn has_upper_case_errors(self) -> bool {
        self >= OpenCtiVersion::new(5, 12, 10)
    }

    /// Labels are filtered by name; before only by internal id.
    pub(crate) fn filters_labels_by_name(self) -> bool {
        self >= OpenCtiVersion::new(6, 7, 0)
    }

    pub(crate) fn has_relative_dates(self) -> bool {
        self >= OpenCtiVersion::new(6, 6, 0)
    }

    pub(crate) fn serves_its_schema(self) -> bool {
        self >= OpenCtiVersion::new(6, 8, 0)
    }

    /// Tokens expire and need the capability `APIACCESS_USETOKEN`.
    pub(crate) fn has_token_system(self) -> bool {
        self >= OpenCtiVersion::V7_FIRST
    }

    pub(crate) fn refuses_get(self) -> bool {
        self >= OpenCtiVersion::new(7, 260_722, 0)
    }

    /// Heartbeats come on every channel, with an id; before there was a global one without.
    pub(crate) fn has_heartbeat_ids(self) -> bool {
        self >= OpenCtiVersion::new(5, 7, 0)
    }

    pub(crate) fn sends_consumer_metrics(self) -> bool {
        self >= OpenCtiVersion::new(6, 9, 18)
    }

    /// Stream payloads carry the OpenCTI extensions; before `x_opencti_...` members, here left out.
    pub(crate) fn has_stream_extensions(self) -> bool {
        self >= OpenCtiVersion::new(5, 3, 0)
    }

    pub(crate) fn has_observable_values(self) -> bool {
        self >= OpenCtiVersion::new(6, 4, 0)
    }

    /// Largest page; more is silently cut to it, but 5.1 refuses (facts §2.4).
    pub(crate) fn page_maximum(self) -> usize {
        // The facts call it the era of 5.12.24; where it ended is not known, the 6 series is taken for later.
        if self >= OpenCtiVersion::V5_12_24 && self.major == 5 {
            500
        } else {
            5000
        }
    }

    pub(crate) fn refuses_large_pages(self) -> bool {
        self.major == 5 && self.minor <= 1
    }
}

impl Default for OpenCtiVersion {
    fn default() -> OpenCtiVersion {
        OpenCtiVersion::V7
    }
}

impl fmt::Display for OpenCtiVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for OpenCtiVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<OpenCtiVersion, VersionError> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        match (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(OpenCtiVersion::new(major, minor, patch))
            }
            _ => Err(VersionError(text.to_owned())),
        }
    }
}
