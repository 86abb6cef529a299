//! A hit that an alert of its own carries with it.
//!
//! What OpenCTI itself said of an alert is in no local copy, and OpenCTI may be down when it is told: so the late alert has the whole
//! indicator, in a member of its own behind those of Wazuh.

use std::{borrow::Cow, sync::Arc};

use alertbridge_alert::{
    Alert,
    observables::{Kind, Observable, Role, Via},
};
use alertbridge_intel::{Hit, How, Indicator};
use serde::{Deserialize, Serialize};

/// The member's name.
const KEY: &str = "alertbridge_intel";

const KINDS: [(Kind, &str); 10] = [
    (Kind::Directory, "directory"),
    (Kind::Domain, "domain"),
    (Kind::Email, "email"),
    (Kind::FileName, "file_name"),
    (Kind::Ip, "ip"),
    (Kind::Md5, "md5"),
    (Kind::Sha1, "sha1"),
    (Kind::Sha256, "sha256"),
    (Kind::Sha512, "sha512"),
    (Kind::Url, "url"),
];

const HOWS: [(How, &str); 5] = [
    (How::Cidr, "cidr"),
    (How::Exact, "exact"),
    (How::Parent, "parent"),
    (How::Pattern, "pattern"),
    (How::UrlHost, "url_host"),
];

#[derive(Serialize, Deserialize)]
struct Carried<'a> {
    indicator: Cow<'a, Indicator>,
    kind: Cow<'a, str>,
    value: Cow<'a, str>,
    written: Option<Cow<'a, str>>,
    how: Cow<'a, str>,
    expired: bool,
}

/// The alert's bytes with the hit in them.
pub fn with_hit(alert: &Alert, hit: &Hit) -> Vec<u8> {
    let carried = Carried {
        indicator: Cow::Borrowed(&hit.indicator),
        kind: name(&KINDS, &hit.observable.kind).into(),
        value: (&hit.observable.value).into(),
        written: hit.observable.written.as_ref().map(Into::into),
        how: name(&HOWS, &hit.how).into(),
        expired: hit.expired,
    };
    // Texts, numbers and times can always be written.
    let carried = serde_json::to_value(&carried).unwrap_or_default();
    let raw = alert.raw().trim_ascii_end();
    match raw.strip_suffix(b"}") {
        // The bytes of Wazuh stay as they are.
        Some(before) if !before.trim_ascii_end().ends_with(b"{") => {
            let tail = format!(r#","{KEY}":{carried}}}"#);
            [before, tail.as_bytes()].concat()
        }
        _ => {
            let mut tree = alert.tree();
            if let Some(members) = tree.as_object_mut() {
                members.insert(KEY.to_owned(), carried);
            }
            tree.to_string().into_bytes()
        }
    }
}

/// The hit that a late alert carries.
pub fn hit_of(alert: &Alert) -> Option<Hit> {
    if !alert.text().contains(KEY) {
        return None;
    }
    let carried = alert.tree().get_mut(KEY)?.take();
    let carried: Carried<'_> = serde_json::from_value(carried).ok()?;
    Some(Hit {
        indicator: Arc::new(carried.indicator.into_owned()),
        observable: Observable {
            kind: named(&KINDS, &carried.kind)?,
            value: carried.value.into_owned(),
            written: carried.written.map(Cow::into_owned),
            field: String::new(),
            role: Role::None,
            via: Via::Field,
        },
        how: named(&HOWS, &carried.how)?,
        expired: carried.expired,
    })
}

fn name<T: PartialEq>(names: &[(T, &'static str)], wanted: &T) -> &'static str {
    let found = names.iter().find(|(one, _)| one == wanted);
    found.map_or("", |(_, name)| name)
}

fn named<T: Copy>(names: &[(T, &'static str)], wanted: &str) -> Option<T> {
    let found = names.iter().find(|(_, name)| *name == wanted);
    found.map(|(one, _)| *one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(kind: Kind, how: How) -> Hit {
        let mut indicator = Indicator::stix("opencti", "4f8b", "[a:b = '\u{1f600}\"']");
        indicator.score = Some(80);
        Hit {
            indicator: Arc::new(indicator),
            observable: Observable {
                kind,
                value: "evil.example".to_owned(),
                written: Some("EVIL.example".to_owned()),
                field: String::new(),
                role: Role::None,
                via: Via::Field,
            },
            how,
            expired: true,
        }
    }

    #[test]
    fn what_is_carried_comes_out_as_it_went_in_whatever_the_alert_looks_like() {
        for raw in [
            r#"{"id":"1","rule":{"id":"2","level":3}}"#,
            "{\"id\":\"1\",\"rule\":{\"id\":\"2\",\"level\":3} } \n",
            "\u{feff}{\"id\":\"1\",\"rule\":{\"level\":3},\"odd\":1e400}",
        ] {
            let alert = Alert::parse(raw.as_bytes()).unwrap();
            for (kind, _) in KINDS {
                for (how, _) in HOWS {
                    let hit = hit(kind, how);
                    let late = Alert::parse(with_hit(&alert, &hit)).unwrap();
                    let found = hit_of(&late).unwrap();
                    assert_eq!(found.indicator, hit.indicator);
                    assert_eq!(found.observable, hit.observable);
                    assert_eq!((found.how, found.expired), (how, true));
                    assert_eq!(late.reference(), alert.reference());
                    assert_eq!(late.fingerprint(), alert.fingerprint());
                }
            }
            assert!(hit_of(&alert).is_none());
        }
    }

    #[test]
    fn a_member_that_is_no_hit_is_none() {
        for raw in [
            r#"{"id":"1","alertbridge_intel":1}"#,
            r#"{"id":"1","alertbridge_intel":{"kind":"odd","value":"x","how":"exact","expired":false,"indicator":{}}}"#,
        ] {
            let alert = Alert::parse(raw.as_bytes());
            assert!(alert.is_ok_and(|alert| hit_of(&alert).is_none()), "{raw}");
        }
    }
}
