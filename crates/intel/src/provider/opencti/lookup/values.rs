//! How a value is asked for: as an observable's value or hash, and as the patterns that name it.
//!
//! OpenCTI compares exactly but without case, and only what is at most 512 characters long (facts/opencti.md §2.2).

use alertbridge_alert::observables::{Kind, domain_forms, url_forms};
use serde_json::Value;

use super::{
    super::{
        filters::{self, Condition},
        version::Dialect,
    },
    Asked,
};

/// Longer values and patterns are not in OpenCTI's index.
const LONGEST: usize = 512;

/// A value in its normal form, with the ways in which it may be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) value: String,
    /// As observables hold it.
    pub(super) forms: Vec<String>,
}

impl Wanted {
    /// `None` for what can't be found: no value of its kind, too long, or of a kind that is not asked for.
    pub(super) fn of(asked: &Asked) -> Option<Self> {
        let value = asked.kind.normal(&asked.value)?;
        let mut forms = match asked.kind {
            Kind::Directory => return None,
            Kind::Domain => domain_forms(&value),
            Kind::Url => url_forms(&asked.value),
            _ => vec![value.clone()],
        };
        forms.retain(|form| form.chars().count() <= LONGEST);
        (!forms.is_empty()).then_some(Self {
            kind: asked.kind,
            value,
            forms,
        })
    }

    /// Every pattern of this value alone, in the spellings that feeds use. Names of hashes stood in quotes or not before 7.260506.
    pub(super) fn patterns(&self) -> Vec<String> {
        let paths: &[&str] = match self.kind {
            Kind::Md5 => &["file:hashes.MD5", "file:hashes.'MD5'"],
            Kind::Sha1 => &[
                "file:hashes.'SHA-1'",
                "file:hashes.SHA-1",
                "file:hashes.SHA1",
                "file:hashes.'SHA1'",
            ],
            Kind::Sha256 => &[
                "file:hashes.'SHA-256'",
                "file:hashes.SHA-256",
                "file:hashes.SHA256",
                "file:hashes.'SHA256'",
            ],
            Kind::Sha512 => &[
                "file:hashes.'SHA-512'",
                "file:hashes.SHA-512",
                "file:hashes.SHA512",
                "file:hashes.'SHA512'",
            ],
            Kind::Ip if self.value.contains(':') => &["ipv6-addr:value"],
            Kind::Ip => &["ipv4-addr:value"],
            Kind::Domain => &[
                "domain-name:value",
                "hostname:value",
                "x-opencti-hostname:value",
            ],
            Kind::Url => &["url:value"],
            Kind::Email => &["email-addr:value"],
            Kind::FileName => &["file:name"],
            Kind::Directory => &[],
        };
        let mut patterns = Vec::new();
        for path in paths {
            for form in &self.forms {
                let pattern = format!("[{path} = '{}']", escaped(form));
                if pattern.chars().count() <= LONGEST {
                    patterns.push(pattern);
                }
            }
        }
        patterns
    }

    fn key(&self) -> &'static str {
        match self.kind {
            Kind::Md5 => "hashes.MD5",
            Kind::Sha1 => "hashes.SHA-1",
            Kind::Sha256 => "hashes.SHA-256",
            Kind::Sha512 => "hashes.SHA-512",
            Kind::FileName => "name",
            _ => "value",
        }
    }
}

/// A literal of a pattern.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// The filter for observables. `value` does not find files; their hashes have keys of their own.
pub(super) fn observables(dialect: Dialect, wanted: &[&Wanted]) -> Value {
    let keys = [
        "value",
        "hashes.SHA-256",
        "hashes.SHA-1",
        "hashes.MD5",
        "hashes.SHA-512",
        "name",
    ];
    let mut conditions = Vec::new();
    for key in keys {
        // Dialect A has no key for SHA-512; the pattern finds it there.
        if dialect == Dialect::A && key == "hashes.SHA-512" {
            continue;
        }
        let of_key = wanted.iter().filter(|wanted| wanted.key() == key);
        let values: Vec<String> = of_key.flat_map(|wanted| wanted.forms.clone()).collect();
        if !values.is_empty() {
            conditions.push(Condition::one_of(key, values));
        }
    }
    if conditions.is_empty() {
        // No condition would mean everything.
        conditions.push(Condition::one_of("value", vec!["-".to_owned()]));
    }
    filters::any(dialect, &conditions)
}

