//! Laws of quieting: quick answers are the right ones, keys hang on what happened alone, and nothing panics or grows without bound.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::Alert;
use alertbridge_pipeline::{
    AlertView, Matchers, QuietConfig, QuietRules, SilenceRule, Silencer, Silences,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");

fn rules(text: &str) -> QuietRules {
    QuietRules::try_from(toml::from_str::<QuietConfig>(text).unwrap()).unwrap()
}

fn key(rules: &QuietRules, text: &str) -> [u8; 16] {
    let alert = Alert::parse(text.as_bytes()).unwrap();
    rules
        .folding(&AlertView::new(alert.head(), text))
        .repeat
        .unwrap()
        .key
}

/// JSON with the fields of each object in reverse and blanks everywhere.
fn turned(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<String> = map
                .iter()
                .rev()
                .map(|(name, value)| format!("{} :\n {}", json!(name), turned(value)))
                .collect();
            format!("{{ {} }}", fields.join(" ,\t"))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(turned).collect();
            format!("[ {} ]", items.join(" , "))
        }
        Value::String(text) if text.is_ascii() => {
            // Each letter as an escape.
            let escaped: String = text.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            format!("\"{escaped}\"")
        }
        leaf => leaf.to_string(),
    }
}

/// Writes over what differs from one time to the next.
fn later(value: &mut Value) {
    let Value::Object(map) = value else { return };
    for (name, value) in map {
        match &**name {
            "processId" | "processID" | "threadID" | "eventRecordID" | "parentProcessId"
            | "pid" | "ppid" | "srcport" | "sourcePort" | "sourceProcessId" | "src_port" => {
                *value = json!("90909")
            }
            "utcTime" | "systemTime" | "timestamp" | "creationUtcTime" | "time" | "event-time" => {
                *value = json!("2031-12-24 17:18:19.202");
            }
            "processGuid" | "parentProcessGuid" | "logonGuid" | "sourceProcessGUID"
            | "targetProcessGUID" => {
                *value = json!("{11111111-2222-3333-4444-555566667777}");
            }
            "full_log" | "firedtimes" | "inode_after" | "mtime_after" | "logonId"
            | "subjectLogonId" | "targetLogonId" => {
                *value = json!("other");
            }
            _ => later(value),
        }
    }
}

#[test]
fn a_key_hangs_neither_on_the_order_of_fields_nor_on_the_form_nor_on_what_varies_each_time() {
    let rules = rules("");
    for (number, line) in ALERTS.lines().enumerate() {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let first = key(&rules, line);
        assert_eq!(
            key(&rules, &turned(&value)),
            first,
            "turned, alert {number}"
        );
        // Its id and time are another's too.
        value["id"] = json!("1.1");
        later(&mut value);
        assert_eq!(
            key(&rules, &value.to_string()),
            first,
            "later, alert {number}"
        );
    }
}

#[test]
fn a_suggested_silence_holds_for_the_alert_and_can_be_read() {
    let rules = rules("");
    for line in ALERTS.lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        let view = AlertView::new(alert.head(), line);
        let suggested = rules.suggest(&view).unwrap();
        let read: Matchers = suggested.to_string().parse().unwrap();
        assert!(read.hold(&view), "{read}");
        let now: Timestamp = "2026-01-01T00:00Z".parse().unwrap();
        assert!(
            SilenceRule::new("s", &suggested.to_string(), Timestamp::UNIX_EPOCH, now).is_ok(),
            "{suggested}"
        );
    }
    let alert =
        Alert::parse(br#"{"rule":{"id":"5710"},"agent":{"id":"001","name":"web01"}}"#.to_vec())
            .unwrap();
    let text = alert.text();
    let suggested = rules.suggest(&AlertView::new(alert.head(), &text)).unwrap();
    assert_eq!(
        suggested.to_string(),
        r#"{rule.id = "5710", agent.name = "web01"}"#
    );
}

