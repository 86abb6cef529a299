//! What each matcher means for values of every JSON type, lists and missing fields.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::Alert;
use alertbridge_pipeline::{AlertView, Matcher, Matchers};

const ALERT: &str = r#"{
    "rule": {"level": 10, "id": "5712", "groups": ["syslog", " powershell", "sshd"], "mitre": {"id": ["T1110", "T1021.004"]}},
    "agent": {"id": "001", "name": "web-01", "labels": {"com.docker.service": "shop"}},
    "manager": {"name": "m1"},
    "full_log": "first line\nsecond line",
    "data": {
        "srcip": "10.1.2.3", "mapped": "::ffff:10.1.2.3", "text_five": "5", "number_five": 5, "float_five": 5.0,
        "wazuh_five": "5.000000", "yes": true, "null": null, "empty": "", "no_items": [], "no_fields": {}, "zero": 0,
        "mixed": [1, "two", null, ["three"], {"id": "four"}],
        "people": [{"name": "ann", "age": 30}, {"name": "bob"}],
        "Image": "C:\\Windows\\cmd.exe", "image": {"not": "text"}
    },
    "syscheck": {"path": "/etc/passwd"}
}"#;

fn holds(matchers: &str) -> bool {
    let alert = Alert::parse(ALERT.as_bytes()).unwrap();
    let text = alert.text();
    let matchers: Matchers = matchers
        .parse()
        .unwrap_or_else(|error| panic!("{matchers}: {error}"));
    matchers.hold(&AlertView::new(alert.head(), &text))
}

fn all_hold(matchers: &[&str]) {
    for matcher in matchers {
        assert!(holds(matcher), "{matcher} should hold");
    }
}

fn none_hold(matchers: &[&str]) {
    for matcher in matchers {
        assert!(!holds(matcher), "{matcher} should not hold");
    }
}

#[test]
fn numbers_compare_whatever_type_they_have() {
    for field in ["text_five", "number_five", "float_five", "wazuh_five"] {
        all_hold(&[&format!("data.{field} >= 5, data.{field} <= 5.0")]);
        all_hold(&[&format!("data.{field} > 4.9, data.{field} < 51e-1")]);
        none_hold(&[&format!("data.{field} > 5"), &format!("data.{field} < 5")]);
    }
    all_hold(&["rule.level >= 8", "rule.level > 9.5", "rule.id > 5711"]);
    none_hold(&[
        "rule.level < 8",
        "agent.name > 0",
        "data.yes > 0",
        "data.nothing < 1",
    ]);
}

#[test]
fn texts_compare_by_their_letters() {
    all_hold(&[
        "data.number_five = 5",
        "data.text_five = 5",
        "data.yes = true",
        "rule.level = 10",
        "agent.id = 001",
        "data.zero = 0",
        r"data.Image = C:\Windows\cmd.exe",
        r#"data.Image = "C:\\Windows\\cmd.exe""#,
        "agent.id != 1",
        "agent.name !~ web",
    ]);
    none_hold(&[
        "data.wazuh_five = 5",
        "agent.id = 1",
        "agent.name = WEB-01",
        "agent.name =~ eb-01",
        "agent.name =~ WEB.*",
    ]);
    all_hold(&[
        "agent.name =~ web-.*",
        "agent.name =~ (?i)WEB.*",
        "full_log =~ .*second.*",
    ]);
}

#[test]
fn a_list_means_any_and_denied_means_none() {
    all_hold(&[
        "rule.groups = sshd",
        "rule.groups =~ s.*",
        "rule.groups != windows",
        "rule.groups !~ win.*",
        "rule.mitre.id = T1021.004",
        "data.mixed = three",
        "data.mixed = 1",
        "data.mixed < 2",
        "data.mixed.id = four",
        "data.people.name = bob",
        "data.people.age = 30",
        "data.mixed != four",
    ]);
    none_hold(&[
        "rule.groups != sshd",
        "rule.groups !~ s.*",
        "data.people.name != ann",
        "data.mixed = null",
    ]);
}

