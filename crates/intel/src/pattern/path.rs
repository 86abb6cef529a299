//! Object paths: which values of an alert they speak of.

use alertbridge_alert::observables::Kind;
use stix_pattern::{ObjectPath, PathStep};

use super::tree::Side;

/// What a path speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Values of one kind.
    Kind(Kind, Option<Side>),
    /// A hash; its length tells which.
    Hash,
    /// The address or name at one end of a connection.
    Endpoint(Side),
    /// Whether that end has an address or a name.
    EndpointType(Side),
}

/// `None` where alerts carry no such value.
pub(super) fn target(path: &ObjectPath) -> Option<Target> {
    let keys: Vec<&str> = path
        .steps
        .iter()
        .map(|step| match step {
            PathStep::Key(key) => key.as_str(),
            PathStep::Index(_) | PathStep::AnyIndex => "*",
        })
        .collect();
    let kind = |kind| Some(Target::Kind(kind, None));
    match (path.object_type.as_str(), keys.as_slice()) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => kind(Kind::Ip),
        ("domain-name" | "hostname" | "x-opencti-hostname", ["value"]) => kind(Kind::Domain),
        ("url", ["value"]) => kind(Kind::Url),
        ("email-addr", ["value"]) => kind(Kind::Email),
        ("email-message", ["from_ref" | "sender_ref", "value"]) => kind(Kind::Email),
        ("file", ["name"]) | ("process", ["binary_ref" | "image_ref", "name"]) => {
            kind(Kind::FileName)
        }
        ("directory", ["path"]) | ("file", ["parent_directory_ref", "path"]) => {
            kind(Kind::Directory)
        }
        ("file" | "artifact", ["hashes", algorithm])
        | ("process", ["binary_ref" | "image_ref", "hashes", algorithm]) => {
            is_known(algorithm).then_some(Target::Hash)
        }
        ("network-traffic", [end, "value"]) => side(end).map(Target::Endpoint),
        ("network-traffic", [end, "type"]) => side(end).map(Target::EndpointType),
        _ => None,
    }
}

fn side(end: &str) -> Option<Side> {
    match end {
        "dst_ref" => Some(Side::Destination),
        "src_ref" => Some(Side::Source),
        _ => None,
    }
}

/// Feeds write `SHA-256`, `SHA256`, `sha_256` (facts/opencti.md §5).
fn is_known(algorithm: &str) -> bool {
    let plain: String = algorithm
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .collect();
    ["MD5", "SHA1", "SHA256", "SHA512"]
        .iter()
        .any(|known| plain.eq_ignore_ascii_case(known))
}