const NAMES: [&str; 26] = [
    "data",
    "win",
    "eventdata",
    "system",
    "eventID",
    "channel",
    "image",
    "commandLine",
    "audit",
    "execve",
    "a0",
    "exe",
    "srcip",
    "dstip",
    "dstport",
    "syscheck",
    "path",
    "event",
    "rule",
    "id",
    "groups",
    "agent",
    "name",
    "aws",
    "alert",
    "signature_id",
];

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            "sysmon",
            "1",
            "3",
            "4625",
            "Security",
            "10.0.0.1",
            "sshd",
            "authentication_failed",
            "x"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 12, |inner| {
        let name = prop_oneof![4 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => ".{0,8}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((name, inner), 0..12).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Entries that meet what `json_value` makes.
fn entry(number: usize) -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "processes = ['*a*']",
        "processes = ['x']\nnetworks = ['10.0.0.0/8']",
        "agents = ['x']",
        "agents = ['*s*']\nrules = ['1', 'x']",
        "networks = ['10.0.0.1']",
        "target_files = ['*s*', 'x']",
        "rules = [1, 3, 4625]",
        "matchers = ['rule.groups = sshd', 'data exists']",
        "command_lines = ['x*']\nmatchers = ['agent.name != x']",
    ])
    .prop_map(move |keys| format!("[[allowlist]]\nname = \"{number}\"\ncomment = \"c\"\n{keys}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_alert_panics_and_all_that_comes_out_is_bounded(parts in proptest::array::uniform4(json_value())) {
        let [rule, agent, data, syscheck] = parts;
        let rules = rules("[[folding.group_by]]\nrules = [\"x\"]\nfields = [\"data\", \"data.win\", \"\u{e9}.x\"]");
        let text = json!({ "rule": rule, "agent": agent, "data": data, "syscheck": syscheck }).to_string();
        let alert = Alert::parse(text.as_bytes()).unwrap();
        let view = AlertView::new(alert.head(), &text);
        let folding = rules.folding(&view);
        prop_assert!(folding.collected.len() <= 64);
        prop_assert!(folding.collected.iter().all(|one| one.value.chars().count() <= 256));
        if let Some(repeat) = folding.repeat {
            prop_assert!(repeat.words.len() <= 32);
            prop_assert!(repeat.words.iter().all(|(_, value)| value.chars().count() <= 120));
            let suggested = rules.suggest(&view);
            prop_assert!(suggested.is_none_or(|matchers| matchers.hold(&view)));
        }
        let steps = rules.explain(&view, &Silences::default(), Timestamp::UNIX_EPOCH);
        prop_assert!(steps.iter().all(|step| step.says.chars().count() <= 500 && step.values.len() <= 32));
        prop_assert_eq!(rules.folding(&view), rules.folding(&AlertView::new(alert.head(), &text)));
    }

    #[test]
    fn a_key_of_any_alert_hangs_neither_on_order_nor_on_form(data in json_value()) {
        let rules = rules("");
        let alert = json!({ "rule": { "id": "1" }, "agent": { "id": "001" }, "data": data });
        prop_assert_eq!(key(&rules, &alert.to_string()), key(&rules, &turned(&alert)));
    }

    #[test]
    fn the_index_of_the_allowlist_answers_what_asking_each_entry_answers(
        entries in (entry(0), entry(1), entry(2), entry(3), entry(4)).prop_map(|(a, b, c, d, e)| [a, b, c, d, e]),
        parts in proptest::array::uniform4(json_value()),
    ) {
        let [rule, agent, data, syscheck] = parts;
        let text = json!({ "rule": rule, "agent": agent, "data": data, "syscheck": syscheck }).to_string();
        let alert = Alert::parse(text.as_bytes()).unwrap();
        let view = AlertView::new(alert.head(), &text);
        let none = Silences::default();
        let all = rules(&entries.concat());
        let mut each = None;
        for entry in &entries {
            let alone = rules(entry);
            if each.is_none() && let Some(Silencer::Allowlist(name)) = alone.silencer(&view, &none, Timestamp::UNIX_EPOCH) {
                each = Some(name.to_owned());
            }
        }
        let found = all.silencer(&view, &none, Timestamp::UNIX_EPOCH);
        prop_assert_eq!(found, each.as_deref().map(Silencer::Allowlist));
    }

    #[test]
    fn the_index_of_silences_answers_what_asking_each_answers(
        times in proptest::collection::vec((0_i64..10, 1_i64..10, 0_usize..4), 0..20),
        rule in 0_u32..3,
        now in 0_i64..20,
    ) {
        let second = |second| Timestamp::from_second(second).unwrap();
        let texts = ["rule.id = 0", "rule.id =~ \"[01]\"", "agent.name = a", "{rule.id != 1, agent.name =~ a+}"];
        let made: Vec<SilenceRule> = times
            .iter()
            .enumerate()
            .map(|(n, (from, length, text))| {
                SilenceRule::new(format!("{n:02}"), texts[*text], second(*from), second(from + length)).unwrap()
            })
            .collect();
        let text = json!({ "rule": { "id": rule }, "agent": { "name": "a" } }).to_string();
        let alert = Alert::parse(text.as_bytes()).unwrap();
        let view = AlertView::new(alert.head(), &text);
        let silences = Silences::new(made.iter().rev().cloned().collect());
        let mut each: Vec<_> = made
            .iter()
            .filter(|silence| silence.is_active(second(now)) && silence.matchers().hold(&view))
            .map(|silence| (silence.starts_at(), silence.id()))
            .collect();
        each.sort();
        prop_assert_eq!(silences.matching(&view, second(now)), each.first().map(|(_, id)| *id));
    }
}
