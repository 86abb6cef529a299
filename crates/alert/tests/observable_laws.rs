//! The laws of normal forms, and bounds on hostile alerts.

use std::time::Instant;

use alertbridge_alert::observables::{
    Kind, ObservableFilter, ObservableFilterConfig, Observables, defang, domain_forms, of_tree,
    parent_domains, refang, registrable_domain, url_forms, url_host,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts near to what each kind looks like, so that many pass.
fn near() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("http://"),
        Just("hxxps[://]"),
        Just("HTTPS://"),
        Just("ldap://"),
        Just("mailto:"),
        Just("[.]"),
        Just("(dot)"),
        Just("{at}"),
        Just("[:]"),
        Just("["),
        Just("]"),
        Just("("),
        Just("@"),
        Just("."),
        Just(":"),
        Just("/"),
        Just("\\"),
        Just("\\\\"),
        Just("#"),
        Just("?"),
        Just("%eth0"),
        Just("'"),
        Just("\""),
        Just("<"),
        Just(" "),
        Just("\0"),
        Just("&amp;"),
        Just("&&"),
        Just("::ffff:203.0.113.7"),
        Just("203.0.113.7"),
        Just("2001:DB8::1"),
        Just(":443"),
        Just("/32"),
        Just("Evil"),
        Just("example"),
        Just("co.uk"),
        Just("xn--bcher-kva"),
        Just("bücher"),
        Just("İ"),
        Just("ß。"),
        Just("a"),
        Just("d41d8cd98f00b204e9800998ecf8427e"),
        Just("SHA1="),
        Just("-"),
        Just("_"),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => near(), 1 => any::<String>(), 1 => "[ -~]{0,60}"]
}