/// The filter for indicators by their patterns.
pub(super) fn patterns(dialect: Dialect, wanted: &[&Wanted]) -> Value {
    let patterns = wanted.iter().flat_map(|wanted| wanted.patterns()).collect();
    let conditions = [
        Condition::one_of("pattern_type", vec!["stix".to_owned()]),
        Condition::one_of("revoked", vec!["false".to_owned()]),
        Condition::one_of("pattern", patterns),
    ];
    filters::all(dialect, &conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kind: Kind, value: &str) -> Option<Wanted> {
        Wanted::of(&Asked {
            kind,
            value: value.to_owned(),
        })
    }

    #[test]
    fn an_upper_case_sysmon_hash_is_asked_for_in_one_form_and_every_spelling() {
        let upper = wanted(Kind::Sha256, &"AB".repeat(32)).unwrap();
        assert_eq!(upper.value, "ab".repeat(32));
        let patterns = upper.patterns();
        assert!(patterns.contains(&format!("[file:hashes.'SHA-256' = '{}']", "ab".repeat(32))));
        let md5 = wanted(Kind::Md5, &"0a".repeat(16)).unwrap().patterns();
        let value = "0a".repeat(16);
        assert_eq!(
            md5,
            [
                format!("[file:hashes.MD5 = '{value}']"),
                format!("[file:hashes.'MD5' = '{value}']")
            ]
        );
    }

    #[test]
    fn a_url_is_asked_for_itself_and_not_for_the_letter_x() {
        // facts/opencti.md §3.2, 4: others ask for the literal `[url:value = 'x']`.
        let url = wanted(Kind::Url, "HTTP://Evil.Example/a#top").unwrap();
        let patterns = url.patterns();
        assert!(
            patterns.contains(&"[url:value = 'http://evil.example/a']".to_owned()),
            "{patterns:?}"
        );
        assert!(patterns.contains(&"[url:value = 'http://evil.example/a/']".to_owned()));
    }

    #[test]
    fn literals_are_escaped_and_nothing_breaks_out_of_them() {
        let name = wanted(Kind::FileName, "it's] OR [x.exe").unwrap();
        assert_eq!(name.patterns(), ["[file:name = 'it\\'s] or [x.exe']"]);
        assert_eq!(escaped("a\\b'"), "a\\\\b\\'");
    }

    #[test]
    fn what_can_not_be_in_the_index_is_not_asked_for() {
        assert_eq!(
            wanted(
                Kind::Url,
                &format!("http://evil.example/{}", "a".repeat(600))
            ),
            None
        );
        assert_eq!(wanted(Kind::Ip, "not an address"), None);
        assert_eq!(wanted(Kind::Directory, "/tmp"), None);
    }

    #[test]
    fn a_domain_is_asked_for_as_domain_and_as_hostname() {
        let domain = wanted(Kind::Domain, "Evil.Example.").unwrap();
        let patterns = domain.patterns();
        assert!(patterns.contains(&"[domain-name:value = 'evil.example']".to_owned()));
        assert!(patterns.contains(&"[hostname:value = 'evil.example']".to_owned()));
        let filter = observables(Dialect::C, &[&domain]);
        assert_eq!(
            filter["filters"],
            serde_json::json!([{"key": "value", "operator": "eq", "values": ["evil.example"]}])
        );
    }

    #[test]
    fn a_filter_is_never_empty_for_that_would_mean_everything() {
        let sha512 = wanted(Kind::Sha512, &"ab".repeat(64)).unwrap();
        assert_eq!(
            observables(Dialect::A, &[&sha512])
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            observables(Dialect::C, &[])["filters"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}
