//! What counts as a match, and how a look-up explains it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use alertbridge_alert::observables::{Kind, Role, Via};
use alertbridge_intel::{How, Indicator, MatchRules, Tlp, Unmatched, Verdict};
use jiff::{SignedDuration, Timestamp};
use support::{NOW, delete, domain, for_domain, ids, ip, observable, open, upsert};

fn hour(hours: i64) -> Timestamp {
    NOW + SignedDuration::from_hours(hours)
}

#[test]
fn the_best_indicator_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let make = |id: &str, change: fn(&mut Indicator)| {
        let mut indicator = for_domain("p", id, "evil.example");
        indicator.score = Some(50);
        change(&mut indicator);
        upsert(indicator)
    };
    let changes = vec![
        make("plain", |_| {}),
        make("revoked", |i| (i.revoked, i.score) = (true, Some(100))),
        make("expired", |i| {
            (i.valid_until, i.score) = (Some(NOW), Some(90))
        }),
        make("detection", |i| i.detection = true),
        make("scored", |i| i.score = Some(80)),
        make("sure", |i| i.confidence = Some(80)),
        make("unscored", |i| i.score = None),
        make("ends", |i| i.valid_until = Some(hour(1))),
        make("begins", |i| i.valid_from = Some(hour(1))),
    ];
    store.apply(changes, None).unwrap();
    let order = |rules: &MatchRules| -> Vec<String> {
        let hits = store.index().matches(&[domain("evil.example")], rules, NOW);
        hits.iter().map(|hit| hit.indicator.id.clone()).collect()
    };
    let valid = ["detection", "scored", "sure", "plain", "ends", "unscored"];
    assert_eq!(order(&MatchRules::default()), valid);
    let all = MatchRules {
        include_expired: true,
        ..MatchRules::default()
    };
    assert_eq!(order(&all)[..6], valid);
    assert_eq!(order(&all)[6..], ["revoked", "expired"]);
    let few = MatchRules {
        most_hits: 2,
        ..MatchRules::default()
    };
    assert_eq!(order(&few), ["detection", "scored"]);
    assert_eq!(store.index().counts().left_out, 4);
    let detection = MatchRules {
        require_detection: true,
        ..MatchRules::default()
    };
    assert_eq!(order(&detection), ["detection"]);
    let scored = MatchRules {
        minimum_score: Some(80),
        ..MatchRules::default()
    };
    assert_eq!(order(&scored), ["scored", "unscored"]);
}

#[test]
fn labels_markings_and_providers_are_asked_for_when_matching() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut indicator = for_domain("p", "1", "evil.example");
    indicator.labels = vec!["C2".into()];
    indicator.markings = vec!["PAP:RED".into(), "TLP:AMBER".into()];
    store.apply(vec![upsert(indicator)], None).unwrap();
    let matches = |rules: MatchRules| {
        !store
            .index()
            .matches(&[domain("evil.example")], &rules, NOW)
            .is_empty()
    };
    let rules = MatchRules::default;
    assert!(matches(MatchRules {
        labels_allow: vec!["c2".into()],
        ..rules()
    }));
    assert!(!matches(MatchRules {
        labels_allow: vec!["other".into()],
        ..rules()
    }));
    assert!(!matches(MatchRules {
        labels_deny: vec!["c2".into()],
        ..rules()
    }));
    assert!(matches(MatchRules {
        max_tlp: Some(Tlp::Amber),
        ..rules()
    }));
    assert!(!matches(MatchRules {
        max_tlp: Some(Tlp::Green),
        ..rules()
    }));
    assert!(matches(MatchRules {
        providers: vec!["p".into()],
        ..rules()
    }));
    assert!(!matches(MatchRules {
        providers: vec!["q".into()],
        ..rules()
    }));
    assert_eq!(Tlp::of_marking("TLP:white"), Some(Tlp::Clear));
    assert_eq!(Tlp::of_marking("TLP:BLACK"), Some(Tlp::Red));
}

