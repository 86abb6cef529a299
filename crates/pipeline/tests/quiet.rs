//! What is silenced, by what, and why not: silences, mute times, allowlists.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::Alert;
use alertbridge_pipeline::{
    AlertView, Gate, QuietConfig, QuietRules, SilenceError, SilenceRule, Silencer, Silences,
};
use jiff::Timestamp;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rules(text: &str) -> QuietRules {
    QuietRules::try_from(toml::from_str::<QuietConfig>(text).unwrap()).unwrap()
}

fn refused(text: &str) -> String {
    QuietRules::try_from(toml::from_str::<QuietConfig>(text).unwrap())
        .unwrap_err()
        .to_string()
}

/// `silence:s1`, `mute:night`, `allowlist:backup`, or nothing.
fn silencer(rules: &QuietRules, silences: &Silences, alert: &Value, now: &str) -> Option<String> {
    let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
    let text = alert.text();
    let view = AlertView::new(alert.head(), &text);
    Some(match rules.silencer(&view, silences, at(now))? {
        Silencer::Silence(id) => format!("silence:{id}"),
        Silencer::Mute(name) => format!("mute:{name}"),
        Silencer::Allowlist(name) => format!("allowlist:{name}"),
    })
}

fn is_hidden(rules: &QuietRules, alert: &Value) -> bool {
    silencer(rules, &Silences::default(), alert, "2026-01-01T00:00Z").is_some()
}

fn silence(id: &str, matchers: &str) -> Result<SilenceRule, SilenceError> {
    SilenceRule::new(
        id,
        matchers,
        at("2026-01-01T00:00Z"),
        at("2026-01-02T00:00Z"),
    )
}

#[test]
fn a_silence_holds_from_its_start_on_and_not_from_its_end_on() {
    let rule = silence("s", "rule.id = 5710").unwrap();
    let silences = Silences::new(vec![rule]);
    let alert = json!({ "rule": { "id": "5710" } });
    for (now, expected) in [
        ("2025-12-31T23:59:59.999Z", None),
        ("2026-01-01T00:00Z", Some("silence:s")),
        ("2026-01-01T23:59:59.999Z", Some("silence:s")),
        ("2026-01-02T00:00Z", None),
    ] {
        assert_eq!(
            silencer(&rules(""), &silences, &alert, now).as_deref(),
            expected,
            "{now}"
        );
    }
}

#[test]
fn of_several_silences_the_first_that_started_counts_whatever_order_they_came_in() {
    let early = SilenceRule::new(
        "z",
        "rule.id = 1",
        at("2025-12-01T00:00Z"),
        at("2026-02-01T00:00Z"),
    )
    .unwrap();
    let (a, b) = (
        silence("a", "rule.id = 1").unwrap(),
        silence("b", "rule.id = 1").unwrap(),
    );
    let alert = json!({ "rule": { "id": "1" } });
    for order in [[&early, &a, &b], [&b, &a, &early], [&a, &early, &b]] {
        let silences = Silences::new(order.into_iter().cloned().collect());
        assert_eq!(
            silencer(&rules(""), &silences, &alert, "2026-01-01T00:00Z").unwrap(),
            "silence:z"
        );
        let later = Silences::new(vec![b.clone(), a.clone()]);
        assert_eq!(
            silencer(&rules(""), &later, &alert, "2026-01-01T00:00Z").unwrap(),
            "silence:a"
        );
    }
}

