//! Nothing an attacker writes into a log stops an alert from being read, and the scan for the level never differs from the
//! full parse.

use alertbridge_alert::{Alert, Malformed, level, split_glued};
use proptest::prelude::*;

#[test]
fn fields_of_other_types_are_read_or_left_out() {
    let alert = Alert::parse(
        br#"{"id":17.5,"timestamp":5,"rule":{"id":5501,"level":"7","groups":"one","description":null,"mitre":[]},"agent":"x","manager":{"name":7}}"#
            .to_vec(),
    )
    .unwrap();
    let head = alert.head();
    assert_eq!(head.id.as_deref(), Some("17.5"));
    assert_eq!(head.rule_id.as_deref(), Some("5501"));
    assert_eq!(head.level, 7);
    assert_eq!(head.rule_groups, ["one"]);
    assert_eq!(head.rule_description, None);
    assert_eq!(head.agent.id, None);
    assert_eq!(alert.reference().as_str(), "7:17.5");
}

#[test]
fn an_empty_object_is_an_alert_of_level_zero() {
    let alert = Alert::parse(b"{}".to_vec()).unwrap();
    assert_eq!(alert.head().level, 0);
    assert!(alert.reference().as_str().starts_with("unknown:content-"));
}

#[test]
fn invalid_utf8_does_not_make_an_alert_malformed() {
    let raw = b"{\"id\":\"1\",\"full_log\":\"\xff\xfe\",\"rule\":{\"level\":3}}";
    let alert = Alert::parse(raw.to_vec()).unwrap();
    assert_eq!(alert.head().full_log.as_deref(), Some("\u{fffd}\u{fffd}"));
    assert_eq!(alert.raw(), raw, "the bytes are kept as they came");
}

#[test]
fn deep_nesting_and_lone_surrogates_are_read_past() {
    let deep = format!(
        r#"{{"rule":{{"level":9}},"data":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert_eq!(
        Alert::parse(deep.clone().into_bytes())
            .unwrap()
            .head()
            .level,
        9
    );
    assert_eq!(level(deep.as_bytes()), Ok(9));
    let hidden = deep.replacen(
        "\"data\":",
        "\"data\":{\"srcip\":\"203.0.113.9\"},\"x\":",
        1,
    );
    assert_eq!(
        Alert::parse(hidden.into_bytes())
            .unwrap()
            .observables()
            .len(),
        1,
        "depth hides nothing"
    );
    let lone = br#"{"rule":{"level":9,"description":"\ud800"},"id":"1","data":{"\udc00":1,"srcip":"203.0.113.9"},"\ud800":2}"#;
    let alert = Alert::parse(lone.to_vec()).unwrap();
    assert_eq!(alert.head().rule_description.as_deref(), Some("\u{fffd}"));
    assert_eq!(alert.observables().len(), 1, "nothing is hidden behind it");
    assert_eq!(level(lone), Ok(9));
}

#[test]
fn the_first_of_two_equal_keys_counts() {
    let raw = br#"{"rule":{"level":3,"level":15},"rule":{"level":12}}"#;
    assert_eq!(Alert::parse(raw.to_vec()).unwrap().head().level, 3);
    assert_eq!(level(raw), Ok(3));
}

#[test]
fn what_is_no_alert_says_why() {
    assert_eq!(Alert::parse(b"  ".to_vec()).unwrap_err(), Malformed::Empty);
    assert_eq!(
        Alert::parse(b"[1]".to_vec()).unwrap_err(),
        Malformed::NotAnObject
    );
    assert!(matches!(
        Alert::parse(b"{\"rule\"".to_vec()).unwrap_err(),
        Malformed::NotJson(_)
    ));
    assert!(matches!(
        Alert::parse(b"ossec: started".to_vec()).unwrap_err(),
        Malformed::NotJson(_)
    ));
}

#[test]
fn a_reference_is_bounded_and_without_control_characters() {
    let long = format!(
        r#"{{"id":"{}","manager":{{"name":"m\u0000\n"}}}}"#,
        "9".repeat(5000)
    );
    let reference = Alert::parse(long.into_bytes()).unwrap().reference();
    assert!(reference.as_str().len() < 200);
    assert!(!reference.as_str().contains(char::is_control));
}

#[test]
fn the_whole_alert_behind_a_torn_one_is_found() {
    let torn = br#"{"timestamp":"1","rule":{"level":3,"descr"#;
    let whole = br#"{"timestamp":"2","rule":{"level":15},"data":{"n":{"timestamp":"9"}}}"#;
    let glued = [&torn[..], &whole[..]].concat();
    assert!(
        level(&glued).is_err(),
        "a torn head must not pass for a harmless alert"
    );
    assert_eq!(split_glued(&glued), Some(torn.len()));
    assert_eq!(split_glued(whole), None);
}

/// Alerts with a rule in them, of any shape and type.
fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-3.0..20.0f64).prop_map(Into::into),
        "[0-9]{1,3}".prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("rule|level|id|data|x", inner), 0..6)
                .prop_map(|fields| { serde_json::Value::Object(fields.into_iter().collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn the_scan_equals_the_full_parse(tree in tree(), cut in any::<prop::sample::Index>(), noise in any::<u8>(), how in 0..4u8) {
        let mut raw = serde_json::to_vec(&tree).unwrap();
        let at = cut.index(raw.len());
        match how {
            0 => raw.truncate(at),
            1 => raw[at] = noise,
            2 => raw.insert(at, noise),
            _ => {}
        }
        prop_assert_eq!(level(&raw), Alert::parse(raw.clone()).map(|alert| alert.head().level));
    }

    #[test]
    fn any_bytes_are_an_alert_or_malformed_and_nothing_panics(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = level(&raw);
        let _ = split_glued(&raw);
        if let Ok(alert) = Alert::parse(raw) {
            prop_assert!(!alert.reference().as_str().is_empty());
            let _ = alert.observables();
        }
    }

    #[test]
    fn observables_of_any_tree_do_not_panic(tree in tree()) {
        let raw = serde_json::to_vec(&serde_json::json!({"data": tree, "syscheck": tree})).unwrap();
        let _ = Alert::parse(raw).unwrap().observables();
    }
}
