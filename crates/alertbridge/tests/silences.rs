//! Silences and noise at the command line, beside a ledger that nobody else has open.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::Duration,
};

use alertbridge_alert::Alert;
use alertbridge_ledger::{
    Arrival, Folding, Intake, Ledger, OpenOptions, Placement, Repeat, Route, SilencedBy,
    SqliteLedger,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::world::{ALERTS, World};

/// A world whose daemon has run once and holds these alerts, received a while ago.
fn world(alerts: &[(Vec<u8>, Placement)]) -> World {
    let world = World::make("http://127.0.0.1:9", "key", "");
    let options = OpenOptions::new(|| Timestamp::UNIX_EPOCH);
    let ledger = SqliteLedger::open(world.root().join("ledger.db"), options).unwrap();
    let arrivals = alerts.iter().map(|(raw, placement)| {
        let alert = Alert::parse(&raw[..]).unwrap();
        Arrival {
            reference: alert.reference().as_str().into(),
            reference_if_taken: format!("{}#", alert.reference().as_str()),
            fingerprint: *alert.fingerprint().as_bytes(),
            agent: alert.head().agent.id.clone().unwrap_or_default(),
            rule_id: alert.head().rule_id.clone().unwrap_or_default(),
            level: alert.head().level,
            payload: raw.clone(),
            placement: placement.clone(),
            folding: Folding {
                repeat: alert.head().rule_id.as_ref().map(|rule| Repeat {
                    key: *blake3::hash(rule.as_bytes())
                        .as_bytes()
                        .first_chunk()
                        .unwrap(),
                    window: Duration::from_secs(900),
                    longest_life: Duration::from_secs(86_400),
                }),
                ..Folding::default()
            },
            tallies: Vec::new(),
        }
    });
    let kept = ledger.intake(Intake {
        source: "follower".into(),
        received_at: "2026-11-20T10:30:00Z".parse().unwrap(),
        filtered: 30,
        filtered_by: vec![("follower".into(), 30)],
        arrivals: arrivals.collect(),
        ..Intake::default()
    });
    kept.blocking_recv().unwrap().unwrap();
    world
}

fn routed() -> Placement {
    Placement::Routed(vec![Route {
        sink: "iris".into(),
        lane: "1".into(),
    }])
}

/// A failed login.
fn login(number: u32, agent: &str, description: &str) -> Vec<u8> {
    let alert = json!({
        "timestamp": "2026-11-20T10:29:10.352+0000",
        "id": format!("1795250613.{number}"),
        "rule": {"level": 5, "id": "5710", "description": description, "groups": ["syslog", "sshd"]},
        "agent": {"id": "001", "name": agent},
        "manager": {"name": "m1"},
        "decoder": {"name": "sshd"},
        "data": {"srcip": "203.0.113.9", "srcuser": "root"},
    });
    serde_json::to_vec(&alert).unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_of(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&world.text(arguments)).unwrap()
}

fn add(world: &World, matchers: &str, comment: &str) -> String {
    let id = world.text(&[
        "silence",
        "add",
        matchers,
        "--comment",
        comment,
        "--created-by",
        "ana",
        "--duration",
        "2h",
    ]);
    id.trim_end().to_owned()
}

fn refused(world: &World, arguments: &[&str], code: i32) -> String {
    let output = world.command(arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    assert_eq!(out(&output), "", "what is refused prints no data");
    err(&output)
}

#[test]
fn a_silence_is_made_listed_and_ended_at_the_command_line() {
    let world = world(&[]);
    assert_eq!(world.text(&["silence", "list"]), "no silences\n");
    let id = add(&world, "{rule.id=5710, agent.name=~web.*}", "pentest");
    assert_eq!(id.len(), 36, "{id}");
    let list = world.text(&["silence", "list"]);
    assert!(list.starts_with(&format!("{id}  active, ends ")), "{list}");
    assert!(
        list.contains(r#"{rule.id = "5710", agent.name =~ "web.*"}"#),
        "{list}"
    );
    assert!(list.contains("ana: pentest"), "{list}");
    assert!(list.contains("no alert silenced yet"), "{list}");

    let later = json_of(
        &world,
        &[
            "silence",
            "add",
            "rule.id = 550",
            "--comment",
            "c",
            "--starts-at",
            "1 day",
            "--duration",
            "7d",
            "--json",
        ],
    );
    let time = |name: &str| later[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(
        time("ends_at").duration_since(time("starts_at")).as_secs(),
        7 * 86_400
    );
    assert_eq!(
        time("starts_at")
            .duration_since(time("created_at"))
            .as_secs(),
        86_400
    );
    let listed = json_of(&world, &["silence", "list", "--json"]);
    let states: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["active", "pending"]);

    let ended = world.command(&["silence", "expire", &id, "nobody's\u{1b}[2J"]);
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    assert_eq!(out(&ended), "expired: 1\n");
    assert!(err(&ended).contains("no such silence"), "{ended:?}");
    assert!(!err(&ended).contains('\u{1b}'), "nothing moves the cursor");
    assert!(!world.text(&["silence", "list"]).contains(&id));
    assert!(
        world
            .text(&["silence", "list", "--all"])
            .contains(&format!("{id}  ended "))
    );
    assert_eq!(
        world.command(&["silence", "expire", &id]).status.code(),
        Some(75)
    );
}

#[test]
fn what_is_no_silence_is_refused_with_the_place_and_the_remedy() {
    let world = world(&[]);
    let add = |matchers: &str, more: &[&str]| {
        let mut arguments = vec!["silence", "add", matchers, "--comment", "c"];
        arguments.extend(more);
        refused(&world, &arguments, 2)
    };
    let says = add("rule.id == 5710", &["--duration", "2h"]);
    assert!(
        says.contains("matcher, column 9: expected one `=`"),
        "{says}"
    );
    assert!(
        says.ends_with("\n  rule.id == 5710\n          ^\n"),
        "{says}"
    );
    let says = add("\u{1b}[31m", &["--duration", "2h"]);
    assert!(!says.contains('\u{1b}'), "{says:?}");
    let says = add("agent.name != lab01", &["--duration", "2h"]);
    assert!(says.contains("nearly everything"), "{says}");
    let says = add("rule.level < 12", &["--duration", "2h"]);
    assert!(says.contains("rule.level alone does not count"), "{says}");
    let says = add("rule.id = 1", &[]);
    assert!(
        says.contains("--ends-at") || says.contains("--duration"),
        "{says}"
    );
    let says = add("rule.id = 1", &["--ends-at", "2026-01-01T00:00:00Z"]);
    assert!(says.contains("not after its start"), "{says}");
    let says = add("rule.id = 1", &["--duration", "tomorrow"]);
    assert!(says.contains("no span such as"), "{says}");
    let says = refused(
        &world,
        &[
            "silence",
            "add",
            "rule.id = 1",
            "--comment",
            " ",
            "--duration",
            "2h",
        ],
        2,
    );
    assert!(says.contains("say why"), "{says}");
    let says = refused(&world, &["silence", "preview", "rule.level >= 0"], 2);
    assert!(says.contains("nearly everything"), "{says}");
    assert_eq!(world.text(&["silence", "list", "--all"]), "no silences\n");
}

#[test]
fn what_is_exported_is_imported_as_it_was_and_twice_is_once() {
    let (here, there) = (world(&[]), world(&[]));
    let hostile = "<b>\u{202e}\u{1b}[2J\n\"quoted\" 日本 \u{0}";
    let matchers =
        r#"{data.srcip in 10.0.0.0/8, 2001:db8::/32, rule.level >= 3, "data.a b" not exists}"#;
    // A command line can't hold a NUL.
    add(&here, matchers, &hostile.replace('\u{0}', ""));
    add(&here, "rule.id = 550", "c");
    let gone = add(&here, "rule.id = 551", "ended");
    here.text(&["silence", "expire", &gone]);

    let exported = here.text(&["silence", "export"]);
    assert!(!exported.contains(&gone), "what has ended needs no import");
    let file = there.root().join("silences.json");
    std::fs::write(&file, &exported).unwrap();
    let file = file.to_str().unwrap();
    for _ in 0..2 {
        assert_eq!(
            there.text(&["silence", "import", file]),
            "imported: 2, left out because they have ended: 0, refused: 0\n"
        );
        assert_eq!(there.text(&["silence", "export"]), exported);
    }
    let list = there.text(&["silence", "list"]);
    assert!(
        !list.contains('\u{1b}') && !list.contains('\u{202e}'),
        "{list:?}"
    );
    assert_eq!(
        list.lines().count(),
        8,
        "a comment makes no line of its own: {list}"
    );
    let listed = json_of(&there, &["silence", "list", "--json"]);
    assert_eq!(listed[0]["comment"], hostile.replace('\u{0}', ""));
}

#[test]
fn amtools_silences_are_taken_and_one_that_is_wrong_keeps_no_other_out() {
    let world = world(&[]);
    let entry = |id: &str, ends: &str, value: &str, regex: bool| {
        json!({
            "id": id,
            "matchers": [{"name": "agent.name", "value": value, "isRegex": regex, "isEqual": true}],
            "startsAt": "2026-11-20T08:00:00.000Z",
            "endsAt": ends,
            "createdBy": "ana",
            "comment": "\u{1b}[2J\u{0}",
            "updatedAt": "2026-11-20T08:00:00.000Z",
            "status": {"state": "active"},
        })
    };
    let list = json!([
        entry(
            "11111111-1111-4111-8111-111111111111",
            "9000-01-01T00:00:00Z",
            "web-\\d+",
            true
        ),
        entry(
            "22222222-2222-4222-8222-222222222222",
            "9000-01-01T00:00:00Z",
            "(\u{1b}",
            true
        ),
        entry(
            "33333333-3333-4333-8333-333333333333",
            "2026-11-20T09:00:00Z",
            "old",
            false
        ),
        5,
    ]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_alertbridge"))
        .args(["silence", "import", "-", "--config"])
        .arg(world.root().join("alertbridge.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(list.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert_eq!(
        out(&output),
        "imported: 1, left out because they have ended: 1, refused: 2\n"
    );
    let says = err(&output);
    assert!(says.contains("entry 2: matcher, column"), "{says}");
    assert!(says.contains("entry 4: it is no JSON object"), "{says}");
    assert!(!says.contains('\u{1b}'), "{says:?}");
    let listed = json_of(&world, &["silence", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], "11111111-1111-4111-8111-111111111111");
    assert_eq!(listed[0]["matchers"], r#"agent.name =~ "web-\\d+""#);
    assert_eq!(listed[0]["comment"], "\u{1b}[2J\u{0}");

    let file = world.root().join("no.json");
    std::fs::write(&file, "{\"id\":").unwrap();
    let says = refused(&world, &["silence", "import", file.to_str().unwrap()], 74);
    assert!(says.contains("must be a JSON list"), "{says}");
    let says = refused(&world, &["silence", "import", "/nowhere/at/all"], 74);
    assert!(says.contains("/nowhere/at/all"), "{says}");
}

#[test]
fn a_preview_tells_what_a_silence_would_have_silenced() {
    let mute = Placement::Silenced(SilencedBy::Mute("night".into()));
    let mut alerts: Vec<(Vec<u8>, Placement)> = Vec::new();
    for line in ALERTS.lines() {
        alerts.push((line.as_bytes().to_vec(), routed()));
    }
    for number in 0..7 {
        alerts.push((
            login(number, "bastion\u{202e}", "sshd: \u{1b}[2J <b>"),
            routed(),
        ));
    }
    alerts.push((login(7, "bastion\u{202e}", "sshd"), mute));
    let world = world(&alerts);
    let since = "2026-11-20T00:00:00Z";
    let preview = json_of(
        &world,
        &[
            "silence",
            "preview",
            "agent.name =~ bastion.*",
            "--since",
            since,
            "--json",
        ],
    );
    assert_eq!(preview["asked"], preview["alerts"]);
    assert_eq!(preview["silenced"], 8);
    // Real alerts of the same rule come before it: all of them are its repeats.
    let folded = preview["folded"].as_u64().unwrap();
    assert_eq!(preview["routed"].as_u64().unwrap() + folded, 7);
    assert!(folded >= 6);
    assert_eq!(preview["already"], 1);
    assert_eq!(preview["loudest"][0]["alerts"], 8);
    assert_eq!(preview["loudest"][0]["rule_id"], "5710");
    assert_eq!(preview["examples"].as_array().unwrap().len(), 5);
    assert_eq!(preview["examples"][0]["reference"], "m1:1795250613.7");

    let text = world.text(&[
        "silence",
        "preview",
        "agent.name =~ bastion.*",
        "--since",
        since,
    ]);
    let all = preview["asked"].as_u64().unwrap();
    assert!(
        text.contains(&format!("would have silenced 8 of {all} alerts")),
        "{text}"
    );
    assert!(text.contains("silenced already 1"), "{text}");
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text:?}"
    );
    let none = world.text(&[
        "silence",
        "preview",
        "agent.name = nobody",
        "--since",
        since,
    ]);
    assert!(none.contains("would have silenced 0 of"), "{none}");
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

#[test]
fn noise_names_the_loudest_and_what_it_suggests_can_be_pasted() {
    let mut alerts: Vec<(Vec<u8>, Placement)> = Vec::new();
    for number in 0..9 {
        alerts.push((login(number, "o'brien", "sshd: it's \u{1b}[2J"), routed()));
    }
    let world = world(&alerts);
    let since = "2026-11-20T00:00:00Z";
    let text = world.text(&["noise", "--since", since]);
    assert!(text.starts_with("39 alerts received since "), "{text}");
    let line = |begins: &str| {
        let found = text
            .lines()
            .find(|line| line.trim_start().starts_with(begins));
        found
            .unwrap_or_else(|| panic!("no {begins:?} in {text}"))
            .trim()
            .to_owned()
    };
    assert!(line("gate follower").contains("30  76.9 %"), "{text}");
    assert!(line("repeat ").contains(" 8 "), "{text}");
    assert!(
        line("5710 o'brien").ends_with("5       9  23.1 %         0       8       1"),
        "{text}"
    );
    assert!(line("repeats of m1:1795250613.0").contains(" 8 "), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");

    let pasted = line("alertbridge silence add ");
    assert!(
        pasted.contains(r"o'\''brien"),
        "the shell sees the quote: {pasted}"
    );
    let program = format!("{} silence", env!("CARGO_BIN_EXE_alertbridge"));
    let pasted = pasted.replacen("alertbridge silence", &program, 1);
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{pasted} --config {}/alertbridge.toml",
            world.root().display()
        ))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = json_of(&world, &["silence", "list", "--json"]);
    let matchers = listed[0]["matchers"].as_str().unwrap();
    let preview = json_of(
        &world,
        &["silence", "preview", matchers, "--since", since, "--json"],
    );
    assert_eq!(preview["silenced"], 9, "{matchers}");

    let json = json_of(
        &world,
        &["noise", "--since", since, "--limit", "1", "--json"],
    );
    assert_eq!(json["received"], 39);
    assert_eq!(json["loudest"][0]["alerts"], 9);
    assert_eq!(json["suggestions"][0]["matchers"], matchers);
    assert_eq!(json["taken"].as_array().unwrap().len(), 1);
}

#[test]
fn a_ledger_that_is_not_there_is_told() {
    let world = World::make("http://127.0.0.1:9", "key", "");
    for arguments in [
        &["silence", "list"][..],
        &["silence", "export"],
        &["silence", "expire", "x"],
        &["noise"],
        &["silence", "preview", "rule.id = 1"],
    ] {
        assert!(refused(&world, arguments, 78).contains("there is no ledger"));
    }
}