#[test]
fn nobody_silences_everything_by_mistake() {
    for matchers in [
        "rule.id =~ .*",
        "rule.id != 5710",
        "{agent.name !~ web.*, data.srcip not in 10.0.0.0/8}",
        "x not exists",
        "rule.level >= 3",
        "data.x = \"\"",
    ] {
        let error = silence("s", matchers).unwrap_err();
        assert!(
            matches!(error, SilenceError::TooWide { .. }),
            "{matchers}: {error}"
        );
    }
    assert!(silence("s", "{rule.id != 5710, agent.name = lab01}").is_ok());
    assert_eq!(
        silence("s", "rule.id == 5710").unwrap_err().to_string(),
        "silence s: matcher, column 9: expected one `=` where `==` stands"
    );
    let backwards = SilenceRule::new(
        "s",
        "rule.id = 1",
        at("2026-01-02T00:00Z"),
        at("2026-01-02T00:00Z"),
    );
    assert!(matches!(
        backwards,
        Err(SilenceError::EndsBeforeItStarts { .. })
    ));
}

#[test]
fn a_silence_counts_before_a_mute_time_and_that_before_the_allowlist() {
    let text = r#"
        [[allowlist]]
        name = "list"
        comment = "c"
        rules = [1]
        [[mute]]
        name = "time"
        comment = "c"
        matchers = "rule.id = 1"
        years = ["2026"]
    "#;
    let alert = json!({ "rule": { "id": "1" } });
    let silences = Silences::new(vec![silence("s", "rule.id = 1").unwrap()]);
    let ask = |silences, now| silencer(&rules(text), silences, &alert, now).unwrap();
    assert_eq!(ask(&silences, "2026-01-01T12:00Z"), "silence:s");
    assert_eq!(ask(&silences, "2026-06-01T12:00Z"), "mute:time");
    assert_eq!(ask(&silences, "2027-01-01T12:00Z"), "allowlist:list");
}

const ENTRIES: &str = r#"
    high_signal_rules = ["100624"]

    [[allowlist]]
    name = "backup"
    comment = "nightly copy"
    processes = ['C:\Program Files\Backup\agent.exe', '/usr/bin/rsync']
    agents = ["db*", "007"]

    [[allowlist]]
    name = "names"
    comment = "ours"
    domains = ["example.com"]

    [[allowlist]]
    name = "scanner"
    comment = "ours"
    networks = ["10.9.0.0/16", "2001:db8::1"]
    matchers = ["rule.groups = web", "rule.groups = sshd"]

    [[allowlist]]
    name = "tool"
    comment = "checked"
    hashes = ["D41D8CD98F00B204E9800998ECF8427E"]
"#;

#[test]
fn several_keys_of_an_entry_must_hold_and_of_a_list_any() {
    let rules = rules(ENTRIES);
    let process = |agent: &str, image: &str| json!({ "rule": { "id": "1" }, "agent": { "name": agent, "id": "1" }, "data": { "win": { "eventdata": { "image": image } } } });
    assert!(is_hidden(
        &rules,
        &process("DB01", r"C:\\PROGRAM FILES\\Backup\\agent.exe")
    ));
    assert!(!is_hidden(
        &rules,
        &process("web01", r"C:\\Program Files\\Backup\\agent.exe")
    ));
    assert!(!is_hidden(
        &rules,
        &process("db01", r"C:\\Program Files\\Backup\\other.exe")
    ));
    let linux = |exe: &str| json!({ "rule": { "id": "1" }, "agent": { "id": "007" }, "data": { "audit": { "exe": exe } } });
    assert!(
        is_hidden(&rules, &linux("/usr/bin/rsync")) && !is_hidden(&rules, &linux("/usr/bin/RSYNC"))
    );
    let parent = json!({ "rule": { "id": "1" }, "agent": { "name": "db1" }, "data": { "win": { "eventdata": {
        "image": r"C:\\evil.exe", "parentImage": r"C:\\Program Files\\Backup\\agent.exe",
    } } } });
    assert!(!is_hidden(&rules, &parent), "what it starts is not hidden");
    let address = |field: &str, address: &str, group: &str| json!({ "rule": { "id": "1", "groups": [group] }, "data": { field: address } });
    assert!(is_hidden(&rules, &address("srcip", "10.9.1.2", "web")));
    assert!(is_hidden(&rules, &address("dst_ip", "2001:db8::1", "sshd")));
    assert!(!is_hidden(&rules, &address("srcip", "10.9.1.2", "syslog")));
    assert!(!is_hidden(&rules, &address("srcip", "10.8.1.2", "web")));
    let name = |name: &str| json!({ "rule": { "id": "1" }, "data": { "win": { "eventdata": { "queryName": name } } } });
    assert!(
        is_hidden(&rules, &name("cdn.Example.com"))
            && !is_hidden(&rules, &name("example.com.evil.net"))
    );
    let hash = |field: &str| json!({ "rule": { "id": "1" }, "syscheck": { field: "d41d8cd98f00b204e9800998ecf8427e" } });
    assert!(is_hidden(&rules, &hash("md5_after")) && !is_hidden(&rules, &hash("md5_before")));
}

