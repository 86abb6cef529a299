//! What an analyst would look up: addresses, hashes, domains, URLs, file names.
//!
//! The alert is walked whole, because the same thing stands in other fields with each decoder; the field's name and the form
//! of the whole value decide together what a value is. A value is never searched inside free text here: a log line that
//! mentions an address does not make it an observable.
//!
//! These are shown to people, as IOCs. What is matched against threat intelligence is more: [`crate::observables`].

use std::net::IpAddr;

use serde_json::Value;

/// The kind of an [`Observable`]. The order is that of worth: where only some can be kept, the first kinds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservableKind {
    /// Lower-case hexadecimal, 64 digits.
    Sha256,
    /// Lower-case hexadecimal, 128 digits.
    Sha512,
    /// Lower-case hexadecimal, 40 digits.
    Sha1,
    /// Lower-case hexadecimal, 32 digits.
    Md5,
    /// An IPv4 or IPv6 address in its shortest form, public or not: the sink decides what it wants.
    Ip,
    /// A URL with its scheme, as written.
    Url,
    /// A domain name, lower case, without the dot at its end.
    Domain,
    /// An e-mail address, as written.
    Email,
    /// A file's name without its folder.
    FileName,
}

/// One value worth looking up, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observable {
    /// What it is.
    pub kind: ObservableKind,
    /// Its normal form.
    pub value: String,
    /// The field it stood in, dotted: `data.win.eventdata.destinationIp`.
    pub field: String,
}

/// More than any real alert has; bounds the work a hostile one makes.
const MOST: usize = 512;
/// Longer values are text, not observables. Browsers and proxies cut URLs near this length.
const LONGEST: usize = 2048;

/// Sections of an alert that describe the event. `agent` is left out: its address is not the attacker's.
const SECTIONS: [&str; 2] = ["data", "syscheck"];

/// All observables of an alert's tree, sorted by worth, without doubles.
pub(crate) fn observables(tree: &Value) -> Vec<Observable> {
    let mut found = Vec::new();
    for section in SECTIONS {
        if let Some(value) = tree.get(section) {
            walk(value, section.to_owned(), section, &mut found);
        }
    }
    found.sort_by_key(|observable: &Observable| observable.kind);
    let mut seen = std::collections::HashSet::new();
    found.retain(|observable| seen.insert((observable.kind, observable.value.clone())));
    found
}

/// `tree` nests at most 127 levels (the parser's limit), so the recursion is bounded.
fn walk(tree: &Value, path: String, key: &str, found: &mut Vec<Observable>) {
    match tree {
        Value::Object(map) => {
            for (name, value) in map {
                walk(value, format!("{path}.{name}"), name, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, path.clone(), key, found);
            }
        }
        Value::String(text) if text.len() <= LONGEST && found.len() < MOST => {
            classify(&path, &key.to_ascii_lowercase(), text.trim(), found);
        }
        _ => {}
    }
}

fn classify(path: &str, key: &str, text: &str, found: &mut Vec<Observable>) {
    let mut add = |kind, value: String| {
        found.push(Observable {
            kind,
            value,
            field: path.to_owned(),
        })
    };
    // What a file was before it changed is not what it is now.
    if key.ends_with("_before") || key.contains("version") {
        return;
    }
    if is_hash_field(key) {
        for (kind, value) in hashes(text) {
            add(kind, value);
        }
    } else if let Some(ip) = ip(text) {
        add(ObservableKind::Ip, ip.to_string());
    } else if is_url(text) {
        add(ObservableKind::Url, text.to_owned());
    } else if is_email(text) {
        add(ObservableKind::Email, text.to_owned());
    } else if is_domain_field(key) {
        if let Some(domain) = domain(text) {
            add(ObservableKind::Domain, domain);
        }
    } else if is_file_field(path, key)
        && let Some(name) = file_name(text)
    {
        add(ObservableKind::FileName, name.to_owned());
    }
    // Sysmon 22: `type:  5 other.example;::ffff:203.0.113.9;`
    if key == "queryresults" {
        for ip in text.split(';').filter_map(ip) {
            add(ObservableKind::Ip, ip.to_string());
        }
    }
}

fn is_hash_field(key: &str) -> bool {
    ["hash", "md5", "sha1", "sha256", "sha512"]
        .iter()
        .any(|word| key.contains(word))
        && !key.contains("imphash")
}

fn is_domain_field(key: &str) -> bool {
    [
        "domain",
        "hostname",
        "host",
        "http_host",
        "query",
        "queryname",
        "rrname",
        "sni",
        "server_name",
    ]
    .contains(&key)
}

fn is_file_field(path: &str, key: &str) -> bool {
    path == "syscheck.path"
        || [
            "file",
            "filename",
            "image",
            "imageloaded",
            "targetfilename",
            "sourceimage",
        ]
        .contains(&key)
}

