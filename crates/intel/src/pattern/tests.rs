use alertbridge_alert::observables::Kind;

use super::*;
use crate::{How, ObservableValue};

fn compile(pattern: &str) -> Result<Compiled, Reason> {
    Compiled::of(&Indicator::stix("p", "1", pattern))
}

fn facts(values: &[(Kind, &str)]) -> Vec<Fact> {
    values
        .iter()
        .enumerate()
        .map(|(observable, (kind, text))| {
            let key = Key::new(*kind, text).unwrap();
            Fact {
                ip: key.text.parse().ok(),
                key,
                side: None,
                how: How::Exact,
                observable,
            }
        })
        .collect()
}

fn holds(pattern: &str, values: &[(Kind, &str)]) -> Option<How> {
    let compiled = compile(pattern).unwrap();
    compiled.node.evaluate(&facts(values)).map(|(how, _)| how)
}

/// A pattern, an alert's values, and how they match.
type Case<'c> = (&'c str, &'c [(Kind, &'c str)], Option<How>);

#[test]
fn patterns_as_feeds_write_them_match_what_they_mean() {
    let md5 = "5d41402abc4b2a76b9719d911017c592";
    let sha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    let ip = (Kind::Ip, "203.0.113.9");
    let evil = (Kind::Domain, "evil.example");
    let other = (Kind::Domain, "other.example");
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("[ipv4-addr:value = '203.0.113.9']", &[ip], Some(How::Exact)),
        ("[ipv4-addr:value = '203.0.113.8']", &[ip], None),
        ("[ipv4-addr:value = '203.0.113.0/24']", &[ip], Some(How::Cidr)),
        ("[ipv4-addr:value = '203.0.113.9/32']", &[ip], Some(How::Exact)),
        ("[ipv4-addr:value ISSUBSET '203.0.0.0/16']", &[ip], Some(How::Cidr)),
        ("[ipv6-addr:value = '2001:DB8::1']", &[(Kind::Ip, "2001:db8:0::1")], Some(How::Exact)),
        ("[domain-name:value = 'EVIL.example']", &[evil], Some(How::Exact)),
        ("[hostname:value = 'evil.example.']", &[evil], Some(How::Exact)),
        ("[x-opencti-hostname:value = 'evil.example']", &[evil], Some(How::Exact)),
        ("[url:value = 'HTTP://evil.example/a/']", &[(Kind::Url, "http://evil.example/a")], Some(How::Exact)),
        ("[email-addr:value = 'Bob@evil.example']", &[(Kind::Email, "bob@evil.example")], Some(How::Exact)),
        ("[file:hashes.'MD5' = '5D41402ABC4B2A76B9719D911017C592']", &[(Kind::Md5, md5)], Some(How::Exact)),
        ("[file:hashes.MD5 = '5d41402abc4b2a76b9719d911017c592']", &[(Kind::Md5, md5)], Some(How::Exact)),
        ("[file:hashes.SHA1 = 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d']", &[(Kind::Sha1, sha1)], Some(How::Exact)),
        ("[file:hashes.'SHA-1' = 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d']", &[(Kind::Sha1, sha1)], Some(How::Exact)),
        // Any of several hashes of one file.
        ("[file:hashes.MD5 = '5d41402abc4b2a76b9719d911017c592' AND file:hashes.'SHA-1' = 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d']", &[(Kind::Sha1, sha1)], Some(How::Exact)),
        ("[file:hashes.MD5 = '5d41402abc4b2a76b9719d911017c592' AND file:name = 'a.exe']", &[(Kind::Md5, md5)], None),
        ("[file:hashes.MD5 = '5d41402abc4b2a76b9719d911017c592' AND file:name = 'a.exe']", &[(Kind::FileName, "A.EXE"), (Kind::Md5, md5)], Some(How::Exact)),
        ("[domain-name:value = 'evil.example' OR ipv4-addr:value = '198.51.100.7']", &[evil], Some(How::Exact)),
        ("[domain-name:value = 'evil.example'] OR [ipv4-addr:value = '203.0.113.9']", &[ip], Some(How::Exact)),
        ("[domain-name:value = 'evil.example'] AND [ipv4-addr:value = '203.0.113.9']", &[ip], None),
        ("[domain-name:value = 'evil.example'] AND [ipv4-addr:value = '203.0.113.9']", &[ip, evil], Some(How::Exact)),
        ("[domain-name:value IN ('evil.example', 'x.example')]", &[evil], Some(How::Exact)),
        ("[domain-name:value = 'evil.example' AND ipv4-addr:value != '203.0.113.9']", &[ip, evil], None),
        ("[domain-name:value = 'evil.example' AND ipv4-addr:value NOT = '203.0.113.9']", &[evil], Some(How::Exact)),
        ("[domain-name:value LIKE '%.example']", &[evil], Some(How::Pattern)),
        ("[domain-name:value LIKE 'e_il.example']", &[evil], Some(How::Pattern)),
        ("[domain-name:value LIKE 'e_il']", &[evil], None),
        ("[domain-name:value LIKE 'Evil.example']", &[evil], Some(How::Exact)),
        ("[domain-name:value MATCHES '^EVIL\\\\.']", &[evil], Some(How::Pattern)),
        ("[domain-name:value MATCHES '^vil']", &[evil], None),
        ("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.9']", &[ip], Some(How::Exact)),
        ("[network-traffic:dst_ref.value = 'evil.example']", &[evil], Some(How::Exact)),
        ("[directory:path = 'C:\\\\Temp\\\\' AND file:name = 'a.exe']", &[(Kind::Directory, r"c:\temp"), (Kind::FileName, "a.exe")], Some(How::Exact)),
        ("([domain-name:value = 'evil.example'])", &[evil], Some(How::Exact)),
        ("[domain-name:value = 'evil.example'] REPEATS 1 TIMES", &[evil], Some(How::Exact)),
        ("[domain-name:value = 'other.example' OR (domain-name:value = 'x.example' AND url:value = 'http://x.example/')]", &[other], Some(How::Exact)),
    ];
    for (pattern, values, expected) in cases {
        assert_eq!(holds(pattern, values), *expected, "{pattern} on {values:?}");
    }
}

