//! Names of people, hosts and internal addresses: what is replaced, what stays, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, LazyLock};

use alertbridge_triage::{Fact, Prompt, PromptSettings, Prompter, Redactor, Subject};
use proptest::prelude::*;
use serde_json::{Value, json};

const NONCE: &str = "9f3c1a7be2";

static PROMPTER: LazyLock<Prompter> = LazyLock::new(|| {
    let redactor = Arc::new(Redactor::built_in().unwrap());
    Prompter::new(PromptSettings::default(), redactor, true).unwrap()
});

fn build_with(alert: &Value, facts: &[Fact]) -> Prompt {
    let subject = Subject {
        alert,
        title: None,
        description: None,
        facts,
    };
    PROMPTER.build(&subject, NONCE).unwrap()
}

fn build(alert: &Value) -> Prompt {
    build_with(alert, &[])
}

/// The field `data.x` of an alert whose other fields name bob of CORP on WIN01.
fn renamed(text: &str) -> String {
    let alert = json!({
        "rule": {"id": "1"}, "agent": {"name": "WIN01"},
        "data": {"dstuser": "bob", "win": {"eventdata": {"user": "CORP\\bob"}}, "x": text},
    });
    let prompt = build(&alert);
    prompt
        .fields
        .into_iter()
        .find(|field| field.path == "data.x")
        .unwrap()
        .text
}

fn sent(prompt: &Prompt, path: &str) -> String {
    prompt
        .fields
        .iter()
        .find(|field| field.path == path)
        .unwrap()
        .text
        .clone()
}

#[test]
fn names_become_pseudonyms_and_the_structure_stays() {
    for (text, expected) in [
        (r"CORP\bob", r"DOMAIN_INT_1\USER_1"),
        ("bob@corp.local", "EMAIL_1"),
        (r"C:\Users\bob\x.exe", r"C:\Users\USER_1\x.exe"),
        ("/home/bob/.ssh", "/home/USER_1/.ssh"),
        ("srcip 10.2.3.4, 8.8.8.8", "srcip IP_INT_1, 8.8.8.8"),
        (r"NT AUTHORITY\SYSTEM", r"NT AUTHORITY\SYSTEM"),
        ("WIN01$", "HOST_1$"),
        (r"CORP\WIN01$", r"DOMAIN_INT_1\HOST_1$"),
        ("win01.corp.example", "HOST_1.DOMAIN_INT_1.example"),
        ("bobcat.exe run by bob", "bobcat.exe run by USER_1"),
        ("BOB logged on to win01.", "USER_1 logged on to HOST_1."),
        ("fe80::1 and fd00::5", "IP_INT_1 and IP_INT_2"),
        ("2001:4860::8888", "2001:4860::8888"),
        ("::ffff:10.1.1.1 is 10.1.1.1", "IP_INT_1 is IP_INT_1"),
        (
            "10.2.3.4:443 and 10.2.3.0/24",
            "IP_INT_1:443 and IP_INT_2/24",
        ),
        ("user=root", "user=root"),
        ("user=alice and alice", "user=USER_2 and USER_2"),
        (
            r"C:\Users\Eva Maria\a and Eva Maria",
            r"C:\Users\USER_2\a and USER_2",
        ),
        (
            "/home/index.php and index.php",
            "/home/index.php and index.php",
        ),
        ("FileVersion: 10.0.1.5", "FileVersion: 10.0.1.5"),
        (
            "version 10.0.19041.1 of 10.0.19041.1",
            "version 10.0.19041.1 of 10.0.19041.1",
        ),
        (
            "S-1-5-21-1-2-3-500 d41d8cd98f00b204e9800998ecf8427e",
            "S-1-5-21-1-2-3-500 d41d8cd98f00b204e9800998ecf8427e",
        ),
        (
            "127.0.0.1 172.32.0.1 1.10.2.3.4 x10.2.3.4",
            "127.0.0.1 172.32.0.1 1.10.2.3.4 x10.2.3.4",
        ),
        (
            "root Administrator www-data krbtgt",
            "root Administrator www-data krbtgt",
        ),
    ] {
        assert_eq!(renamed(text), expected, "{text}");
    }
}

#[test]
fn a_field_of_versions_is_left_alone() {
    let alert = json!({"rule": {"id": "1"}, "agent": {"ip": "10.0.0.1"}, "data": {"win": {"eventdata": {
        "fileVersion": "10.0.0.1", "commandLine": "ping 10.0.0.1"}}}});
    let prompt = build(&alert);
    assert_eq!(sent(&prompt, "data.win.eventdata.fileVersion"), "10.0.0.1");
    assert_eq!(
        sent(&prompt, "data.win.eventdata.commandLine"),
        "ping IP_INT_1"
    );
}

#[test]
fn one_value_has_one_name_in_all_fields_in_keys_and_in_facts() {
    let alert = json!({
        "rule": {"id": "1", "description": "bob did it on web01"}, "agent": {"name": "web01", "ip": "10.0.0.7"},
        "data": {"srcuser": "bob", "bob": {"seen": "x"}, "url": "http://web01/~bob?from=10.0.0.7"}, "full_log": "something new by bob@web01",
    });
    let facts = [Fact {
        label: "seen".to_owned(),
        text: "bob on web01, 3 times".to_owned(),
        passing: false,
    }];
    let prompt = build_with(&alert, &facts);
    for name in ["bob", "web01", "10.0.0.7"] {
        assert!(!prompt.user.contains(name), "{name} in {}", prompt.user);
    }
    assert_eq!(sent(&prompt, "rule.description"), "USER_1 did it on HOST_1");
    assert_eq!(sent(&prompt, "data.USER_1.seen"), "x");
    assert_eq!(prompt.facts[0], "seen: USER_1 on HOST_1, 3 times");
}