#[test]
fn a_high_signal_rule_comes_before_allowlists_unless_told_otherwise() {
    let alert = json!({ "rule": { "id": "100624" }, "data": { "query": "example.com" } });
    assert!(!is_hidden(&rules(ENTRIES), &alert));
    assert!(is_hidden(
        &rules(&format!("allowlist_beats_high_signal = true\n{ENTRIES}")),
        &alert
    ));
    assert!(is_hidden(
        &rules(ENTRIES),
        &json!({ "rule": { "id": "1" }, "data": { "query": "example.com" } })
    ));
}

#[test]
fn a_bad_allowlist_entry_is_refused_with_its_place() {
    let entry = |rest: &str| {
        refused(&format!(
            "[[allowlist]]\nname = \"a\"\ncomment = \"c\"\n{rest}"
        ))
    };
    let long = format!("processes = [\"{}\"]", "a".repeat(2000));
    for (rest, expected) in [
        ("", "quiet.allowlist \"a\": it has no key that picks alerts"),
        (
            "processes = [\"x.exe\", \"*\"]",
            "quiet.allowlist \"a\" processes[1]: \"*\" would match nearly everything",
        ),
        (&long, "quiet.allowlist \"a\" processes[0]: \"aaa"),
        (
            "networks = [\"10.1.2.3/8\"]",
            "quiet.allowlist \"a\" networks[0]: 10.1.2.3/8 has bits behind its prefix",
        ),
        (
            "domains = [\"http://x\"]",
            "quiet.allowlist \"a\" domains[0]: expected a domain",
        ),
        (
            "hashes = [\"xyz\"]",
            "quiet.allowlist \"a\" hashes[0]: expected an MD5",
        ),
        (
            "matchers = [\"rule.id != 5\"]",
            "quiet.allowlist \"a\": matchers also hold for an alert without",
        ),
        (
            "rules = [1]\n[[allowlist]]\nname = \"a\"\ncomment = \"c\"\nrules = [2]",
            "quiet.allowlist \"a\": a second entry has this name",
        ),
    ] {
        let error = entry(rest);
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(
        refused("[[allowlist]]\nname = \"a\"\ncomment = \" \"\nrules = [1]")
            .contains("comment is empty")
    );
    for (text, expected) in [
        (
            "[[allowlist]]\nname = \"a\"\nrules = [1]",
            "missing field `comment`",
        ),
        (
            "[[allowlist]]\nname = \"a\"\ncomment = \"c\"\nrule = [1]",
            "unknown field `rule`",
        ),
        (
            "[[allowlist]]\nname = \"a\"\ncomment = \"c\"\nmatchers = [\"a == b\"]",
            "matcher, column 3",
        ),
        ("allowlist_presets = [\"seed\"]", "unknown variant `seed`"),
    ] {
        let error = toml::from_str::<QuietConfig>(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn every_step_says_what_it_saw_and_the_output_is_bounded() {
    let rules = rules(&format!(
        "{ENTRIES}\n[[mute]]\nname = \"night\"\ncomment = \"c\"\nmatchers = \"rule.id = 1\"\ntimes = [{{ start_time = \"22:00\", end_time = \"06:00\" }}]"
    ));
    let mut silences: Vec<SilenceRule> = (0..100)
        .map(|n| silence(&format!("s{n:03}"), &format!("rule.id = {n}")).unwrap())
        .collect();
    silences.push(silence("web", "agent.name =~ web.*").unwrap());
    let silences = Silences::new(silences);
    let alert = json!({ "rule": { "id": "1", "level": 3 }, "agent": { "name": "x".repeat(500) }, "data": { "query": "a.example.com" } });
    let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
    let text = alert.text();
    let steps = rules.explain(
        &AlertView::new(alert.head(), &text),
        &silences,
        at("2026-01-03T12:00Z"),
    );
    let says = |rule: &str| &steps.iter().find(|step| step.rule == rule).unwrap().says;
    assert_eq!(
        says("silence s001"),
        "would silence it, but ended at 2026-01-02T00:00:00Z"
    );
    assert_eq!(says("silences"), "81 more that are not shown");
    assert_eq!(
        says("mute night"),
        "would mute it, but not now: the clock there shows Saturday 2026-01-03 12:00"
    );
    assert_eq!(says("allowlist names"), "hides it");
    assert_eq!(
        says("allowlist scanner"),
        "no: matchers, networks does not hold"
    );
    assert!(says("repeat key").starts_with("family \"other\"; within 900s of the last repeat: "));
    assert_eq!(
        says("budget"),
        "counts: 300 an hour for a customer, 300 for a sink"
    );
    let names = steps
        .iter()
        .find(|step| step.rule == "allowlist names")
        .unwrap();
    assert_eq!(
        names.values,
        [("data.query".to_owned(), vec!["a.example.com".to_owned()])]
    );
    let values = steps
        .iter()
        .flat_map(|step| &step.values)
        .flat_map(|(_, values)| values);
    assert!(values.clone().all(|value| value.chars().count() <= 120) && values.count() > 3);
}

#[test]
fn a_ready_made_allowlist_says_that_it_hides_attacks() {
    let rules = rules("allowlist_presets = [\"async-ai\"]");
    assert!(rules.warnings()[0].contains("hides attacks"));
    assert!(self::rules("").warnings().is_empty());
    let alert = json!({ "rule": { "id": "1" }, "data": { "win": { "eventdata": { "image": r"C:\\Windows\\System32\\svchost.exe" } } } });
    assert!(is_hidden(&rules, &alert));
    assert!(refused("allowlist_presets = [\"async-ai\", \"async-ai\"]").contains("listed twice"));
}

#[test]
fn a_gate_says_which_part_of_it_decided() {
    let gate: Gate = toml::from_str(
        "minimum_level = 3\nall_of = [\"agent.name != lab01\"]\nany_of = [\"rule.level >= 10\", \"rule.groups = sshd\"]",
    )
    .unwrap();
    let says = |alert: Value| {
        let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
        let text = alert.text();
        let view = AlertView::new(alert.head(), &text);
        let step = gate.explain(&view);
        assert_eq!(step.says.starts_with("passes"), gate.passes(&view));
        assert_eq!(step.values[0].0, "rule.level");
        step.says
    };
    let rule = |level: u32, group: &str, agent: &str| json!({ "rule": { "level": level, "groups": [group] }, "agent": { "name": agent } });
    assert_eq!(
        says(rule(2, "sshd", "a")),
        "filtered: level 2 is below minimum_level = 3"
    );
    assert_eq!(
        says(rule(5, "sshd", "lab01")),
        "filtered: agent.name != \"lab01\" of all_of does not hold"
    );
    assert_eq!(
        says(rule(5, "web", "a")),
        "filtered: none of the 2 entries of any_of holds"
    );
    assert_eq!(
        says(rule(5, "sshd", "a")),
        "passes: rule.groups = \"sshd\" holds"
    );
}

#[test]
fn rules_are_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<QuietRules>();
    is_shared::<Silences>();
}