#[test]
fn what_one_alert_cannot_answer_is_refused_with_its_reason() {
    let cases = [
        ("[file:size = 5]", Reason::Object),
        ("[mutex:name = 'x']", Reason::Object),
        (
            "[file:hashes.SSDEEP = '3:AXGBicFlgVNhBGcL6wCrFQEv:x']",
            Reason::Object,
        ),
        ("[domain-name:value != 'evil.example']", Reason::Negation),
        (
            "[domain-name:value NOT = 'evil.example' OR url:value != 'http://a.example/']",
            Reason::Negation,
        ),
        (
            "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
            Reason::FollowedBy,
        ),
        (
            "[domain-name:value = 'a.example'] WITHIN 5 SECONDS",
            Reason::Window,
        ),
        (
            "[domain-name:value = 'a.example'] REPEATS 5 TIMES",
            Reason::Repeats,
        ),
        ("[domain-name:value > 'a.example']", Reason::Operator),
        (
            "[ipv4-addr:value ISSUPERSET '10.0.0.0/8']",
            Reason::Operator,
        ),
        ("[ipv4-addr:value = 'nonsense']", Reason::Value),
        ("[ipv4-addr:value = '0.0.0.0/0']", Reason::Value),
        ("[domain-name:value MATCHES '(']", Reason::Regex),
        (
            "[domain-name:value MATCHES '((a{1,99}){1,99}){1,99}']",
            Reason::Regex,
        ),
        (
            "[domain-name:value = 'a.example' AND network-traffic:dst_port = 443]",
            Reason::Object,
        ),
        ("not a pattern", Reason::Syntax),
        ("", Reason::Nothing),
    ];
    for (pattern, reason) in cases {
        assert_eq!(compile(pattern).map(|_| ()), Err(reason), "{pattern}");
    }
    let mut yara = Indicator::stix("p", "1", "rule x {}");
    yara.pattern_type = "yara".to_owned();
    assert_eq!(Compiled::of(&yara).map(|_| ()), Err(Reason::PatternType));
}

#[test]
fn a_side_of_an_or_that_cannot_be_answered_does_not_take_the_others_with_it() {
    let compiled = compile("[file:size = 5 OR domain-name:value = 'evil.example']").unwrap();
    assert_eq!(compiled.partial, Some(Reason::Object));
    assert_eq!(compiled.anchors.len(), 1);
    let compiled =
        compile("[domain-name:value = 'evil.example'] OR [url:value != 'http://a.example']")
            .unwrap();
    assert_eq!(compiled.partial, Some(Reason::Negation));
    let nothing = facts(&[(Kind::Ip, "203.0.113.9")]);
    assert!(compiled.node.evaluate(&nothing).is_none());
}

