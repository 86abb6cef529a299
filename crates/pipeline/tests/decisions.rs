//! Quick answers are the right ones: index against asking every set, gates against each gate, the level against the whole.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::{Alert, level};
use alertbridge_pipeline::{AlertView, Decision, Gate, GatedRules, Gates, MatcherIndex, Matchers};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Few names, so that matchers and alerts meet.
const WORDS: [&str; 13] = [
    "web01",
    "WEB01",
    " web01",
    "",
    "5710",
    "7",
    "7.0",
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "powershell -enc",
    "C:\\\\cmd.exe",
    "line\nother",
    "HELL of a LINE",
];
const FIELDS: [&str; 12] = [
    "rule.id",
    "rule.groups",
    "rule.level",
    "rule.mitre.id",
    "agent.name",
    "agent.ip",
    "data.srcip",
    "data.win.image",
    "Data.srcip",
    "data",
    "full_log",
    "nothing",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => proptest::sample::select(&WORDS[..]).prop_map(|word| json!(word)),
        1 => (0..20).prop_map(|number| json!(number)),
        1 => Just(json!(7.0)),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => leaf(),
        1 => proptest::collection::vec(leaf(), 0..4).prop_map(Value::Array),
        1 => leaf().prop_map(|leaf| json!({ "image": leaf, "srcip": "10.9.9.9" })),
        1 => leaf().prop_map(|leaf| json!([[leaf], { "image": "cmd" }])),
    ]
}

fn alert() -> impl Strategy<Value = Alert> {
    let any_value = || proptest::option::weighted(0.8, value());
    (
        [any_value(), any_value(), any_value(), any_value()],
        [any_value(), any_value(), any_value(), any_value(), any_value()],
        0_u32..16,
        any::<bool>(),
    )
        .prop_map(|([id, groups, mitre, odd_level], [name, ip, srcip, win, full_log], level, upper)| {
            let level = odd_level.filter(|_| level == 0).unwrap_or(json!(level));
            let data = if upper { "Data" } else { "data" };
            let alert = json!({
                "rule": { "id": id, "groups": groups, "level": level, "mitre": { "id": mitre } },
                "agent": { "name": name, "ip": ip },
                data: { "srcip": srcip, "win": win },
                "full_log": full_log,
            });
            Alert::parse(alert.to_string().into_bytes()).unwrap()
        })
}

fn matcher() -> impl Strategy<Value = String> {
    let patterns = [
        "web0[0-9]",
        "web01|5710",
        "(?i)web01",
        ".*shell.*",
        "(?i).*SHELL.*",
        ".*",
        ".+",
        "",
        "x|.*cmd.*",
        "(power|line).*",
        r"[0-9]+",
        r".*\\\\cmd\.exe",
        "(?i).*line.*",
    ];
    let networks = [
        "10.0.0.0/8",
        "10.1.2.3",
        "0.0.0.0/0",
        "10.1.2.0/24,192.168.0.0/16",
        "::/0",
    ];
    let word = proptest::sample::select(&WORDS[..])
        .prop_map(|word| word.replace('\\', "\\\\").replace('\n', "\\n"));
    let test = prop_oneof![
        4 => word.clone().prop_map(|word| format!("= \"{word}\"")),
        1 => word.prop_map(|word| format!("!= \"{word}\"")),
        3 => proptest::sample::select(patterns.to_vec())
            .prop_map(|pattern| format!("=~ \"{}\"", pattern.replace('\\', "\\\\"))),
        1 => Just("!~ web.*".to_owned()),
        1 => proptest::sample::select(networks.to_vec()).prop_map(|network| format!("in {network}")),
        1 => Just("not in 10.0.0.0/8".to_owned()),
        3 => (proptest::sample::select(vec!["<", "<=", ">", ">="]), 0..16)
            .prop_map(|(operator, number)| format!("{operator} {number}")),
        1 => Just("> 7.5".to_owned()),
        1 => Just("exists".to_owned()),
        1 => Just("not exists".to_owned()),
    ];
    let any_field = (proptest::sample::select(&FIELDS[..]), test)
        .prop_map(|(field, test)| format!("{field} {test}"));
    // The level is what gates ask most, and what is asked before the rest is read.
    let on_level = (
        proptest::sample::select(vec!["<", "<=", ">", ">=", "=", "!="]),
        0..16,
    )
        .prop_map(|(operator, level)| format!("rule.level {operator} {level}"));
    prop_oneof![2 => any_field, 1 => on_level]
}

fn set() -> impl Strategy<Value = Matchers> {
    proptest::collection::vec(matcher(), 1..4)
        .prop_map(|matchers| matchers.join(", ").parse().unwrap())
}