fn any_tree() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("commandLine"),
        Just("hashes"),
        Just("url"),
        Just("hostname"),
        Just("queryResults"),
        Just("execve"),
        Just("image"),
        Just("srcip"),
        Just("answers"),
        Just("from"),
        Just("win"),
        Just("é")
    ]
    .prop_map(str::to_owned);
    let leaf = prop_oneof![
        6 => any_text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
fn found(tree: &Value) -> Observables {
    let everything = ObservableFilterConfig {
        include_private: true,
        ..ObservableFilterConfig::default()
    };
    of_tree(tree, &ObservableFilter::new(&everything).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_normal_form_is_its_own_normal_form(text in any_text()) {
        for kind in Kind::ALL {
            if let Some(normal) = kind.normal(&text) {
                prop_assert_eq!(kind.normal(&normal), Some(normal), "{:?} {:?}", kind, text);
            }
        }
    }

    #[test]
    fn case_makes_no_difference_but_in_paths(text in any_text()) {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Url) {
            prop_assert_eq!(kind.normal(&text.to_ascii_uppercase()), kind.normal(&text.to_ascii_lowercase()), "{:?}", kind);
        }
    }

    #[test]
    fn what_is_defanged_is_refanged(text in any_text()) {
        let once = refang(&text);
        let (twice, back) = (refang(&once).into_owned(), refang(&defang(&text)).into_owned());
        prop_assert_eq!(&twice, once.as_ref());
        prop_assert_eq!(&back, once.as_ref());
    }

    #[test]
    fn a_defanged_value_has_the_same_normal_form(text in any_text()) {
        for kind in [Kind::Ip, Kind::Domain, Kind::Email, Kind::Url] {
            if let Some(normal) = kind.normal(&text) {
                prop_assert_eq!(kind.normal(&defang(&normal)), Some(normal));
            }
        }
    }

    #[test]
    fn the_forms_of_a_url_hold_its_normal_form_and_share_its_host(text in any_text()) {
        let forms = url_forms(&text);
        match Kind::Url.normal(&text) {
            Some(normal) => {
                prop_assert!(forms.contains(&normal));
                prop_assert!(forms.len() <= 3);
                for form in &forms {
                    prop_assert_eq!(url_host(form), url_host(&normal));
                }
            }
            None => prop_assert!(forms.is_empty()),
        }
    }

    #[test]
    fn parents_get_shorter_and_end_at_the_registrable_domain(text in any_text()) {
        if let Some(name) = Kind::Domain.normal(&text) {
            let parents: Vec<&str> = parent_domains(&name).collect();
            prop_assert!(parents.windows(2).all(|pair| pair[0].len() > pair[1].len()));
            prop_assert!(parents.iter().all(|parent| name.ends_with(parent) && name.len() > parent.len()));
            if let Some(last) = parents.last() {
                prop_assert_eq!(Some(*last), registrable_domain(&name));
            }
            for form in domain_forms(&name) {
                prop_assert_eq!(Kind::Domain.normal(&form), Some(name.clone()));
            }
        }
    }

    #[test]
    fn any_alert_gives_normal_values_without_doubles(tree in any_tree()) {
        let tree = json!({"data": tree, "syscheck": {"path": "/x"}});
        let observables = found(&tree);
        let mut seen = std::collections::HashSet::new();
        for o in &observables.list {
            prop_assert_eq!(o.kind.normal(&o.value), Some(o.value.clone()));
            prop_assert!(seen.insert((o.kind, &o.value)));
            prop_assert!(o.field.starts_with("data") || o.field == "syscheck.path");
        }
        prop_assert_eq!(found(&tree), observables, "the same alert gives the same");
        let kept = of_tree(&tree, &ObservableFilter::default());
        prop_assert!(kept.list.iter().all(|o| ObservableFilter::default().keeps(o)));
    }
}

/// What the properties found in long runs.
#[test]
fn a_normal_form_is_its_own_normal_form_in_these_too() {
    for (kind, text) in [
        (Kind::Directory, "/\u{2000}/"),
        (Kind::Directory, "\"\" \"/a"),
        (Kind::Url, "http://203.0.113.7[.]#"),
    ] {
        let once = kind.normal(text);
        let twice = once.as_ref().and_then(|normal| kind.normal(normal));
        assert_eq!(twice, once, "{text:?}");
    }
}

#[test]
fn names_in_unicode_and_in_punycode_are_one() {
    let tree = json!({"data": {"sni": "BÜCHER.example", "rrname": "xn--bcher-kva.example."}});
    let list = found(&tree).list;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].value, "xn--bcher-kva.example");
}

#[test]
fn a_password_in_a_url_gets_nowhere() {
    let tree = json!({"data": {"url": "http://bob:hunter2@evil.example/a", "commandLine": "curl ftp://a:hunter2@b.example/"}});
    assert!(!format!("{:?}", found(&tree)).contains("hunter2"));
    assert!(
        !url_forms("http://bob:hunter2@evil.example/a")
            .concat()
            .contains("hunter2")
    );
}

