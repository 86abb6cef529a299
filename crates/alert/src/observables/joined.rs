//! URLs of which host and path stand in two fields: Suricata's and Zeek's http, firewalls, ECS.

use serde_json::{Map, Value};

use super::{domain, ip};

/// The fields of a port, the server's.
const PORTS: [&str; 5] = ["http_port", "port", "dstport", "dst_port", "dest_port"];

/// The URL that host and path of an object make, and the name of the field its path stands in. `None` where one of them is
/// missing: the path of a web server's own log, without a host, is no URL. The scheme is `https` where a field says so or the
/// port is 443, else `http`.
pub(super) fn url<'a>(parent: &str, map: &'a Map<String, Value>) -> Option<(&'a str, String)> {
    let is_ecs = parent == "url";
    let paths: &[&str] = if is_ecs { &["path"] } else { &["url", "uri"] };
    let hosts: &[&str] = if is_ecs {
        &["domain"]
    } else {
        &["hostname", "http_host", "host"]
    };
    let (name, path) = text(map, paths).filter(|(_, path)| path.starts_with('/'))?;
    let (_, host) =
        text(map, hosts).filter(|(_, host)| domain(host).is_some() || ip(host).is_some())?;
    let port = PORTS
        .iter()
        .find_map(|name| number(map.get(*name)?))
        .or_else(|| number(map.get("id")?.get("resp_p")?)) // Zeek
        .filter(|_| !host.contains(':'));
    let says_https = ["scheme", "service", "protocol", "app_proto"]
        .iter()
        .filter_map(|name| map.get(*name)?.as_str())
        .any(|word| word.eq_ignore_ascii_case("https"));
    let scheme = if says_https || port == Some(443) {
        "https"
    } else {
        "http"
    };
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let query = match text(map, &["query"]) {
        Some((_, query)) if is_ecs => format!("?{query}"),
        _ => String::new(),
    };
    Some((name, format!("{scheme}://{host}{port}{path}{query}")))
}

/// The first of these fields that holds a text, by its name in the alert.
fn text<'a>(map: &'a Map<String, Value>, names: &[&str]) -> Option<(&'a str, &'a str)> {
    names
        .iter()
        .find_map(|name| match map.get_key_value(*name) {
            Some((name, Value::String(text))) => Some((name.as_str(), text.trim())),
            _ => None,
        })
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