fn gate() -> impl Strategy<Value = Gate> {
    (
        0_u32..12,
        proptest::option::of(set()),
        proptest::collection::vec(set(), 0..4),
    )
        .prop_map(|(minimum_level, all_of, any_of)| Gate::new(minimum_level, all_of, any_of))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_index_answers_what_asking_every_set_answers(
        mut sets in proptest::collection::vec(set(), 1..40),
        again in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        alerts in proptest::collection::vec(alert(), 1..8),
    ) {
        for again in again {
            let set = again.get(&sets).clone();
            sets.insert(again.index(sets.len()) / 2, set);
        }
        let index = MatcherIndex::new(sets.clone());
        for alert in alerts {
            let text = alert.text();
            let mut every = Vec::new();
            for (place, set) in sets.iter().enumerate() {
                // A new view each time: an answer must not hang on what was asked before.
                if set.hold(&AlertView::new(alert.head(), &text)) {
                    every.push(place);
                }
            }
            prop_assert_eq!(index.holding(&AlertView::new(alert.head(), &text)), every, "{}", text);
        }
    }

    #[test]
    fn many_gates_at_once_answer_what_each_gate_answers(
        gates in proptest::collection::vec(gate(), 0..12),
        alert in alert(),
    ) {
        let text = alert.text();
        let view = AlertView::new(alert.head(), &text);
        let mut each = Vec::new();
        for (place, gate) in gates.iter().enumerate() {
            if gate.passes(&view) {
                each.push(place);
            }
        }
        let compiled = Gates::compile(gates);
        if !each.is_empty() {
            prop_assert!(compiled.passes_level(view.level()));
        }
        prop_assert_eq!(compiled.passing(&view), each);
    }

    #[test]
    fn the_level_alone_says_no_only_where_the_whole_alert_would(gate in gate(), alert in alert()) {
        let rules = GatedRules { gate, sinks: vec!["iris".to_owned()] };
        let text = alert.text();
        let decision = rules.decide(&AlertView::new(alert.head(), &text));
        // The very level that a source reads without reading the rest.
        if !rules.passes(level(alert.raw()).unwrap()) {
            prop_assert_eq!(decision, Decision::Filtered);
        }
    }

    #[test]
    fn no_bytes_panic_a_decision(bytes in proptest::collection::vec(any::<u8>(), 0..200), sets in proptest::collection::vec(set(), 1..8)) {
        let mut raw = br#"{"rule":{"level":7},"data":{"win":"#.to_vec();
        raw.extend(bytes);
        for raw in [raw.clone(), [&raw[..], b"\"}}"].concat(), [&raw[..], b"}}"].concat()] {
            if let Ok(alert) = Alert::parse(raw) {
                let text = alert.text();
                MatcherIndex::new(sets.clone()).holding(&AlertView::new(alert.head(), &text));
            }
        }
    }
}

/// Each matcher of the vocabulary, against an alert that one of the tests below builds.
fn decide_all(json: &str) {
    let alert = Alert::parse(json.as_bytes()).unwrap();
    let text = alert.text();
    let view = AlertView::new(alert.head(), &text);
    let mut sets: Vec<Matchers> = Vec::new();
    for field in FIELDS {
        for test in [
            "= a",
            "=~ .*abc.*",
            "=~ .*",
            "> 5",
            "in 10.0.0.0/8",
            "exists",
            "not exists",
            "!= a",
        ] {
            sets.push(format!("{field} {test}").parse().unwrap());
        }
    }
    let every: Vec<usize> = (0..sets.len())
        .filter(|&place| sets[place].hold(&view))
        .collect();
    assert_eq!(MatcherIndex::new(sets).holding(&view), every);
}

#[test]
fn hostile_alerts_are_decided_on_like_others() {
    let deep = format!("{}1{}", "{\"data\":[".repeat(50_000), "]}".repeat(50_000));
    decide_all(&deep);
    decide_all(&format!(r#"{{"data":{deep},"full_log":"abc","rule":[]}}"#));
    let wide: Vec<String> = (0..50_000)
        .map(|number| format!("\"10.0.{}.1 abc\"", number % 256))
        .collect();
    decide_all(&format!(
        r#"{{"data":{{"srcip":[{}]}},"rule":"x"}}"#,
        wide.join(",")
    ));
    decide_all(&format!(
        r#"{{"full_log":"{}","agent":7,"rule":{{"level":1e999}}}}"#,
        "abcabc".repeat(500_000)
    ));
    decide_all(r#"{"data":{"srcip":"\ud800","\udfff":1},"full_log":"a\u0000b","nothing":1e400}"#);
}

#[test]
fn a_field_deep_in_a_hostile_alert_is_still_seen() {
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    let json = format!(
        r#"{{"data":{{"noise":{deep},"big":1e999,"srcip":"10.0.0.1"}},"rule":{{"level":3}}}}"#
    );
    let alert = Alert::parse(json.into_bytes()).unwrap();
    let text = alert.text();
    let index = MatcherIndex::new(vec!["data.srcip in 10.0.0.0/8".parse().unwrap()]);
    assert_eq!(index.holding(&AlertView::new(alert.head(), &text)), [0]);
}