#[test]
fn networks_parents_hosts_and_directions() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let stix = |id: &str, pattern: &str| upsert(Indicator::stix("p", id, pattern));
    let changes = vec![
        stix("v4", "[ipv4-addr:value = '203.0.113.0/24']"),
        stix("v6", "[ipv6-addr:value ISSUBSET '2001:db8::/32']"),
        stix("domain", "[domain-name:value = 'evil.example']"),
        stix("url", "[url:value = 'https://evil.example/a/']"),
        stix("like", "[domain-name:value LIKE '%.evil.example']"),
        stix("to", "[network-traffic:dst_ref.value = '198.51.100.7']"),
        stix(
            "both",
            "[domain-name:value = 'evil.example' AND ipv4-addr:value = '198.51.100.7']",
        ),
    ];
    store.apply(changes, None).unwrap();
    store.compact().unwrap();
    let how = |seen: &[_], parents| -> Vec<(String, How)> {
        let rules = MatchRules {
            parents,
            ..MatchRules::default()
        };
        let hits = store.index().matches(seen, &rules, NOW);
        hits.iter()
            .map(|hit| (hit.indicator.id.clone(), hit.how))
            .collect()
    };
    let one = |id: &str, how| vec![(id.to_owned(), how)];
    assert_eq!(how(&[ip("203.0.113.9")], false), one("v4", How::Cidr));
    assert_eq!(how(&[ip("203.0.114.9")], false), []);
    assert_eq!(how(&[ip("2001:db8:1::9")], false), one("v6", How::Cidr));
    assert_eq!(
        how(&[domain("a.evil.example")], false),
        one("like", How::Pattern)
    );
    let with_parents = how(&[domain("a.evil.example")], true);
    assert_eq!(
        with_parents,
        [one("like", How::Pattern), one("domain", How::Parent)].concat()
    );
    let mut host = domain("evil.example");
    host.via = Via::UrlHost;
    let url = observable(Kind::Url, "HTTPS://evil.example/a");
    let found = how(&[url, host], false);
    assert_eq!(
        found,
        [one("url", How::Exact), one("domain", How::UrlHost)].concat()
    );
    let mut source = ip("198.51.100.7");
    source.role = Role::Source;
    assert_eq!(how(std::slice::from_ref(&source), false), []);
    source.role = Role::Destination;
    assert_eq!(
        how(std::slice::from_ref(&source), false),
        one("to", How::Exact)
    );
    assert_eq!(how(&[domain("evil.example"), source], false).len(), 3);
}

#[test]
fn a_deletion_takes_away_one_indicator_of_a_shared_value() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let all = ["1", "2", "3"].map(|id| upsert(for_domain("p", id, "evil.example")));
    store.apply(all.to_vec(), None).unwrap();
    store.compact().unwrap();
    store
        .apply(
            vec![
                delete("p", "2"),
                upsert(for_domain("q", "2", "evil.example")),
            ],
            None,
        )
        .unwrap();
    assert_eq!(
        ids(&store, &[domain("evil.example")]),
        ["p/1", "p/3", "q/2"]
    );
    store
        .apply(vec![upsert(for_domain("p", "1", "other.example"))], None)
        .unwrap();
    assert_eq!(ids(&store, &[domain("evil.example")]), ["p/3", "q/2"]);
    assert_eq!(ids(&store, &[domain("other.example")]), ["p/1"]);
}