/// Hashes in `SHA1=…,MD5=…` or alone; the length tells the kind. IMPHASH is not a hash of the file.
fn hashes(text: &str) -> impl Iterator<Item = (ObservableKind, String)> + '_ {
    text.split([',', ';', ' ']).filter_map(|part| {
        let digits = match part.split_once('=') {
            Some((name, _)) if name.eq_ignore_ascii_case("imphash") => return None,
            Some((_, digits)) => digits,
            None => part,
        };
        let kind = match digits.len() {
            32 => ObservableKind::Md5,
            40 => ObservableKind::Sha1,
            64 => ObservableKind::Sha256,
            128 => ObservableKind::Sha512,
            _ => return None,
        };
        // A hash of zeros stands for "none" (Sysmon).
        (digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            && digits.bytes().any(|digit| digit != b'0'))
        .then(|| (kind, digits.to_ascii_lowercase()))
    })
}

/// A whole value that is an address; `::ffff:a.b.c.d` is the IPv4 address in it.
fn ip(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.parse().ok()?;
    (!ip.is_unspecified()).then(|| ip.to_canonical())
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    ["http", "https", "ftp"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        && !rest.is_empty()
        && !text.contains(char::is_whitespace)
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && local.len() <= 64
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_{|}~.".contains(&byte))
        && domain(host).is_some()
}

/// A public-looking domain name. Names of single labels and of private zones are not looked up anywhere.
fn domain(text: &str) -> Option<String> {
    const PRIVATE: [&str; 8] = [
        "arpa",
        "corp",
        "home",
        "internal",
        "lan",
        "local",
        "localdomain",
        "localhost",
    ];
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let top = name.rsplit('.').next()?;
    let well_formed = name.contains('.')
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
        && top.len() >= 2
        && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"));
    (well_formed && !PRIVATE.contains(&top)).then_some(name)
}

fn file_name(text: &str) -> Option<&str> {
    let name = text.rsplit(['/', '\\']).next()?;
    (!name.is_empty() && name.len() <= 255 && !name.contains(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(tree: Value) -> Vec<(ObservableKind, String)> {
        observables(&tree)
            .into_iter()
            .map(|found| (found.kind, found.value))
            .collect()
    }

    #[test]
    fn sysmon_hashes_are_told_apart_and_imphash_is_none_of_them() {
        let found = of(json!({"data": {"win": {"eventdata": {
            "hashes": "SHA1=AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D,MD5=5D41402ABC4B2A76B9719D911017C592,IMPHASH=11111111111111111111111111111111",
        }}}}));
        assert_eq!(
            found,
            [
                (
                    ObservableKind::Sha1,
                    "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d".to_owned()
                ),
                (
                    ObservableKind::Md5,
                    "5d41402abc4b2a76b9719d911017c592".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn addresses_are_found_in_any_field_and_written_in_one_form() {
        let found = of(
            json!({"data": {"srcip": "203.0.113.9", "x": {"y": ["::ffff:203.0.113.9", "2001:DB8:0::1"]}}}),
        );
        assert_eq!(
            found,
            [
                (ObservableKind::Ip, "203.0.113.9".to_owned()),
                (ObservableKind::Ip, "2001:db8::1".to_owned()),
            ]
        );
    }

    #[test]
    fn a_dns_query_gives_its_domain_and_its_answers() {
        let found = of(json!({"data": {"win": {"eventdata": {
            "queryName": "Evil.Example.COM.", "queryResults": "type:  5 cdn.example;::ffff:198.51.100.7;",
        }}}}));
        assert_eq!(
            found,
            [
                (ObservableKind::Ip, "198.51.100.7".to_owned()),
                (ObservableKind::Domain, "evil.example.com".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_not_an_observable_is_left_alone() {
        let found = of(json!({
            "agent": {"ip": "203.0.113.9"},
            "data": {"version": "1.2.3.4", "url": "/index.php?a=1", "hostname": "web01", "domain": "corp.local",
                     "hash": "zz", "md5": "00000000000000000000000000000000", "srcip": "0.0.0.0", "n": 5, "z": null},
            "syscheck": {"md5_before": "5d41402abc4b2a76b9719d911017c592"},
        }));
        assert_eq!(found, []);
    }

    #[test]
    fn files_urls_and_mail_addresses() {
        let found = of(json!({
            "data": {"a": "https://evil.example/x?y=1", "sender": "bob@evil.example"},
            "syscheck": {"path": "/etc/cron.d/update"},
        }));
        assert_eq!(
            found,
            [
                (ObservableKind::Url, "https://evil.example/x?y=1".to_owned()),
                (ObservableKind::Email, "bob@evil.example".to_owned()),
                (ObservableKind::FileName, "update".to_owned()),
            ]
        );
    }

    #[test]
    fn a_hostile_alert_makes_bounded_work() {
        let many: Vec<Value> = (0..5000)
            .map(|i| json!(format!("10.1.{}.{}", i / 256, i % 256)))
            .collect();
        assert!(observables(&json!({"data": {"a": many}})).len() <= MOST);
    }
}
