//! One value of a list as an indicator.

use std::net::IpAddr;

use alertbridge_alert::observables::Kind;

use crate::Indicator;

/// Longest value.
const LONGEST: usize = 2048;

/// The indicator of a value: an address, a network, a hash, a URL, an e-mail address, a domain, or a STIX pattern in brackets. `kind` is
/// the type that a column gives, in any usual spelling; it is needed for file names alone.
///
/// # Errors
/// What is wrong, for a reader who knows the line.
pub(super) fn indicator(text: &str, kind: Option<&str>) -> Result<Indicator, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("no value".to_owned());
    }
    if text.len() > LONGEST * 8 || (text.len() > LONGEST && !text.starts_with('[')) {
        return Err("the value is too long".to_owned());
    }
    if text.starts_with('[') && text.ends_with(']') && text.contains('=') {
        return Ok(named(text, text.to_owned(), None));
    }
    let wanted = kind.map(kinds).transpose()?;
    let kinds = match &wanted {
        Some(kinds) => kinds.as_slice(),
        // A word without a dot is nothing that can be told; a file name needs its type.
        None => &TOLD,
    };
    for kind in kinds {
        if let Some(value) = normal(*kind, text) {
            let (path, observable) = path(*kind, &value);
            let literal = value.replace('\\', "\\\\").replace('\'', "\\'");
            return Ok(named(
                &value,
                format!("[{path} = '{literal}']"),
                Some(observable),
            ));
        }
    }
    Err(match kind {
        Some(kind) => format!("`{}` is no {kind}", shown(text)),
        None => format!(
            "`{}` is no address, network, hash, URL, e-mail address or domain",
            shown(text)
        ),
    })
}

fn named(name: &str, pattern: String, observable: Option<&str>) -> Indicator {
    let mut indicator = Indicator::stix("", &pattern, &pattern);
    indicator.name = name.chars().take(256).collect();
    indicator.main_observable_type = observable.map(str::to_owned);
    // The pattern is the identity: the same value twice is one indicator.
    if indicator.id.len() > Indicator::LONGEST_ID {
        let digest = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, pattern.as_bytes());
        indicator.id = digest.hyphenated().to_string();
    }
    indicator
}

/// What can be told without a type, in this order.
const TOLD: [Kind; 8] = [
    Kind::Sha256,
    Kind::Sha512,
    Kind::Sha1,
    Kind::Md5,
    Kind::Ip,
    Kind::Url,
    Kind::Email,
    Kind::Domain,
];

fn normal(kind: Kind, text: &str) -> Option<String> {
    if kind == Kind::Ip
        && let Some((address, bits)) = text.split_once('/')
    {
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then(|| format!("{address}/{bits}"));
    }
    kind.normal(text)
}

fn path(kind: Kind, value: &str) -> (&'static str, &'static str) {
    match kind {
        Kind::Md5 => ("file:hashes.MD5", "StixFile"),
        Kind::Sha1 => ("file:hashes.'SHA-1'", "StixFile"),
        Kind::Sha256 => ("file:hashes.'SHA-256'", "StixFile"),
        Kind::Sha512 => ("file:hashes.'SHA-512'", "StixFile"),
        Kind::FileName => ("file:name", "StixFile"),
        Kind::Directory => ("directory:path", "Directory"),
        Kind::Ip if value.contains(':') => ("ipv6-addr:value", "IPv6-Addr"),
        Kind::Ip => ("ipv4-addr:value", "IPv4-Addr"),
        Kind::Url => ("url:value", "Url"),
        Kind::Email => ("email-addr:value", "Email-Addr"),
        Kind::Domain => ("domain-name:value", "Domain-Name"),
    }
}

/// The kinds a type's name stands for, as OpenCTI, STIX, MISP and people write it.
fn kinds(name: &str) -> Result<Vec<Kind>, String> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|char| char.to_ascii_lowercase())
        .collect();
    Ok(match plain.as_str() {
        "" | "auto" | "any" | "indicator" => TOLD.to_vec(),
        "ip" | "ipv4" | "ipv6" | "ipv4addr" | "ipv6addr" | "ipsrc" | "ipdst" | "ipany"
        | "address" | "cidr" | "network" => vec![Kind::Ip],
        "domain" | "domainname" | "hostname" | "host" | "fqdn" => vec![Kind::Domain],
        "url" | "uri" | "link" => vec![Kind::Url],
        "email" | "emailaddr" | "mail" | "emailsrc" | "emaildst" => vec![Kind::Email],
        "md5" | "hashmd5" => vec![Kind::Md5],
        "sha1" | "hashsha1" => vec![Kind::Sha1],
        "sha256" | "hashsha256" => vec![Kind::Sha256],
        "sha512" | "hashsha512" => vec![Kind::Sha512],
        "hash" | "file" | "stixfile" | "filehash" => {
            vec![Kind::Sha256, Kind::Sha512, Kind::Sha1, Kind::Md5]
        }
        "filename" => vec![Kind::FileName],
        "directory" => vec![Kind::Directory],
        _ => return Err(format!("`{}` is no known type", shown(name))),
    })
}

fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .filter(|char| !char.is_control())
        .take(60)
        .collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_the_pattern_that_matches_it() {
        for (text, kind, pattern) in [
            ("203.0.113.9", None, "[ipv4-addr:value = '203.0.113.9']"),
            (
                "198.51.100.0/24",
                None,
                "[ipv4-addr:value = '198.51.100.0/24']",
            ),
            ("2001:DB8::1", None, "[ipv6-addr:value = '2001:db8::1']"),
            (
                "Evil.Example",
                Some("FQDN"),
                "[domain-name:value = 'evil.example']",
            ),
            (
                "0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A",
                Some("Hash"),
                "[file:hashes.MD5 = '0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a']",
            ),
            ("it's.exe", Some("filename"), "[file:name = 'it\\'s.exe']"),
            ("[a:b = 'c']", None, "[a:b = 'c']"),
        ] {
            assert_eq!(
                indicator(text, kind).map(|found| found.pattern),
                Ok(pattern.to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_value_says_so() {
        for (text, kind, said) in [
            ("", None, "no value"),
            ("word", None, "is no address"),
            ("1.2.3.4/99", None, "is no address"),
            ("evil.example", Some("ip"), "is no ip"),
            ("x", Some("imphash"), "no known type"),
            (&"a".repeat(9000), None, "too long"),
        ] {
            let error = indicator(text, kind).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
