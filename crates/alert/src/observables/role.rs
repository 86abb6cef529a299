//! Which end of a connection a field names, told by its own name and its parent's.

use super::Role;

/// The role of an address in a field. Names are lower case without separators, as
/// [`fields::plain`](super::fields::plain) gives them.
pub(super) fn role(parent: &str, key: &str) -> Role {
    if is_source(key) {
        Role::Source
    } else if is_destination(key) {
        Role::Destination
    } else if matches!(
        parent,
        "source" | "client" | "src" | "srcendpoint" | "clientdetails"
    ) {
        Role::Source
    } else if matches!(
        parent,
        "destination" | "server" | "dst" | "dstendpoint" | "http" | "tls" | "url"
    ) {
        Role::Destination
    } else {
        // `remoteIpDetails`, `remote_address`, `ip`: the other end, but not which one.
        Role::Either
    }
}

fn is_source(key: &str) -> bool {
    ["src", "source", "client", "caller", "attacker", "actor"]
        .iter()
        .any(|start| key.starts_with(start))
        || matches!(key, "ipaddress" | "origh" | "shost" | "remip")
}

fn is_destination(key: &str) -> bool {
    ["dst", "dest", "destination", "servername", "serverip"]
        .iter()
        .any(|start| key.starts_with(start))
        || matches!(key, "resph" | "dhost" | "sni" | "httphost")
}