#[test]
fn what_is_private_reserved_or_own_is_left_out_and_counted() {
    let config: ObservableFilterConfig = toml::from_str(
        r#"own_networks = ["198.51.100.0/24", "2001:db8::5"]
           own_domains = ["Corp.example", "ad"]"#,
    )
    .unwrap();
    let filter = ObservableFilter::new(&config).unwrap();
    for (kind, value, kept) in [
        (Kind::Ip, "203.0.113.7", true),
        (Kind::Ip, "192.0.2.1", true),
        (Kind::Ip, "2001:db8::6", true),
        (Kind::Ip, "198.51.100.3", false),
        (Kind::Ip, "2001:db8::5", false),
        (Kind::Ip, "10.1.2.3", false),
        (Kind::Ip, "100.64.0.1", false),
        (Kind::Ip, "169.254.1.1", false),
        (Kind::Ip, "172.31.0.1", false),
        (Kind::Ip, "198.19.0.1", false),
        (Kind::Ip, "224.0.0.1", false),
        (Kind::Ip, "255.255.255.255", false),
        (Kind::Ip, "127.0.0.1", false),
        (Kind::Ip, "fe80::1", false),
        (Kind::Ip, "fd00::1", false),
        (Kind::Ip, "::1", false),
        (Kind::Ip, "ff02::1", false),
        (Kind::Ip, "2001:20::1", false),
        (Kind::Ip, "11:22:33:44:55:66:77:88", false),
        (Kind::Domain, "evil.example", true),
        (Kind::Domain, "notcorp.example", true),
        (Kind::Domain, "corp.example", false),
        (Kind::Domain, "a.corp.example", false),
        (Kind::Domain, "dc1.ad", false),
        (Kind::Domain, "nas.local", false),
        (Kind::Domain, "7.113.0.203.in-addr.arpa", false),
        (Kind::Email, "bob@evil.example", true),
        (Kind::Email, "bob@corp.example", false),
        (Kind::Url, "http://evil.example/", true),
        (Kind::Url, "http://www.corp.example/", false),
        (Kind::Url, "http://10.0.0.1:8080/", false),
        (Kind::Url, "http://intranet/", false),
        (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e", false),
        (Kind::FileName, "evil.exe", true),
    ] {
        assert_eq!(filter.keeps_value(kind, value), kept, "{value}");
    }
    let tree = json!({"data": {"srcip": "10.0.0.1", "dstip": "198.51.100.3", "x": "203.0.113.7"}});
    let observables = of_tree(&tree, &filter);
    assert_eq!(observables.list.len(), 1);
    assert_eq!(observables.dropped.filtered, 2);
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let error = |text: &str| {
        let config: ObservableFilterConfig = toml::from_str(text).unwrap();
        ObservableFilter::new(&config).unwrap_err().to_string()
    };
    assert!(error(r#"own_networks = ["10.0.0.0/33"]"#).contains("10.0.0.0/33"));
    assert!(error(r#"own_domains = ["a b"]"#).contains("a b"));
    assert!(toml::from_str::<ObservableFilterConfig>("own_network = []").is_err());
}

#[test]
fn one_long_list_and_one_long_text_push_nothing_out() {
    let names: Vec<String> = (0..5000).map(|i| format!("a{i}.example")).collect();
    let answers: Vec<Value> = names.iter().map(|name| json!({"rdata": name})).collect();
    let tree = json!({"data": {
        "command": names.join(" "), "dns": {"answers": answers}, "zz": {"srcip": "203.0.113.7"},
    }});
    let observables = found(&tree);
    assert!(observables.list.iter().any(|o| o.value == "203.0.113.7"));
    assert!(observables.list.len() < 200, "{}", observables.list.len());
    assert!(observables.dropped.over_limit > 5000);
    assert!(observables.dropped.too_long > 0);
}

/// Work grows with the size of the alert and not faster: ten times the text costs far less than a hundred times the time.
#[test]
fn hostile_texts_cost_no_more_than_their_length() {
    for unit in [
        "[",
        "[.",
        "[[.]]",
        "http://",
        "://",
        "a.",
        "a@",
        "1.",
        "::",
        "%20http://a.b;",
        "(dot)",
        "\\/",
        "&amp;",
        "&&",
        "\u{200d}é",
        "xn--",
        "hxxp://(",
    ] {
        for field in [
            "commandLine",
            "url",
            "queryResults",
            "hashes",
            "srcip",
            "sni",
            "image",
            "from",
        ] {
            let time = |length: usize| {
                let text = unit.repeat(length / unit.len());
                let list: Vec<&str> = vec![&text; 20];
                let tree = json!({"data": {field: list}});
                (0..3)
                    .map(|_| {
                        let start = Instant::now();
                        let observables = found(&tree);
                        assert!(observables.list.len() <= 512);
                        start.elapsed()
                    })
                    .min()
                    .unwrap_or_default()
            };
            let (small, large) = (time(400), time(4000));
            // A floor of 2 ms keeps the clock's noise out.
            let most = small.max(std::time::Duration::from_millis(2)) * 60;
            assert!(
                large < most,
                "{unit:?} in {field}: {small:?} then {large:?}"
            );
        }
    }
}
