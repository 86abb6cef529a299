//! Gates as the operator writes them, and the preset over the real alerts.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::Alert;
use alertbridge_pipeline::{AlertView, Gate};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");

fn gate(toml: &str) -> Gate {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

fn passes(gate: &Gate, json: &str) -> bool {
    let alert = Alert::parse(json.as_bytes()).unwrap();
    let text = alert.text();
    gate.passes(&AlertView::new(alert.head(), &text))
}

#[test]
fn the_preset_decides_on_every_real_alert_as_its_documented_rule() {
    let gate = gate("preset = \"async-ai\"\nhigh_signal_rules = [554, \"5715\"]\n");
    let (mut through, mut filtered) = (0, 0);
    for line in ALERTS.lines() {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        let rule = &alert["rule"];
        // facts/peers.md §3.1, gates A, B and C.
        let has_mitre = rule["mitre"]["id"]
            .as_array()
            .is_some_and(|ids| !ids.is_empty());
        let high_signal = matches!(rule["id"].as_str(), Some("554" | "5715"));
        let expected = rule["level"].as_u64().unwrap() >= 8 || has_mitre || high_signal;
        assert_eq!(passes(&gate, line), expected, "{line}");
        if expected {
            through += 1
        } else {
            filtered += 1
        }
    }
    // Both answers were really asked for.
    assert!(
        through > 20 && filtered > 20,
        "{through} through, {filtered} filtered"
    );
}

#[test]
fn each_way_through_the_preset_is_enough_alone() {
    let gate = gate("preset = \"async-ai\"\nhigh_signal_rules = [\"100624\"]\n");
    assert!(passes(&gate, r#"{"rule":{"level":8}}"#));
    assert!(passes(
        &gate,
        r#"{"rule":{"level":3,"mitre":{"id":["T1059"]}}}"#
    ));
    assert!(passes(&gate, r#"{"rule":{"level":3,"id":"100624"}}"#));
    assert!(!passes(
        &gate,
        r#"{"rule":{"level":7,"id":"1","mitre":{"id":[]}}}"#
    ));
    assert!(!passes(&gate, "{}"));
}

#[test]
fn all_of_any_of_and_the_level_must_each_agree() {
    let gate = gate(
        "minimum_level = 3\n\
         all_of = [\"agent.name != lab01\", '{rule.groups = sysmon, rule.id exists}']\n\
         any_of = [\"rule.level >= 12\", '{rule.id = 92052, data.user =~ \"adm.*\"}']\n",
    );
    let alert = |level: u32, agent: &str, group: &str, user: &str| {
        format!(
            r#"{{"rule":{{"level":{level},"id":"92052","groups":["{group}"]}},"agent":{{"name":"{agent}"}},"data":{{"user":"{user}"}}}}"#
        )
    };
    assert!(passes(&gate, &alert(3, "web01", "sysmon", "admin")));
    assert!(passes(&gate, &alert(12, "web01", "sysmon", "guest")));
    assert!(!passes(&gate, &alert(2, "web01", "sysmon", "admin")));
    assert!(!passes(&gate, &alert(12, "lab01", "sysmon", "admin")));
    assert!(!passes(&gate, &alert(12, "web01", "sshd", "admin")));
    assert!(!passes(&gate, &alert(4, "web01", "sysmon", "guest")));
}

#[test]
fn an_empty_gate_lets_everything_through() {
    assert!(passes(&gate(""), "{}"));
    assert!(gate("").passes_level(0));
}

#[test]
fn the_level_is_read_out_of_the_conditions_too() {
    assert!(!gate("all_of = [\"rule.level >= 9\"]").passes_level(8));
    assert!(gate("all_of = [\"rule.level >= 9\"]").passes_level(9));
    let either = gate("any_of = [\"rule.level >= 9\", '{rule.level > 5, rule.id = 1}']");
    assert!(!either.passes_level(4));
    assert!(either.passes_level(6));
    assert!(gate("preset = \"async-ai\"").passes_level(0));
}

#[test]
fn keys_that_make_no_gate_together_are_refused_with_the_remedy() {
    for (toml, says) in [
        (
            "any_of = []",
            "any_of is empty, so nothing would get through",
        ),
        (
            "high_signal_rules = [1]",
            "high_signal_rules goes with preset = \"async-ai\"",
        ),
        ("preset = \"seed\"", "expected `async-ai`"),
        (
            "preset = \"async-ai\"\nhigh_signal_rules = [-1]",
            "expected a rule id such as \"100624\"",
        ),
        (
            "preset = \"async-ai\"\nhigh_signal_rules = [\"\"]",
            "expected a rule id such as \"100624\"",
        ),
    ] {
        let error = toml::from_str::<Gate>(toml).unwrap_err().to_string();
        assert!(error.contains(says), "{toml}: {error}");
    }
}