#[test]
fn neighbours_in_a_net_are_told() {
    let alert = json!({"rule": {"id": "1"}, "data": {"srcip": "10.1.1.4", "dstip": "10.1.1.9", "other": "10.1.2.1"}});
    let prompt = build(&alert);
    assert_eq!(prompt.facts, ["IP_INT_1, IP_INT_3 (same /24)"]);
    assert!(prompt.user.contains("\n- IP_INT_1, IP_INT_3 (same /24)\n"));
}

#[test]
fn names_come_back_and_only_whole_ones_of_this_alert() {
    let alert = json!({"rule": {"id": "1"}, "data": {"srcuser": "bob", "dstuser": "eve", "srcip": "10.1.1.4"}});
    let map = build(&alert).pseudonyms;
    assert_eq!(map.len(), 3);
    let back = |text: &str| map.reidentify(text);
    assert_eq!(
        back("USER_1 is eve? USER_2!"),
        ("eve is eve? bob!".to_owned(), 0)
    );
    assert_eq!(back("from IP_INT_1."), ("from 10.1.1.4.".to_owned(), 0));
    assert_eq!(
        back("USER_3 and HOST_1"),
        ("USER_3 and HOST_1".to_owned(), 2)
    );
    assert_eq!(
        back("USER_12 XUSER_1 USER_1x user_1"),
        ("USER_12 XUSER_1 USER_1x user_1".to_owned(), 2)
    );
    assert_eq!(
        back("\u{fc}USER_1 (USER_1)"),
        ("\u{fc}USER_1 (eve)".to_owned(), 0)
    );
}

#[test]
fn what_an_attacker_writes_is_nobody() {
    for text in ["USER_1 did it", "us\u{200b}er_1 did it", "USER_\u{ad}1"] {
        let alert =
            json!({"rule": {"id": "1"}, "data": {"srcuser": "bob", "x": text, "USER_2": "y"}});
        let prompt = build(&alert);
        assert_eq!(sent(&prompt, "data.srcuser"), "USER_3", "{text}");
        assert_eq!(
            prompt.pseudonyms.reidentify("USER_1 USER_2 USER_3"),
            ("USER_1 USER_2 bob".to_owned(), 2),
            "{text}"
        );
    }
}

#[test]
fn a_user_called_like_a_field_hides_none() {
    let alert = json!({"rule": {"id": "1", "level": 9}, "agent": {"name": "data"}, "data": {"srcuser": "rule", "dstuser": "win",
        "win": {"eventdata": {"image": "x.exe"}}}});
    let prompt = build(&alert);
    assert_eq!(sent(&prompt, "rule.level"), "9");
    assert_eq!(sent(&prompt, "data.win.eventdata.image"), "x.exe");
    assert_eq!(sent(&prompt, "data.srcuser"), "USER_2");
}

#[test]
fn the_map_is_never_printed() {
    let alert = json!({"rule": {"id": "1"}, "data": {"srcuser": "bobthebuilder"}});
    let prompt = build(&alert);
    assert!(!format!("{prompt:?}").contains("bobthebuilder"));
}

#[test]
fn without_pseudonyms_nothing_is_replaced_or_put_back() {
    let redactor = Arc::new(Redactor::built_in().unwrap());
    let prompter = Prompter::new(PromptSettings::default(), redactor, false).unwrap();
    let alert = json!({"rule": {"id": "1"}, "data": {"srcuser": "bob"}});
    let prompt = prompter
        .build(
            &Subject {
                alert: &alert,
                title: None,
                description: None,
                facts: &[],
            },
            NONCE,
        )
        .unwrap();
    assert_eq!(sent(&prompt, "data.srcuser"), "bob");
    assert_eq!(
        prompt.pseudonyms.reidentify("USER_1"),
        ("USER_1".to_owned(), 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_name_from_a_known_field_is_nowhere_and_comes_back(
        user in "[b-df-hj-np-tv-z]{3,12}", host in "[b-df-hj-np-tv-z]{3,8}[0-9]{2}", last in 1_u8..255, before in "[ ,;:/\\\\\"'(=@]", after in "[ ,;:/\\\\\"')]",
    ) {
        let ip = format!("192.168.7.{last}");
        let text = format!("x{before}{user}{after}y{before}{host}{after}z {ip}");
        let alert = json!({"rule": {"id": "1"}, "agent": {"name": host}, "data": {"srcuser": user, "srcip": ip, "x": text}});
        let prompt = build(&alert);
        let shown = sent(&prompt, "data.x");
        for name in [&user, &host, &ip] {
            prop_assert!(!shown.contains(name.as_str()), "{name} in {shown}");
        }
        let (back, unknown) = prompt.pseudonyms.reidentify(&shown);
        prop_assert_eq!(unknown, 0);
        prop_assert_eq!(back, text.replace("  ", " "));
    }
}