#[test]
fn an_and_is_found_by_its_rarest_value() {
    let compiled = compile(
        "[file:name = 'a.exe' AND ipv4-addr:value = '203.0.113.9' AND domain-name:value LIKE '%x']",
    )
    .unwrap();
    assert_eq!(
        compiled.anchors,
        [Anchor::Key(Key::new(Kind::Ip, "203.0.113.9").unwrap())]
    );
    assert_eq!(compiled.scan, 0);
}

#[test]
fn an_address_at_the_other_end_of_the_connection_is_no_match() {
    let compiled = compile("[network-traffic:dst_ref.value = '203.0.113.9']").unwrap();
    let mut facts = facts(&[(Kind::Ip, "203.0.113.9")]);
    facts[0].side = Some(Side::Source);
    assert!(compiled.node.evaluate(&facts).is_none());
    facts[0].side = Some(Side::Destination);
    assert!(compiled.node.evaluate(&facts).is_some());
}

#[test]
fn values_without_a_pattern_match_by_any_of_them() {
    let mut indicator = Indicator::stix("p", "1", "");
    indicator.observable_values = [
        ("IPv4-Addr", "203.0.113.9"),
        ("SHA-256", "zz"),
        ("Mutex", "m"),
    ]
    .map(|(kind, value)| ObservableValue {
        kind: kind.to_owned(),
        value: value.to_owned(),
    })
    .to_vec();
    let compiled = Compiled::of(&indicator).unwrap();
    assert_eq!(compiled.anchors.len(), 1);
    assert!(compiled.partial.is_some());
}

#[test]
fn hostile_patterns_are_refused_or_bounded() {
    let nested = format!(
        "{}[url:value='x']{}",
        "(".repeat(10_000),
        ")".repeat(10_000)
    );
    assert!(compile(&nested).is_err());
    let huge = format!("[url:value = '{}']", "a".repeat(1 << 20));
    assert_eq!(compile(&huge).map(|_| ()), Err(Reason::TooLarge));
    let many: Vec<_> = (0..5000).map(|i| format!("url:value='{i}'")).collect();
    let many = format!("[{}]", many.join(" OR "));
    assert!(compile(&many).is_err());
    let regexes: Vec<_> = (0..17)
        .map(|i| format!("url:value MATCHES 'a{i}'"))
        .collect();
    let regexes = compile(&format!("[{}]", regexes.join(" OR "))).unwrap();
    assert_eq!(regexes.partial, Some(Reason::Regex));
}

#[test]
fn a_catastrophic_expression_takes_linear_time() {
    // Exponential for engines that go back: 2^1900 steps.
    let compiled = compile("[url:value MATCHES '/(a+)+$']").unwrap();
    let text = format!("http://evil.example/{}!", "a".repeat(1900));
    assert!(
        compiled
            .node
            .evaluate(&facts(&[(Kind::Url, &text)]))
            .is_none()
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(text in "\\PC{0,200}") {
        let _ = compile(&text);
        let _ = compile(&format!("[url:value = '{text}']"));
        let _ = compile(&format!("[domain-name:value MATCHES '{text}']"));
        let _ = compile(&format!("[domain-name:value LIKE '{text}']"));
    }

    #[test]
    fn whatever_matches_is_found_by_its_anchors(
        picks in proptest::collection::vec((0u8..3, 0usize..4, proptest::bool::ANY), 1..6),
        has in proptest::collection::vec(0usize..4, 0..4),
    ) {
        let domains = ["a.example", "b.example", "c.example", "d.example"];
        let mut text = String::new();
        for (n, (join, domain, negated)) in picks.iter().enumerate() {
            if n > 0 {
                text.push_str(if *join == 0 { " AND " } else { " OR " });
            }
            let operator = if *negated { "!=" } else { "=" };
            text.push_str(&format!("domain-name:value {operator} '{}'", domains[*domain]));
        }
        if let Ok(compiled) = compile(&format!("[{text}]")) {
            let facts = facts(&has.iter().map(|i| (Kind::Domain, domains[*i])).collect::<Vec<_>>());
            if compiled.node.evaluate(&facts).is_some() {
                let found = compiled.anchors.iter().any(|anchor| {
                    facts.iter().any(|fact| *anchor == Anchor::Key(fact.key.clone()))
                });
                proptest::prop_assert!(found);
            }
        }
    }
}
