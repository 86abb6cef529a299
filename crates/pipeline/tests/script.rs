//! The forwarder script with the AI worker, by its documented behaviour (facts/peers.md §3.1), beside ours: what it takes for the
//! same again, and where we differ. The differences are listed with reasons in `docs/folding.md`.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use std::time::Duration;

use alertbridge_alert::Alert;
use alertbridge_pipeline::{AlertView, Folding, QuietConfig, QuietRules, Silences};
use serde_json::{Value, json};

fn text_at(alert: &Value, path: &str) -> String {
    let mut value = alert;
    for key in path.split('.') {
        value = &value[key];
    }
    value.as_str().unwrap_or_default().to_owned()
}

fn first(alert: &Value, paths: &[&str]) -> String {
    let mut texts = paths.iter().map(|path| text_at(alert, path));
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

/// Rule, agent id, image, command line, target file, destination address.
fn repeat_of_script(alert: &Value) -> [String; 6] {
    [
        first(alert, &["rule.id"]),
        first(alert, &["agent.id"]),
        first(
            alert,
            &[
                "data.win.eventdata.image",
                "data.win.eventdata.originalFileName",
                "data.audit.exe",
                "data.audit.command",
            ],
        ),
        first(
            alert,
            &[
                "data.win.eventdata.commandLine",
                "data.audit.command",
                "data.command",
            ],
        ),
        first(
            alert,
            &[
                "data.win.eventdata.targetFilename",
                "data.audit.file",
                "data.audit.path",
            ],
        ),
        first(
            alert,
            &[
                "data.win.eventdata.destinationIp",
                "data.dstip",
                "data.dest_ip",
            ],
        ),
    ]
}

/// Agent id, rule, and image, else target file.
fn burst_of_script(alert: &Value) -> [String; 3] {
    let [rule, agent, image, _, file, _] = repeat_of_script(alert);
    [agent, rule, if image.is_empty() { file } else { image }]
}

fn folding(alert: &Value) -> Folding {
    let rules = QuietRules::try_from(QuietConfig::default()).unwrap();
    let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
    let text = alert.text();
    rules.folding(&AlertView::new(alert.head(), &text))
}

fn alert(rule: &str, groups: &[&str], data: Value) -> Value {
    json!({ "rule": { "id": rule, "groups": groups }, "agent": { "id": "001", "name": "a" }, "data": data })
}

fn sysmon(event: &str, data: Value) -> Value {
    let system = json!({ "eventID": event, "channel": "Microsoft-Windows-Sysmon/Operational" });
    alert(
        "92000",
        &[],
        json!({ "win": { "system": system, "eventdata": data } }),
    )
}

fn file(path: &str) -> Value {
    json!({ "rule": { "id": "550" }, "agent": { "id": "001" }, "syscheck": { "path": path, "event": "modified" } })
}

fn login(user: &str) -> Value {
    alert(
        "5715",
        &["authentication_success"],
        json!({ "srcip": "192.0.2.1", "dstuser": user }),
    )
}

fn failed(address: &str) -> Value {
    alert(
        "5710",
        &["authentication_failed"],
        json!({ "srcip": address }),
    )
}

fn cve(cve: &str) -> Value {
    alert(
        "23505",
        &[],
        json!({ "vulnerability": { "cve": cve, "package": { "name": "p" } } }),
    )
}

#[test]
fn repeats_are_those_of_the_script_but_where_it_takes_different_events_for_one() {
    let process = |image: &str, command: &str, hash: &str, pid: &str| {
        sysmon(
            "1",
            json!({ "image": image, "commandLine": command, "hashes": hash, "processId": pid }),
        )
    };
    let connection = |address: &str, port: &str| {
        sysmon(
            "3",
            json!({ "image": "x.exe", "destinationIp": address, "destinationPort": port }),
        )
    };
    let created =
        |by: &str, name: &str| sysmon("11", json!({ "image": by, "targetFilename": name }));
    let name = |name: &str| sysmon("22", json!({ "image": "x.exe", "queryName": name }));
    let cases: [(&str, Value, Value, bool, bool); 14] = [
        (
            "another process id",
            process("a", "a b", "M", "1"),
            process("a", "a b", "M", "2"),
            true,
            true,
        ),
        (
            "another command line",
            process("a", "a b", "M", "1"),
            process("a", "a c", "M", "1"),
            false,
            false,
        ),
        (
            "another image",
            process("a", "x", "M", "1"),
            process("b", "x", "M", "1"),
            false,
            false,
        ),
        (
            "another program under the name",
            process("a", "x", "M", "1"),
            process("a", "x", "N", "1"),
            true,
            false,
        ),
        (
            "upper case",
            process("A.exe", "x", "M", "1"),
            process("a.EXE", "X", "M", "1"),
            false,
            true,
        ),
        (
            "another address",
            connection("192.0.2.1", "443"),
            connection("192.0.2.2", "443"),
            false,
            false,
        ),
        (
            "another port",
            connection("192.0.2.1", "443"),
            connection("192.0.2.1", "22"),
            true,
            false,
        ),
        (
            "another file",
            created("x", "f"),
            created("x", "g"),
            false,
            false,
        ),
        (
            "the file made by another program",
            created("x", "f"),
            created("y", "f"),
            false,
            true,
        ),
        (
            "another name looked up",
            name("a.example"),
            name("b.example"),
            true,
            false,
        ),
        (
            "another file watched",
            file("/etc/a"),
            file("/etc/b"),
            true,
            false,
        ),
        ("another CVE", cve("CVE-1"), cve("CVE-2"), true, false),
        (
            "another user logged in",
            login("root"),
            login("bob"),
            true,
            false,
        ),
        (
            "another source of an attack",
            failed("192.0.2.1"),
            failed("192.0.2.2"),
            true,
            true,
        ),
    ];
    for (what, one, other, script, ours) in cases {
        assert_eq!(
            repeat_of_script(&one) == repeat_of_script(&other),
            script,
            "script: {what}"
        );
        let keys = [&one, &other].map(|alert| folding(alert).repeat.unwrap().key);
        assert_eq!(keys[0] == keys[1], ours, "ours: {what}");
    }
}

#[test]
fn a_burst_is_of_one_rule_on_one_agent_and_the_script_tells_its_programs_apart() {
    let alerts = [
        sysmon("1", json!({ "image": "a.exe", "commandLine": "1" })),
        sysmon("1", json!({ "image": "a.exe", "commandLine": "2" })),
        sysmon("1", json!({ "image": "b.exe" })),
        sysmon("11", json!({ "targetFilename": "f" })),
        sysmon("11", json!({ "targetFilename": "g" })),
        failed("192.0.2.1"),
        failed("192.0.2.2"),
        alert("80700", &[], json!({ "audit": { "exe": "/bin/sh" } })),
    ];
    for one in &alerts {
        for other in &alerts {
            let [rule, agent, program] = burst_of_script(one);
            let [other_rule, other_agent, other_program] = burst_of_script(other);
            let ours = folding(one).burst.unwrap().key == folding(other).burst.unwrap().key;
            assert_eq!(
                ours,
                (&rule, &agent) == (&other_rule, &other_agent),
                "{one} {other}"
            );
            // What is one burst to the script is one to us.
            assert!(ours || (rule, agent, program) != (other_rule, other_agent, other_program));
        }
    }
}

#[test]
fn windows_and_limits_are_those_of_the_script() {
    let folding = folding(&failed("192.0.2.1"));
    let (repeat, burst) = (folding.repeat.unwrap(), folding.burst.unwrap());
    assert_eq!(repeat.window, Duration::from_secs(900));
    assert_eq!((burst.limit, burst.period), (5, Duration::from_secs(300)));
}

#[test]
fn the_ready_made_allowlist_hides_what_the_script_drops_but_not_high_signal_rules() {
    let is_hidden = |text: &str, alert: &Value| {
        let rules = QuietRules::try_from(toml::from_str::<QuietConfig>(text).unwrap()).unwrap();
        let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
        let text = alert.text();
        let now = "2026-01-01T00:00Z".parse().unwrap();
        rules
            .silencer(
                &AlertView::new(alert.head(), &text),
                &Silences::default(),
                now,
            )
            .is_some()
    };
    let preset = "allowlist_presets = [\"async-ai\"]\n";
    let image = |path: &str| sysmon("1", json!({ "image": path, "commandLine": "svchost.exe" }));
    for path in [
        r"C:\\Windows\\System32\\svchost.exe",
        r"C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
        r"C:\\Windows\\System32\\SearchIndexer.exe",
        r"C:\\Windows\\System32\\backgroundTaskHost.exe",
        r"C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18\\MsMpEng.exe",
        r"C:\\Program Files (x86)\\ossec-agent\\wazuh-agent.exe",
        r"C:\\Program Files\\SplunkUniversalForwarder\\bin\\splunkd.exe",
        r"C:\\Windows\\CCM\\CcmExec.exe",
        r"C:\\Windows\\CCM\\scclient.exe",
        r"C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe",
        r"C:\\Program Files (x86)\\Google\\Update\\GoogleUpdate.exe",
    ] {
        assert!(is_hidden(preset, &image(path)), "{path}");
    }
    for path in [
        r"C:\\Windows\\SoftwareDistribution\\Download\\x.exe",
        r"C:\\Windows\\Prefetch\\CMD.EXE-1.pf",
        r"C:\\Users\\u\\AppData\\Local\\Google\\Chrome\\User Data\\Default\\Cookies",
        r"C:\\Windows\\System32\\winevt\\Logs\\Security.evtx",
        r"C:\\Windows\\CCM\\Logs\\x.log",
    ] {
        let alert = sysmon(
            "11",
            json!({ "image": r"C:\\x.exe", "targetFilename": path }),
        );
        assert!(is_hidden(preset, &alert), "{path}");
    }
    assert!(!is_hidden(preset, &image(r"C:\\Users\\Public\\evil.exe")));
    let svchost = image(r"C:\\Windows\\System32\\svchost.exe");
    let high_signal = "high_signal_rules = [92000]\n";
    assert!(!is_hidden(&format!("{preset}{high_signal}"), &svchost));
    assert!(is_hidden(
        &format!("allowlist_beats_high_signal = true\n{preset}{high_signal}"),
        &svchost
    ));
}