#[test]
fn a_look_up_says_what_matches_and_why_the_rest_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let make = |id: &str, change: fn(&mut Indicator)| {
        let mut indicator = for_domain("p", id, "evil.example");
        change(&mut indicator);
        upsert(indicator)
    };
    let changes = vec![
        make("good", |_| {}),
        make("low", |i| (i.score, i.revoked) = (Some(5), true)),
        make("old", |i| i.valid_until = Some(NOW)),
        make("more", |i| {
            i.pattern =
                "[domain-name:value = 'evil.example' AND ipv4-addr:value = '203.0.113.9']".into();
        }),
    ];
    store.apply(changes, None).unwrap();
    let rules = MatchRules {
        minimum_score: Some(50),
        ..MatchRules::default()
    };
    let index = store.index();
    let found = index.lookup(" Evil[.]Example ", &rules, NOW);
    let verdict = |id: &str| {
        let entry = found
            .entries
            .iter()
            .find(|entry| entry.indicator.id == id)
            .unwrap();
        entry.verdict.clone()
    };
    assert_eq!(found.entries[0].indicator.id, "good");
    assert_eq!(verdict("good"), Verdict::Match);
    let low = vec![
        Unmatched::Revoked,
        Unmatched::BelowScore {
            score: 5,
            minimum: 50,
        },
    ];
    assert_eq!(verdict("low"), Verdict::NoMatch(low));
    assert_eq!(
        verdict("old"),
        Verdict::NoMatch(vec![Unmatched::Expired(NOW)])
    );
    assert_eq!(
        verdict("more"),
        Verdict::NoMatch(vec![Unmatched::MoreAsked])
    );

    let child = index.lookup("https://a.evil.example/x", &rules, NOW);
    let good = child
        .entries
        .iter()
        .find(|entry| entry.indicator.id == "good");
    let good = good.unwrap();
    assert_eq!(good.how, How::Parent);
    let against = Verdict::NoMatch(vec![Unmatched::OnlyParent]);
    assert_eq!(good.verdict, against);
    assert!(index.lookup("", &rules, NOW).observables.is_empty());
    assert!(
        index
            .lookup("nothing.example", &rules, NOW)
            .entries
            .is_empty()
    );
}

#[test]
fn what_cannot_match_is_counted_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut yara = Indicator::stix("p", "yara", "rule x {}");
    yara.pattern_type = "yara".into();
    let changes = vec![
        upsert(yara),
        upsert(Indicator::stix("p", "size", "[file:size = 5]")),
        upsert(Indicator::stix(
            "p",
            "part",
            "[file:size = 5 OR domain-name:value = 'x.example']",
        )),
        upsert(Indicator::stix("", "nobody", "[file:size = 5]")),
    ];
    let applied = store.apply(changes, None).unwrap();
    assert_eq!(
        (applied.upserted, applied.unsupported, applied.rejected),
        (3, 2, 1)
    );
    for _ in 0..2 {
        let status = store.status();
        assert_eq!(status.indicators, 3);
        assert_eq!(status.unsupported["the pattern is not of type stix"], 1);
        assert_eq!(
            status.unsupported["the pattern compares what alerts do not carry"],
            1
        );
        assert_eq!(status.partly_supported, 1);
        let mut listed: Vec<_> = store
            .unsupported(10)
            .unwrap()
            .into_iter()
            .map(|listed| (listed.indicator.id, listed.reason))
            .collect();
        listed.sort();
        assert_eq!(listed.len(), 3);
        assert!(listed[0].1.starts_with("in part: "));
        store.compact().unwrap();
    }
}

#[test]
fn a_value_that_very_many_share_is_bounded_work() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let all = (0..20_000).map(|id| upsert(for_domain("p", &id.to_string(), "evil.example")));
    store.apply(all.collect(), None).unwrap();
    let hits = store
        .index()
        .matches(&[domain("evil.example")], &MatchRules::default(), NOW);
    assert_eq!(hits.len(), 32);
    assert!(store.index().counts().left_out > 0);
}

#[test]
fn matching_goes_on_while_the_store_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .apply(
            vec![upsert(for_domain("p", "stays", "stays.example"))],
            None,
        )
        .unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut matched = 0u64;
                while !done.load(SeqCst) {
                    assert_eq!(ids(&store, &[domain("stays.example")]), ["p/stays"]);
                    for id in ids(&store, &[domain("moves.example")]) {
                        assert!(id.starts_with("p/m"));
                    }
                    matched += 1;
                }
                matched
            })
        })
        .collect();
    for round in 0..60 {
        let id = format!("m{}", round % 7);
        let change = if round % 3 == 2 {
            delete("p", &id)
        } else {
            upsert(for_domain("p", &id, "moves.example"))
        };
        store.apply(vec![change], None).unwrap();
        if round % 20 == 19 {
            let mut full = store.begin_full("p").unwrap();
            full.push(for_domain("p", "stays", "stays.example"))
                .unwrap();
            full.push(for_domain("p", "m1", "moves.example")).unwrap();
            full.finish(None).unwrap();
        }
    }
    done.store(true, SeqCst);
    for thread in threads {
        assert!(thread.join().unwrap() > 0);
    }
    assert_eq!(store.index().counts().unreadable, 0);
}