#[test]
fn blanks_around_a_value_may_be_written_or_left_out() {
    all_hold(&[
        "rule.groups = powershell",
        "rule.groups = \" powershell\"",
        "rule.groups =~ power.*",
        "rule.groups =~ \" p.*\"",
    ]);
    none_hold(&["rule.groups != powershell", "rule.groups !~ power.*"]);
}

#[test]
fn addresses_lie_in_networks_and_other_texts_in_none() {
    all_hold(&[
        "data.srcip in 10.0.0.0/8",
        "data.srcip in 192.168.0.0/16, 10.1.2.3",
        "data.mapped in 10.0.0.0/8",
        "data.srcip not in 192.168.0.0/16",
        "agent.name not in 10.0.0.0/8",
        "data.nothing not in 0.0.0.0/0",
    ]);
    none_hold(&[
        "data.srcip in 10.2.0.0/16",
        "data.srcip not in 10.0.0.0/8",
        "agent.name in 0.0.0.0/0",
        "data.srcip in ::/0",
    ]);
}

#[test]
fn what_holds_nothing_does_not_exist() {
    for field in [
        "null",
        "empty",
        "no_items",
        "no_fields",
        "nothing",
        "srcip.deeper",
    ] {
        all_hold(&[
            &format!("data.{field} not exists"),
            &format!("data.{field} = \"\""),
            &format!("data.{field} != x"),
            &format!("data.{field} =~ .*"),
            &format!("data.{field} !~ .+"),
        ]);
        none_hold(&[
            &format!("data.{field} exists"),
            &format!("data.{field} != \"\""),
            &format!("data.{field} = x"),
        ]);
    }
    all_hold(&[
        "data.zero exists",
        "syscheck exists",
        "data.people exists",
        "rule.mitre.id exists",
        "rule.level exists",
    ]);
    none_hold(&[
        "agent.ip exists",
        "syscheck not exists",
        "rule.level not exists",
        "syscheck = \"\"",
    ]);
}

#[test]
fn keys_are_found_exactly_first_and_then_in_any_case() {
    all_hold(&[
        "Rule.ID = 5712",
        "AGENT.NAME = web-01",
        "data.SRCIP = 10.1.2.3",
        // The exact key has no text of that name, so the path through the other spelling counts.
        "data.image.not = text",
        r"data.IMAGE = C:\Windows\cmd.exe",
        "agent.labels.com.docker.service = shop",
        "\"agent.labels.com.docker.service\" exists",
    ]);
    none_hold(&["data.image =~ .*cmd.*", "agent.labels.com.docker = shop"]);
}

#[test]
fn the_fields_of_the_head_are_those_of_the_alert() {
    let usual = [
        "agent.id",
        "agent.ip",
        "agent.name",
        "cluster.node",
        "decoder.name",
        "full_log",
        "location",
        "manager.name",
        "rule.description",
        "rule.groups",
        "rule.id",
        "rule.mitre.id",
        "rule.mitre.tactic",
        "rule.mitre.technique",
    ];
    let mut compared = 0;
    for line in include_str!("../../../data/alerts.jsonl").lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        let text = alert.text();
        let view = AlertView::new(alert.head(), &text);
        let tree: serde_json::Value = serde_json::from_str(line).unwrap();
        for path in usual {
            // The same field in capitals is not one the head knows, so it is searched in the alert itself.
            let both = [path.to_owned(), path.to_uppercase()];
            let at = tree.pointer(&format!("/{}", path.replace('.', "/")));
            let values: Vec<&str> = match at {
                Some(serde_json::Value::Array(items)) => {
                    items.iter().filter_map(|item| item.as_str()).collect()
                }
                Some(value) => value.as_str().into_iter().collect(),
                None => Vec::new(),
            };
            for spelled in &both {
                let exists: Matchers = format!("{spelled} exists").parse().unwrap();
                assert_eq!(exists.hold(&view), !values.is_empty(), "{spelled}: {line}");
                for value in &values {
                    let equal = Matcher::equal(spelled, value).unwrap();
                    assert!(equal.holds(&view), "{equal}: {line}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000);
}
